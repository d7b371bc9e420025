"""Runs parsers over inline text as the reader does: one output at a time, cut at its prompts."""

from collections.abc import Sequence
from pathlib import Path

from dumptriage.facts import Fact, Value
from dumptriage.sources.log.block import Line, Log, Parser
from dumptriage.sources.log.text import command_of, decode, to_lines


def read(text: str, *parsers: Sequence[Parser], command: str = "", prompt: str = "") -> Log:
    """The log with the facts of some text. `command` and `prompt` stand above its first line."""
    log = Log("log.txt", command=command, prompt=prompt)
    output: list[Line] = []
    for line in to_lines(text):
        asked = command_of(line.text)
        if asked is None:
            output.append(line)
            continue
        _run(output, log, parsers)
        output, log.command, log.prompt = [], asked.command, asked.prompt
    _run(output, log, parsers)
    return log


def read_file(path: Path, *parsers: Sequence[Parser]) -> Log:
    """The log with the facts of a file."""
    return read(decode(path.read_bytes()), *parsers)


def _run(lines: list[Line], log: Log, parsers: Sequence[Sequence[Parser]]) -> None:
    index = 0
    while index < len(lines):
        ends = (parser(lines, index, log) for group in parsers for parser in group)
        index = next((end for end in ends if end > index), index + 1)


def only(log: Log, kind: str) -> Fact:
    """The one fact of a kind."""
    (fact,) = of(log, kind)
    return fact


def of(log: Log, kind: str) -> list[Fact]:
    """The facts of a kind."""
    return [fact for fact in log.facts if fact.kind == kind]


def shown(fact: Fact, *names: str) -> tuple[Value | None, ...]:
    """Some fields of a fact; None for what is unknown."""
    return tuple(fact.get(name) for name in names)


def notes(log: Log) -> list[tuple[Value | None, Value | None]]:
    """Problem and subject of the data-quality notes."""
    return [(fact.get("problem"), fact.get("subject")) for fact in of(log, "data_quality")]
