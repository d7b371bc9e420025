"""Call stacks: k, kb, kn, kP, STACK_TEXT of !analyze, the stacks under !thread, of mex and of verifier logs.

    00 ffffd68d`7952edb8 fffff804`0591d831     nt!ExAllocatePool2 [minkernel\\ntos\\ex\\pool.c @ 4255]
    01 (Inline Function) --------`--------     Wdf01000!MxMemory::MxAllocatePool2+0x10
    f6443d4c 8042ef5f bfec0068 80478d40 8904a180 nt!KiSwapThread+0x1b1

A frame is told by its call site, `module!symbol+offset`, behind any columns of addresses. One `stack` fact per module
on the stack, with its innermost frame.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .block import Line, Log, Parser
from .cursor import output
from .modules import KERNEL

MAX_FRAMES = 64
MAX_MODULES = 32
MIN_BARE_FRAMES = 3
"""Frames in a row that make a stack where no title stands above them and they have no columns."""

TOP = 8
"""Frames in which an allocation routine makes the stack one of an allocation: wrappers of the verifier, of event
tracing and inlined frames can stand above it."""

_TITLE = re.compile(
    r"\s*(?:#\s+)?(?:(?:Memory\s+)?(?:Child-SP|ChildEBP|ChildESP)\s+(?:RetAddr|Return)\b|Call Site\s*$)"
)
_STACK_TEXT = re.compile(r"\s*STACK_TEXT\s*:")
_MEX_TITLE = re.compile(r"\s*\d+ threads? \[stats\]:")
_POOL_LOG = re.compile(r"\s*Pool block [0-9a-fA-F`]+, Size [0-9a-fA-F]+, Thread [0-9a-fA-F`]+\s*$")
_TRACE = re.compile(r"\s*(?:Handle 0x[0-9a-fA-F]+ - (?:OPEN|CLOSE|BAD REFERENCE)|Sequence\s+\(\+/-\)\s)")
_TRACE_LINE = re.compile(r"\s*(?:-{4,}|[0-9a-fA-F]+\s+[+-]\d+\s|## |#+$|\S+![^\s]+$|0x[0-9a-fA-F`]+: )")
_PASSED_OVER = re.compile(r"\s*(?:WARNING: |\*\*\* (?:WARNING|ERROR)|#\s*$|Unable to load image)")
_COLUMN = re.compile(
    r"(?:0x)?[0-9a-fA-F]{8}(?:`?[0-9a-fA-F]{8})?:?$|\(Inline\)?$|Function\)$|-{8}`-{8}$|-{8,16}$|:$|#$|\(T\)$"
)
_NO_STACK = re.compile(r"(?:x|ln|d[dpq]s|u[bf]?|b[lpmu]|dt|dx|s|!dh|!drvobj|!chkimg)(?:\s|$)")
_HEX = re.compile(r"[0-9a-fA-F]{8,16}$")
_NUMBER = re.compile(r"[0-9a-fA-F]{1,3}$")
_SITE = re.compile(r"(?P<module>[A-Za-z_][\w.$-]{0,63})!(?P<symbol>\S.*)$")
_SITE_WITHOUT_SYMBOL = re.compile(r"(?P<module>[A-Za-z_][\w.$-]{0,63})\+0x[0-9a-fA-F`]+$")
_UNKNOWN_SITE = re.compile(r"0x[0-9a-fA-F`]+$")
_TAIL = re.compile(r"\s+(?:\[[^\]]*\]?|\((?:FPO|CONV|Inline|No FPO)\b.*|\(deferred\)|<?Args?:.*)\s*$")
_ALLOCATES = re.compile(
    r"(?:(?:Verifier|VerifierExt?|Vf|Vi|Ve)?Ex(?:p)?Allocate\w*|V[ef]Allocate\w*|ViAllocate\w*|RtlpHpAllocate\w*|"
    r"ExAllocateHeapPool|MiAllocatePool\w*)(?:\+0x|$)"
)
_ALLOCATES_WITH_TAG = re.compile(r"ExAllocatePoolWith(?:Quota)?Tag(?:Priority)?(?:\+0x|$)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its module (None where the debugger has none), its call site, and its line and columns."""

    module: str | None
    symbol: str | None
    line: Line
    columns: tuple[str, ...]
    named: bool


def read_frame(line: Line) -> Frame | None:
    """The frame on a line, or None."""
    words = line.text.split(maxsplit=14)
    skip = 0
    while skip < len(words) and (_COLUMN.match(words[skip]) or (skip <= 1 and _NUMBER.match(words[skip]))):
        skip += 1
    if skip == len(words):
        return None
    columns = tuple(word for word in words[:skip] if not _NUMBER.match(word))
    site = _TAIL.sub("", " ".join(words[skip:])).rstrip()
    if match := _SITE.match(site):
        return Frame(match["module"], site, line, columns, True)
    if match := _SITE_WITHOUT_SYMBOL.match(site):
        return Frame(match["module"], site, line, columns, False)
    if _UNKNOWN_SITE.match(site) and columns:
        return Frame(None, None, line, columns, False)
    return None


def parse_stack(lines: Sequence[Line], start: int, log: Log) -> int:
    """A stack under a title, or frames in a row without one. Stacks of `!htrace` and `!obtrace` are passed over."""
    text = lines[start].text
    if _TRACE.match(text):
        return _after_trace(lines, start)
    crash = _STACK_TEXT.match(text) is not None
    title = crash or bool(_TITLE.match(text) or _MEX_TITLE.match(text) or _POOL_LOG.match(text))
    if not title and ("!" not in text or _NO_STACK.match(log.command) or read_frame(lines[start]) is None):
        return start
    frames: list[Frame] = []
    end = start + 1 if title else start
    for index, line in output(lines, end):
        if index == start + 1 and crash and _TITLE.match(line.text):
            continue
        frame = read_frame(line)
        if frame is not None:
            frames.append(frame)
        elif not (_PASSED_OVER.match(line.text) or (not frames and _TITLE.match(line.text))):
            break
        end = index + 1
    if not title and not _is_stack(frames):
        return start
    _add(log, frames, crash)
    return end


def _is_stack(frames: list[Frame]) -> bool:
    """Whether frames without a title are a stack and not a list of symbols (`x`) or of pointers in memory (`dps`)."""
    if any(len(frame.columns) >= 2 for frame in frames):
        first = [frame.columns[0].replace("`", "") for frame in frames if len(frame.columns) >= 2]
        values = [int(column, 16) for column in first if _HEX.match(column)]
        steps = {b - a for a, b in pairwise(values)}
        return len(frames) >= 2 and not (steps and steps <= {4, 8})
    return (
        len(frames) >= MIN_BARE_FRAMES
        and not any(frame.columns for frame in frames)
        and any("+0x" in (frame.symbol or "") for frame in frames)
    )


def _after_trace(lines: Sequence[Line], start: int) -> int:
    end = start + 1
    for index, line in output(lines, end):
        if not _TRACE_LINE.match(line.text):
            break
        end = index + 1
    return end


# A stack of an allocation was taken at a moment that is over: it is recorded anew, not printed again.
_VERIFY = {"crash": "!analyze -v", "allocation": "wpr -start Pool, reproduce, wpr -stop pool.etl"}


def _add(log: Log, frames: list[Frame], crash: bool) -> None:
    # Without symbols the debugger prints module+0x..., with none of the kernel only (NT 4 logs) symbol+0x...: then no
    # module can be told.
    if not any(frame.named or (frame.module or "").lower() in KERNEL for frame in frames):
        return
    purpose, tag = _purpose(frames, crash)
    seen: set[str] = set()
    for number, frame in enumerate(frames[:MAX_FRAMES]):
        if frame.module is None or frame.module.lower() in seen or len(seen) == MAX_MODULES:
            continue
        seen.add(frame.module.lower())
        log.add(
            "stack",
            [each.line for each in frames],
            verify=_VERIFY.get(purpose, "k"),
            purpose=purpose,
            module=frame.module,
            symbol=frame.symbol,
            frame=number,
            tag=tag,
        )


def _purpose(frames: list[Frame], crash: bool) -> tuple[str, str | None]:
    kernel = [(number, _kernel_symbol(frame)) for number, frame in enumerate(frames)]
    if crash or any(name.startswith(("KeBugCheck", "KiBugCheck")) for _, name in kernel):
        return "crash", None
    allocating = [number for number, name in kernel[:TOP] if _ALLOCATES.match(name)]
    if not allocating:
        return "thread", None
    return "allocation", next((tag for number in allocating if (tag := _tag_argument(frames[number]))), None)


def _kernel_symbol(frame: Frame) -> str:
    if frame.module is None or frame.symbol is None or not frame.named:
        return ""
    return frame.symbol.split("!", 1)[1] if frame.module.lower().removesuffix(".exe") in KERNEL else ""


def _tag_argument(frame: Frame) -> str | None:
    """The tag passed to ExAllocatePoolWithTag(type, bytes, tag), where kb prints it: on x86 arguments are on the stack.

    Frames of x64 print whatever lies in the home space of the registers, so they are not read.
    """
    if not _ALLOCATES_WITH_TAG.match(_kernel_symbol(frame)) or [len(word) for word in frame.columns] != [8] * 5:
        return None
    value = int(frame.columns[4], 16).to_bytes(4, "little")
    return value.decode("ascii") if all(0x20 <= byte < 0x7F for byte in value) else None


PARSERS: tuple[Parser, ...] = (parse_stack,)
