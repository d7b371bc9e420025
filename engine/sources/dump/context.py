"""The process and thread in whose context the machine crashed, from the copies of EPROCESS, ETHREAD and PRCB.

The copies carry no addresses of their own: that of the thread is PRCB.CurrentThread, that of the process
KTHREAD.ApcState.Process, whose offsets the debugger data block gives. With the idle thread running, the attached
process (System) is not the thread's owner.
"""

from dataclasses import dataclass

from ...facts import Fact, address, new
from .drivers import Driver
from .image import is_kernel_address, printable
from .offsets import process_offsets, thread_offsets
from .triage import DebuggerData, TriageDump

_IMAGE_NAME = 15
_MAX_ID = 1 << 26
"""Process and thread ids are handle-table indexes times four; a table ends at 2^24 of them
(Mark Russinovich, Pushing the Limits of Windows: Handles)."""
_STATES = {2: "running", 4: "terminated", 5: "waiting"}
"""KTHREAD_STATE of the public symbols."""


@dataclass(frozen=True, slots=True)
class CrashProcess:
    """The current process of the crashing processor. Absent fields could not be read or cannot be true."""

    offset: int
    address: int | None
    pid: int | None
    parent: int | None
    image: str | None


def _identity(dump: TriageDump, offset: int) -> int | None:
    """A process or thread id, or None for a value that is none."""
    value = dump.image.word(offset, dump.bits)
    return value if value is not None and value % 4 == 0 and value < _MAX_ID else None


def _pointer(dump: TriageDump, part: int | None, field: int | None) -> int | None:
    """A kernel address in one of the copies, or None."""
    value = dump.image.word(part + field, dump.bits) if part is not None and field is not None else None
    return value if value is not None and is_kernel_address(value, dump.bits) else None


def _field(dump: TriageDump, field: int) -> int | None:
    return dump.debugger_data.u16(field) if dump.debugger_data else None


def read_process(dump: TriageDump) -> CrashProcess | None:
    """The EPROCESS copy.

    Where the debugger data places the parent id elsewhere than the table (arm64, whose KPROCESS has another size), the
    neighbouring fields are taken to have moved with it; the name must then still be a name.
    """
    start, build = dump.part("process"), dump.header.build
    offsets = process_offsets(build, dump.bits) if build else None
    if start is None or offsets is None:
        return None
    moved = (_field(dump, DebuggerData.OFFSET_EPROCESS_PARENT_CID) or offsets.parent) - offsets.parent
    raw = dump.image.bytes(start + offsets.image + moved, _IMAGE_NAME) or b""
    image = printable(raw.decode("ascii", "replace"))
    known = image is not None
    thread = dump.part("thread")
    return CrashProcess(
        offset=start,
        address=_pointer(dump, thread, _field(dump, DebuggerData.OFFSET_KTHREAD_APC_PROCESS)),
        pid=_identity(dump, start + offsets.pid + moved) if known else None,
        parent=_identity(dump, start + offsets.parent + moved) if known else None,
        image=image,
    )


def process_fact(process: CrashProcess) -> Fact | None:
    """The process fact, or None if neither name nor id is known."""
    if process.image is None and process.pid is None:
        return None
    return new(
        "process",
        source=f"triage EPROCESS copy @ file 0x{process.offset:x}",
        verify="!process -1 0",
        pid=process.pid,
        image=process.image,
        address=address(process.address) if process.address is not None else None,
        parent_pid=process.parent,
        crashed=True,
    )


def thread_fact(dump: TriageDump, process: CrashProcess | None, drivers: list[Driver]) -> Fact | None:
    """A `sample` of type Thread for the thread that was running, or None where its address is unknown."""
    start, build = dump.part("thread"), dump.header.build
    at = _pointer(dump, dump.part("prcb"), _field(dump, DebuggerData.OFFSET_PRCB_CURRENT_THREAD))
    if start is None or at is None:
        return None
    state_at = _field(dump, DebuggerData.OFFSET_KTHREAD_STATE)
    state = dump.image.u8(start + state_at) if state_at is not None else None
    owner = process.address if process else None
    offsets = thread_offsets(build, dump.bits) if build else None
    cid = _cid(dump, start, offsets.cid, process) if offsets else None
    own_process = process is not None and cid is not None and cid[1] == process.pid
    if cid is not None and not own_process:
        owner = _pointer(dump, start, offsets.process if offsets else None)
    begin = _start(dump, cid[0] + offsets.start) if offsets and cid else None
    win32 = _start(dump, cid[0] + offsets.win32_start) if offsets and cid else None
    return new(
        "sample",
        source=f"triage ETHREAD copy @ file 0x{start:x}",
        verify="!thread",
        type="Thread",
        address=address(at),
        state=_STATES.get(state) if state is not None else None,
        cid=f"{cid[1]:x}.{cid[2]:x}" if cid else None,
        owner_pid=cid[1] if cid else None,
        owner_address=address(owner) if owner is not None else None,
        owner_image=process.image if process and own_process else None,
        start_address=address(begin) if begin else None,
        win32_start_address=address(win32) if win32 else None,
        start_module=_module_at(drivers, begin) if begin else None,
    )


def _cid(dump: TriageDump, start: int, offset: int, process: CrashProcess | None) -> tuple[int, int, int] | None:
    """File offset, process id and thread id of ETHREAD.Cid.

    Taken where the ids belong to the current process or to the idle thread, whose are both 0; else tried 0x20 further
    on, where it lies on arm64 (build 22000: KTHREAD is that much larger than on x64).
    """
    width = dump.bits // 8
    for at in (start + offset, start + offset + 0x20):
        pid, tid = _identity(dump, at), _identity(dump, at + width)
        if pid is None or tid is None:
            continue
        idle = pid == tid == 0 and dump.header.architecture != "arm64"
        if idle or (process is not None and pid == process.pid and tid):
            return at, pid, tid
    return None


def _start(dump: TriageDump, offset: int) -> int | None:
    return dump.image.word(offset, dump.bits) or None


def _module_at(drivers: list[Driver], where: int) -> str | None:
    return next((driver.name for driver in drivers if driver.base <= where < driver.base + driver.size), None)
