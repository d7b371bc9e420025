"""A debugger log to cases: the text is cut at its prompts, and parsers recognise each output by its shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...errors import CasefileError
from ...facts import Case, Casefile
from . import (
    errors,
    evaluate,
    handles,
    marks,
    mex,
    modules,
    objects,
    objecttypes,
    obtrace,
    pasted,
    pool,
    poolfind,
    poolmon,
    poolused,
    process,
    remarks,
    stacks,
    system,
    tables,
    thread,
    usermode,
    verifier,
    vm,
    zombies,
)
from .block import Line, Log, Parser
from .machines import Block, to_cases
from .text import EXPECTED, Command, command_of, decode, to_lines

MAX_NOTES = 20
"""Notes about commands not understood, and about lines that broke a parser."""

SET_UP = (
    ".logopen",
    ".logappend",
    ".logclose",
    ".load",
    ".sym",
    ".reload",
    ".echo",
    ".prefer_dml",
    ".srcpath",
    ".time",
)
"""Commands that prepare the debugger: what they print is no evidence, understood or not."""


PARSERS: tuple[Parser, ...] = (
    *system.PARSERS,
    *vm.PARSERS,
    *poolused.PARSERS,
    *poolfind.PARSERS,
    *pool.PARSERS,
    *evaluate.PARSERS,
    *poolmon.PARSERS,
    *process.PARSERS,
    *thread.PARSERS,
    *objects.PARSERS,
    *objecttypes.PARSERS,
    *handles.PARSERS,
    *modules.PARSERS,
    *obtrace.PARSERS,
    *stacks.PARSERS,
    *mex.PARSERS,
    *verifier.PARSERS,
    *zombies.PARSERS,
    *remarks.PARSERS,
    *errors.PARSERS,
    *usermode.PARSERS,
    *pasted.PARSERS,
    *tables.PARSERS,
)
"""All parsers, the most particular shapes first: a line belongs to the first that takes it."""


@dataclass(slots=True)
class _Output:
    """The lines between two prompts, and the command above them."""

    command: Command = field(default_factory=lambda: Command("", ""))
    line: Line | None = None
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class _Progress:
    prompts: int = 0
    silent: int = 0
    broken: int = 0
    spans: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First and last line of each piece of output, and the range of its facts."""


def read(data: bytes, casefile: Casefile) -> list[Case]:
    """The cases of a debugger log, one for each machine with evidence about memory.

    Raises CasefileError where the data is not text, too large, or holds nothing a debugger printed.
    """
    lines = to_lines(decode(data))
    log = Log(casefile.name)
    progress = _Progress()
    for output in split(lines):
        _read_output(output, log, progress)
    _note_rest(log, progress, lines)
    if not log.facts and not progress.prompts:
        raise CasefileError(f"nothing a debugger printed was recognised in {len(lines):,} lines of text; {EXPECTED}")
    # A later output may complete a fact read before, so the facts are taken only now.
    blocks = [Block(first, last, tuple(log.facts[low:high])) for first, last, low, high in progress.spans]
    return to_cases(blocks, casefile)


def split(lines: Sequence[Line]) -> Iterator[_Output]:
    """The log cut at its command lines."""
    output = _Output()
    for line in lines:
        command = command_of(line.text)
        if command is None:
            output.lines.append(line)
            continue
        yield output
        output = _Output(command, line)
    yield output


def _read_output(output: _Output, log: Log, progress: _Progress) -> None:
    log.command, log.prompt = output.command.command, output.command.prompt
    progress.prompts += bool(log.prompt)
    lines, index, claimed = output.lines, 0, 0
    before = len(log.facts)
    if output.line and log.command.startswith("*"):
        remark = Line(output.line.number, output.line.raw, log.command)
        if remarks.parse_handles([remark], 0, log):
            _keep(log, before, output.line, output.line, progress)
    while index < len(lines):
        if not lines[index].text:
            index += 1
            continue
        known = len(log.facts)
        end = max(index, min(_parse_at(lines, index, log, progress), len(lines)))
        claimed += sum(bool(line.text) for line in lines[index:end])
        _keep(log, known, lines[index], lines[max(index, end - 1)], progress)
        index = max(end, index + 1)
    filled = sum(bool(line.text) for line in lines)
    # A few lines of an unknown output may look like a stack; without a fact that is not understanding it.
    understood = len(log.facts) > before or claimed == filled
    if output.line is None or not log.command or not filled or understood or log.command.startswith(SET_UP):
        return
    progress.silent += 1
    if progress.silent <= MAX_NOTES:
        known = len(log.facts)
        text = f"The output of {log.command[:80]} (line {output.line.number}) was not understood."
        log.note("not-understood", "log", text, output.line)
        _keep(log, known, output.line, output.line, progress)


def _parse_at(lines: Sequence[Line], index: int, log: Log, progress: _Progress) -> int:
    """The end of the output at this line, or the line itself where no parser takes it. A parser that fails costs
    only this line."""
    for parser in PARSERS:
        try:
            end = parser(lines, index, log)
        except Exception as error:  # whatever a hostile line does to one parser, the rest of the log is read
            progress.broken += 1
            if progress.broken <= MAX_NOTES:
                text = f"Line {lines[index].number} could not be read ({type(error).__name__}); it was left out."
                log.note("not-understood", "log", text, lines[index], severity="warning")
            return index + 1
        if end > index:
            return end
    return index


def _keep(log: Log, known: int, first: Line, last: Line, progress: _Progress) -> None:
    if len(log.facts) > known:
        progress.spans.append((first.number, last.number, known, len(log.facts)))


def _note_rest(log: Log, progress: _Progress, lines: Sequence[Line]) -> None:
    """Place what only the whole log tells, and say how many more notes there were than are made one by one."""
    known = len(log.facts)
    modules.place_hits(log)
    marks.note_unfinished(lines, log)
    more = progress.silent - MAX_NOTES
    if more > 0:
        log.note("not-understood", "log", f"The output of {more} more commands was not understood.", lines[-1])
    if progress.broken > MAX_NOTES:
        text = f"{progress.broken - MAX_NOTES} more lines could not be read."
        log.note("not-understood", "log", text, lines[-1], severity="warning")
    _keep(log, known, lines[-1], lines[-1], progress)
