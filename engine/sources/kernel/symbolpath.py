"""Where symbols are looked for, in the debugger's syntax: folders, srv*CACHE*URL, symsrv*DLL*..., cache*FOLDER.

Syntax: "Symbol path for Windows debuggers" (Microsoft Learn). Elements are separated by `;`. Nothing is ever asked of a
server that is not named: `srv*` alone, which debuggers take for Microsoft's server, means the cache folder only.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ... import userfolders

ENVIRONMENT = "DUMPTRIAGE_SYMBOLS"
"""As --symbols; on systems where PATH is separated by `:`, its plain folders may be too."""
DEBUGGER_ENVIRONMENT = "_NT_SYMBOL_PATH"
_URL = re.compile(r"https?://[^\s*]+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class Server(NamedTuple):
    """A symbol server, and the store in which files found there are kept."""

    url: str
    store: Path

    @property
    def shown(self) -> str:
        """The address without user name and password."""
        return re.sub(r"//[^/@]*@", "//", self.url)


class SymbolPath(NamedTuple):
    """Where to look, in order: all folders come before all servers."""

    tables: tuple[Path, ...]
    """Folders (or files) with symbol tables: those given, those of DUMPTRIAGE_SYMBOLS, the cache."""
    folders: tuple[Path, ...]
    """Folders (or files) with PDBs: the same, and those of _NT_SYMBOL_PATH before the cache."""
    servers: tuple[Server, ...]
    cache: Path
    problems: tuple[str, ...]


def user_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's cache of symbols."""
    return userfolders.cache(environment) / "symbols"


def parse(text: str, cache: Path) -> tuple[list[Path], list[Server], list[str]]:
    """Folders and servers of a symbol path in order, and a sentence for each element that is not understood.

    `cache` is meant where a store is left empty, and keeps what servers without a store of their own have.
    """
    folders: list[Path] = []
    servers: list[Server] = []
    problems: list[str] = []
    keep: Path | None = None
    for element in text.split(";"):
        element = element.strip().strip('"')
        words = [word.strip() for word in element.split("*")]
        stores = _stores(words)
        if not element:
            continue
        if stores is None or any(_SCHEME.match(word) and not _URL.fullmatch(word) for word in stores):
            problems.append(f"{element!r} in the symbol path is not understood")
            continue
        local = [Path(word).expanduser() if word else cache for word in stores if not _SCHEME.match(word)]
        folders += local
        if words[0].lower() == "cache":
            keep = local[0] if local else None
        servers += [Server(word, (local or [keep or cache])[0]) for word in stores if _SCHEME.match(word)]
    return folders, servers, problems


def _stores(words: Sequence[str]) -> Sequence[str] | None:
    """The stores of an element split at its asterisks; None where it is of no known form."""
    kind = words[0].lower()
    if len(words) == 1:
        return words
    if kind == "srv":
        return words[1:]
    if kind == "symsrv" and len(words) > 2:
        return words[2:]
    return words[1:] if kind == "cache" and len(words) == 2 and not _SCHEME.match(words[1]) else None


def symbol_path(given: Iterable[str], environment: Mapping[str, str] = os.environ) -> SymbolPath:
    """Where to look by what is given on the command line and by the environment."""
    cache = user_cache(environment)
    own = ";".join([*given, *_listed(environment.get(ENVIRONMENT, ""))])
    folders, servers, problems = parse(own, cache)
    more = parse(environment.get(DEBUGGER_ENVIRONMENT, ""), cache)
    return SymbolPath(
        tables=tuple(dict.fromkeys([*folders, cache])),
        folders=tuple(dict.fromkeys([*folders, *more[0], cache])),
        servers=tuple(dict.fromkeys([*servers, *more[1]])),
        cache=cache,
        problems=(*problems, *more[2]),
    )


def _listed(text: str) -> list[str]:
    """The elements of DUMPTRIAGE_SYMBOLS, plain ones also separated as in PATH."""
    listed: list[str] = []
    for element in text.split(";"):
        plain = "*" not in element and not _SCHEME.match(element)
        listed += element.split(os.pathsep) if plain else [element]
    return listed
