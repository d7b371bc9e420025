"""From a casefile to facts: what kind of file it is, and the reader for it."""

import contextlib
import hashlib
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import CasefileError
from ..facts import Case, Casefile
from . import packed

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to read: where exact symbols are, in the debugger's syntax; `timings` receives seconds by stage; `through` is
    a debugger that has a part in it."""

    symbols: Sequence[str] = ()
    timings: dict[str, float] = field(default_factory=dict)
    through: "Through | None" = None


Through = Callable[[Path, Progress, Callable[[], list[Case]]], list[Case]]
"""Reads a casefile in place of this program, or after it: a debugger. The last argument reads it natively."""

EXPECTED = (
    "expected a Windows kernel dump, a debugger log, a log of poolmon, Performance Monitor or Windows events, or a "
    "facts.json"
)
_CHUNK = 1 << 24


def read(path: Path, progress: Progress = lambda _: None, options: Options | None = None) -> list[Case]:
    """The cases in a casefile: one, or one per machine where a log holds several.

    Raises CasefileError with one line when the file cannot be read or recognised.
    """
    how = options or Options()

    def native() -> list[Case]:
        with _mapped(path, progress) as (data, name):
            return _read(name, data, progress, how)

    return how.through(path, progress, native) if how.through else native()


def describe_symbols(path: Path, progress: Progress, options: Options) -> list[str]:
    """Which symbols and layouts a kernel dump is read with, line by line. Raises CasefileError as `read` does."""
    from . import dump
    from .kernel.kernel import describe, open_kernel

    with _mapped(path, progress) as (data, name):
        header = dump.header_of(data)
        if not dump.holds_memory(header):
            raise CasefileError(f"{name} holds no kernel memory that can be read; symbols are of no use for it")
        problems: list[str] = []
        kernel = open_kernel(data, header, options.symbols, problems, progress)
        return describe(kernel) if kernel else [f"problem: {problem}" for problem in problems]


@contextlib.contextmanager
def _mapped(path: Path, progress: Progress) -> Iterator[tuple[mmap.mmap, str]]:
    """The casefile as mapped memory, and its name; out of an archive where it is packed."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CasefileError(f"{path} is not a file; {EXPECTED}")
        if size == 0:
            raise CasefileError(f"{path} is empty; {EXPECTED}: copy it again from the machine")
        with contextlib.ExitStack() as stack:
            file, name = path, path.name
            with path.open("rb") as handle:
                packing = packed.kind_of(handle.read(8))
            if packing is not None:
                progress("Unpacking")
                file, name = stack.enter_context(packed.unpacked(path, packing, progress))
                if file.stat().st_size == 0:
                    raise CasefileError(f"{name} is empty; {EXPECTED}: pack it again")
            handle = stack.enter_context(file.open("rb"))
            # Not closed here: arrays over the mapping may outlive this block, the last of them closes it.
            yield mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ), name
    except CasefileError as error:
        if path.name in str(error):
            raise
        raise CasefileError(f"{path}: {error}") from error
    except OSError as error:
        raise CasefileError(f"{path} cannot be read: {error.strerror or error}") from error


def _read(name: str, data: mmap.mmap, progress: Progress, options: Options) -> list[Case]:
    from . import dump, factsjson

    head = data[:4096]
    if dump.is_dump(head):
        return [_crash_dump(name, data, progress, options)]
    if not any(head):
        # Dumps whose write failed are files of the right size full of zeros; the size of the file does not matter.
        raise CasefileError(
            f"{name} begins with {len(head)} zero bytes, no dump was written; {EXPECTED}: look for another dump, "
            "or check the page file and disk space and let the machine crash again"
        )
    if factsjson.is_facts(head):
        progress("Reading facts")
        return factsjson.read(bytes(data), name)
    counters = _counters_or_events(name, data, head, progress)
    if counters is not None:
        return counters
    from . import poolmon

    if len(data) <= poolmon.MAX_BYTES and poolmon.is_poolmon(data):
        progress("Reading the poolmon log")
        return poolmon.read(bytes(data), Casefile(name, _sha256(data, progress), len(data), "poolmon"))
    from .log import pasted, reader, text

    if len(data) > text.MAX_BYTES:
        raise CasefileError(
            f"{name} is {len(data):,} bytes of something that is no dump; {EXPECTED} of at most {text.MAX_BYTES:,} "
            "bytes: cut the log to the part about memory"
        )
    progress("Reading the debugger log")
    cases = reader.read(bytes(data), Casefile(name, _sha256(data, progress), len(data), "log"))
    for case in cases:
        if pasted.only_tables(case.facts):
            case.casefile = replace(case.casefile, kind="table")
    return cases


def _counters_or_events(name: str, data: mmap.mmap, head: bytes, progress: Progress) -> list[Case] | None:
    """The cases of a log of Performance Monitor or of Windows events; None for anything else.

    Raises CasefileError for their binary forms, with the command that makes text of them.
    """
    from . import events, perfmon

    if perfmon.is_perfmon(head):
        progress("Reading the performance log")
        return perfmon.read(data, Casefile(name, _sha256(data, progress), len(data), "perfmon"))
    if perfmon.is_binary(head, name):
        raise CasefileError(
            f"{name} is a binary event trace, as Performance Monitor writes; make text of it on Windows with: "
            f'relog "{name}" -f csv -o "{Path(name).stem}.csv"'
        )
    if events.binary_log(head):
        raise CasefileError(
            f'{name} is a binary event log; make text of it on Windows with: wevtutil qe "{name}" /lf:true '
            f"{events.EXPORT} > events.xml"
        )
    if events.is_events(data[: events.HEAD]):
        progress("Reading the events")
        return events.read(data, Casefile(name, _sha256(data, progress), len(data), "events"))
    return None


def _crash_dump(name: str, data: mmap.mmap, progress: Progress, options: Options) -> Case:
    """The header and what triage dumps hold; of other dumps kernel memory."""
    from . import dump

    progress("Reading the crash dump")
    header = dump.header_of(data)
    case = dump.read(data, Casefile(name, _sha256(data, progress), len(data), "dump"))
    if dump.is_triage(header):
        return case
    if dump.holds_memory(header):
        from .kernel import read_kernel

        if read_kernel(data, header, case, progress, options.timings, options.symbols):
            return case
    case.extend(dump.unread(header))
    return case


def _sha256(data: mmap.mmap, progress: Progress) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(data), _CHUNK):
        if start and start % (64 * _CHUNK) == 0:
            progress(f"Hashing the casefile, {100 * start // len(data)} %")
        digest.update(data[start : start + _CHUNK])
    return digest.hexdigest()
