"""`!process`: one PROCESS block or a list of them, NT 4 to Windows 11.

    PROCESS ffffd48ca64e7180
        SessionId: 0  Cid: 0260    Peb: 63d241d000  ParentCid: 01f0
        DirBase: 1c299b002  ObjectTable: ffffe60f220f2580  HandleCount: 1155.
        Image: lsass.exe

gives a `process` fact. HandleCount counts the handles the process owns; debuggers before Windows Server 2003 print
TableSize instead, the entries of its handle table, which is kept apart. Threads printed inside are left to `thread`.
"""

import re
from collections.abc import Sequence

from ...facts import address
from .block import Line, Log, Parser
from .cursor import ADDRESS, is_prompt, output, recent
from .text import is_cut

PAGE = 4096
"""Bytes of a page on x86, x64 and arm64."""

SYSTEM_PIDS = (0, 2, 4, 8)
"""Idle, and System on NT 4 (2), 2000 (8) and later (4): without a handle table they have not exited."""

MAX_BLOCK_LINES = 10

HEAD = re.compile(rf"\s*PROCESS\s+(?P<address>{ADDRESS})(?=\s|Session|Cid|$)")
_LIST_HEAD = re.compile(r"\s*\*{2,4} NT ACTIVE PROCESS DUMP \*{2,4}|\s*Searching for Process with Cid ==")
_INSIDE = re.compile(
    r"(?:SessionId|(?<!t)Cid|Peb|ParentCid|DirBase|ObjectTable|HandleCount|TableSize|Image|Freeze ?Count)\s*:"
)
_IMAGE = re.compile(r"(?:^|\s)Image:\s*(?P<image>[^\s<*][^<]*)$")
_CID = re.compile(r"(?<!Parent)Cid:\s*([0-9a-fA-F]{1,8})(?![0-9a-fA-F])")
_PARENT = re.compile(r"ParentCid:\s*([0-9a-fA-F]{1,8})(?![0-9a-fA-F])")
_SESSION = re.compile(r"SessionId:\s*(\d{1,9})(?!\d)")
_OBJECT_TABLE = re.compile(rf"ObjectTable:\s*({ADDRESS})")
_HANDLE_COUNT = re.compile(r"HandleCount:\s*(\d{1,18})(?!\d)")
_TABLE_SIZE = re.compile(r"TableSize:\s*(\d{1,18})(?!\d)")
_DETAIL = re.compile(
    r"\s*(?:[0-9A-Fa-f]{8,16}\s+MutantState|MutantState|VadRoot|DeviceMap|Token|ElapsedTime|UserTime|KernelTime|"
    r"QuotaPoolUsage|Working Set Sizes|PeakWorkingSetSize|VirtualSize|PeakVirtualSize|PageFaultCount|MemoryPriority|"
    r"BasePriority|CommitCharge|DebugPort|Job|Process Lock)\b"
)
_ELAPSED = re.compile(r"\s*ElapsedTime\s+(?:(\d{1,6})\s+Days?\s+)?(\d{1,9}):(\d\d):(\d\d)(?:\.(\d{1,4}))?")
_COMMIT = re.compile(r"\s*CommitCharge\s+(\d{1,12})\s*$")
_THREAD = re.compile(rf"\s*THREAD\s+{ADDRESS}\s*Cid:?\s*([0-9a-fA-F]{{1,8}})\.[0-9a-fA-F]{{1,8}}\b")


def parse_process(lines: Sequence[Line], start: int, log: Log) -> int:
    """One PROCESS block with the verbose lines under it."""
    head = HEAD.match(lines[start].text) if "PROCESS" in lines[start].text else None
    if head is None:
        return start
    block, end = _block(lines, start)
    text = "\n".join(line.text for line in block)
    cid = _CID.search(text)
    if cid is None:
        return start
    image = next((match["image"].strip() for line in block if (match := _IMAGE.search(line.text))), None)
    pid = int(cid[1], 16)
    elapsed, commit, end = _details(lines, end)
    body = address(head["address"])
    table = _address(_OBJECT_TABLE.search(text))
    handle_count = _number(_HANDLE_COUNT.search(text))
    table_size = _number(_TABLE_SIZE.search(text))
    log.add(
        "process",
        block,
        verify=f"!process {body} 0",
        pid=pid,
        image=image,
        address=body,
        parent_pid=int(parent[1], 16) if (parent := _PARENT.search(text)) else None,
        session=_number(_SESSION.search(text)),
        object_table=table,
        handle_count=handle_count,
        table_size=table_size,
        exited=_exited(pid, image, table, handle_count if handle_count is not None else table_size),
        threads=_live_threads(lines, end, pid) if elapsed is not None or commit is not None else None,
        private_bytes=commit * PAGE if commit is not None else None,
        elapsed_s=elapsed,
    )
    return _cut(lines, end, log, in_list="0 0" in log.command)


def parse_list_head(lines: Sequence[Line], start: int, log: Log) -> int:
    """The line above a list of all processes; the list may be cut right below it."""
    if not _LIST_HEAD.match(lines[start].text):
        return start
    return _cut(lines, start + 1, log, in_list="DUMP" in lines[start].text)


def _block(lines: Sequence[Line], start: int) -> tuple[list[Line], int]:
    """The lines of a block down to its image, and the index after them."""
    block = [lines[start]]
    end = start + 1
    if _IMAGE.search(lines[start].text):
        return block, end
    for index, line in output(lines, start + 1, MAX_BLOCK_LINES):
        if HEAD.match(line.text) or not _INSIDE.search(line.text):
            break
        block.append(line)
        end = index + 1
        if _IMAGE.search(line.text):
            break
    return block, end


def _details(lines: Sequence[Line], start: int) -> tuple[float | None, int | None, int]:
    """Elapsed seconds and commit charge in pages from the verbose lines, and the index after them."""
    elapsed: float | None = None
    commit: int | None = None
    end = start
    for index, line in output(lines, start, 64):
        if not _DETAIL.match(line.text):
            break
        end = index + 1
        if match := _ELAPSED.match(line.text):
            days, hours, minutes, seconds, milliseconds = (int(part or 0) for part in match.groups())
            # The fraction is in milliseconds, padded to four digits up to Windows XP: .0875 is 0.875 s.
            elapsed = days * 86400.0 + hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
        elif match := _COMMIT.match(line.text):
            commit = int(match[1])
    return elapsed, commit, end


def _live_threads(lines: Sequence[Line], start: int, pid: int) -> int | None:
    """Threads listed under the block that have not ended; None where the list is cut or of another process."""
    seen = live = 0
    for index in range(start, len(lines)):
        line = lines[index]
        text = line.text
        if not text.strip():
            continue
        if is_prompt(line) or HEAD.match(text):
            break
        thread = _THREAD.match(text) if "THREAD" in text else None
        if thread is not None and int(thread[1], 16) == pid:
            seen += 1
            live += "TERMINATED" not in text
        elif seen == 0:
            return 0 if text.strip().startswith("No active threads") else None
        elif thread is not None or is_cut(text):
            return None
    return live if seen else None


def _exited(pid: int, image: str | None, table: str | None, handles: int | None) -> bool | None:
    """A process that has ended has given up its handle table; the old layout shows that as TableSize 0."""
    if table is None:
        return None
    if int(table, 16) != 0:
        return False
    if pid in SYSTEM_PIDS or image in ("System", "Idle", "System Process"):
        return False
    return True if handles == 0 else None


def _cut(lines: Sequence[Line], start: int, log: Log, *, in_list: bool) -> int:
    """Notes a list of processes that was cut here, and takes the line that says so."""
    following = list(output(lines, start, 2))
    if not following or not is_cut(following[0][1].text):
        return start
    if not in_list:
        after = len(following) > 1 and HEAD.match(following[1][1].text) is not None
        before = [index for index, _ in recent(log, "process")][:2]
        in_list = after or (len(before) == 2 and before[0] - before[1] == 1)
    if not in_list:
        return start
    index, line = following[0]
    log.note("cut-list", "processes", "The list of processes is cut here; processes may be missing from it.", line)
    return index + 1


def _number(match: re.Match[str] | None) -> int | None:
    return int(match[1]) if match else None


def _address(match: re.Match[str] | None) -> str | None:
    return address(match[1]) if match else None


PARSERS: tuple[Parser, ...] = (parse_process, parse_list_head)
