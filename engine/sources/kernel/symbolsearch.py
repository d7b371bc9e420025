"""Exact symbols of a kernel, in the order they are looked for: symbol tables, PDBs in folders, symbol servers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .isf import Pdb, Symbols, read_table, tables
from .pdb import compressed, identify, places, store_path
from .symbolcache import EXTRA, ConversionError, can_convert, convert
from .symbolpath import ENVIRONMENT, SymbolPath, symbol_path
from .symbolserver import Progress, ServerError, fetch

Accept = Callable[[Symbols], bool]
_MICROSOFT = "https://msdl.microsoft.com/download/symbols"


@dataclass(slots=True)
class Search:
    """What was found, where it was looked for in order, and a sentence for each problem on the way."""

    symbols: Symbols | None = None
    file: Path | None = None
    looked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def take(self, path: Path, pdb: Pdb, accept: Accept) -> bool:
        """Read a symbol table and keep it if it is the kernel's."""
        found, problem = read_table(path, pdb)
        if found is not None and not accept(found):
            problem = "its PsLoadedModuleList is not where the header says, so it is not used"
        if problem or found is None:
            self.problems.append(f"{path}: {problem}")
            return False
        self.symbols, self.file = found, path
        return True


def search(pdb: Pdb, given: Iterable[str], accept: Accept, progress: Progress) -> Search:
    """Look for the symbols of a PDB; `given` is in the debugger's syntax, `accept` holds them against the dump.

    No server is asked unless the path names one, nothing nearer has the symbols, and a PDB could be converted.
    """
    made = Search()
    if not pdb.plain:
        made.problems.append("the kernel's PDB has no plain file name in this dump: its symbols are not looked for")
        return made
    path = symbol_path(given)
    made.problems += path.problems
    if _in_tables(made, pdb, path, accept):
        return made
    for file in _pdbs(made, pdb, path, progress):
        try:
            table = convert(file, pdb, path.cache, progress)
        except ConversionError as error:
            made.problems.append(str(error))
            continue
        if made.take(table, pdb, accept):
            break
    return made


def _in_tables(made: Search, pdb: Pdb, path: SymbolPath, accept: Accept) -> bool:
    for folder in path.tables:
        files = [file for file in tables(folder, pdb) if file.is_file()]
        made.looked.append(f"symbol table in {folder}: {'found' if files else 'none'}")
        if any(made.take(file, pdb, accept) for file in files):
            return True
    return False


def _pdbs(made: Search, pdb: Pdb, path: SymbolPath, progress: Progress) -> Iterator[Path]:
    """The PDBs at hand, one after the other; servers are asked only when all before them were of no use."""
    for folder in path.folders:
        file = _in_folder(made, folder, pdb)
        made.looked.append(f"PDB in {folder}: {'found' if file else 'none'}")
        if file is not None:
            yield file
    for server in path.servers:
        if not can_convert():
            made.looked.append(f"symbol server {server.shown}: not asked")
            made.problems.append(f"symbol server {server.shown} is not asked: a PDB cannot be read without {EXTRA}")
            continue
        progress(f"Asking {server.shown} for {pdb.name}")
        try:
            file = fetch(server, pdb, progress)
        except ServerError as error:
            made.looked.append(f"symbol server {server.shown}: problem")
            made.problems.append(str(error))
            continue
        made.looked.append(f"symbol server {server.shown}: {'found' if file else 'none'}")
        if file is not None:
            yield file


def _in_folder(made: Search, folder: Path, pdb: Pdb) -> Path | None:
    """The PDB in a folder; one of the same name that is another's is none."""
    for place in places(folder, pdb):
        try:
            if not place.is_file():
                if compressed(place).is_file():
                    made.problems.append(f"{compressed(place)} is a compressed file, which is not unpacked")
                continue
            found = identify(place)
        except OSError as error:
            made.problems.append(f"{place} cannot be read: {error.strerror or error}")
            continue
        if found is not None and found.is_of(pdb):
            return place
        what = "is no whole PDB" if found is None else f"is of GUID {found.guid} age {min(found.ages)}"
        made.problems.append(f"{place} {what}, so it is not used")
    return None


def advice(pdb: Pdb) -> list[str]:
    """How to get exact symbols, line by line."""
    whole = store_path(pdb)
    lines = [
        f"for exact symbols put the symbol table {pdb.name}/{pdb.key}.json.xz (Volatility 3 ISF) into a folder of "
        f"--symbols or {ENVIRONMENT}",
        f"or the PDB, in a symbol store {whole}, into a folder of --symbols or _NT_SYMBOL_PATH",
        f"or name a symbol server: --symbols 'srv*{_MICROSOFT}' downloads {_MICROSOFT}/{whole}",
    ]
    if not can_convert():
        lines.append(f"a PDB is read only with {EXTRA}, which is not installed")
    return lines
