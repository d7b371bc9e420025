"""Layouts of all builds from the public symbol data of ../shared, for machines of every build family."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from .layouts import Layout


@cache
def _table(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def names(path: Path) -> list[str]:
    """The builds of a layouts.json, oldest first."""
    return sorted(_table(path), key=lambda name: (_build(name), name))


def published(path: Path, name: str) -> Layout:
    """The layout of one of them. A structure its source does not have is that of the nearest build that has it."""
    table = _table(path)
    alike = [other for other in names(path) if _bits(other) == _bits(name)]
    place = alike.index(name)
    nearest = sorted(range(len(alike)), key=lambda other: abs(other - place))
    offsets: dict[str, int] = {}
    taken: set[str] = set()
    for other in nearest:
        for struct, entry in table[alike[other]]["types"].items():
            if struct in taken or entry.get("size") is None:
                continue
            taken.add(struct)
            offsets[f"{struct}.size"] = entry["size"]
            offsets |= {f"{struct}.{field}": found["o"] for field, found in entry["f"].items()}
    return Layout(_build(name), offsets, _bits(name))


def _bits(name: str) -> int:
    return 64 if " x64" in name else 32


def _build(name: str) -> int:
    match = re.match(r"\d+\.\d+\.(\d+)", name)
    assert match is not None
    return int(match[1])
