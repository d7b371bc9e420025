"""Mistakes for machines: JSON, and SARIF 2.1.0 (OASIS) as code review tools and editors read it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..mistakes import CODES, Mistake
from .check import Checked

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
"""The base of relative addresses: the working directory."""


def to_json(checked: Checked) -> str:
    """What was found, as one JSON object."""
    document = {
        "files": list(checked.files),
        "errors": checked.errors,
        "warnings": len(checked.mistakes) - checked.errors,
        "mistakes": [
            {
                "file": one.place.file,
                "line": one.place.line,
                "column": one.place.column,
                "severity": one.severity,
                "code": one.code,
                "message": one.what,
                "nearest": one.nearest,
            }
            for one in checked.mistakes
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def to_sarif(checked: Checked, root: Path) -> str:
    """What was found, as a SARIF log; addresses are relative to `root` where a file lies below it."""
    codes = list(CODES)
    run = {
        "tool": {
            "driver": {
                "name": "triage rules check",
                "version": __version__,
                "rules": [
                    {
                        "id": code,
                        "shortDescription": {"text": meaning},
                        "defaultConfiguration": {"level": "warning" if code in _WARNINGS else "error"},
                    }
                    for code, meaning in CODES.items()
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"uri": f"{root.resolve().as_uri().rstrip('/')}/"}},
        "results": [_result(one, codes, checked.lines, root) for one in checked.mistakes],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


_WARNINGS = ("unused-threshold",)


def _result(one: Mistake, codes: list[str], texts: dict[str, list[str]], root: Path) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": one.place.line, "startColumn": one.place.column}
    lines = texts.get(one.place.file, [])
    if 0 < one.place.line <= len(lines):
        region["snippet"] = {"text": lines[one.place.line - 1]}
    return {
        "ruleId": one.code,
        "ruleIndex": codes.index(one.code),
        "level": one.severity,
        "message": {"text": one.what},
        "locations": [{"physicalLocation": {"artifactLocation": _location(one.place.file, root), "region": region}}],
    }


def _location(file: str, root: Path) -> dict[str, str]:
    path = Path(file).resolve()
    try:
        return {"uri": quote(path.relative_to(root.resolve()).as_posix()), "uriBaseId": ROOT}
    except ValueError:
        return {"uri": path.as_uri()}
