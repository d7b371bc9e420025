"""The debugger script of a vendor pack: commands that show the evidence again, each with what it shows.

It is pasted into a debugger that may be attached to a live machine, and holds text of a casefile that a stranger may
have made. So a command stands in it only if it is of a verb that reads, with nothing but plain words behind it; all
else becomes a comment. Comments are `$$`, which end at a semicolon or a line end: neither they nor anything else but
plain ASCII get into one. `*` would swallow the rest of a script that runs as one block (`$$><`).
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterator

from .captures import is_command
from .model import Report
from .wording import Wording

WIDTH = 96

_VERBS = """
    !vm !poolused !poolfind !pool !poolval !process !thread !object !handle !findhandle !token !drvobj !devobj !irp
    !irpfind !fileobj !filecache !ca !memusage !vad !session !sysptes !stacks !locks !running !ready !lookaside !obtrace
    !verifier !peb !teb !reg !gatom !logonsession !analyze !address !heap !error !pte !numa !cpuinfo !sysinfo
    lm lmvm vertarget k kb kv kp kn ln u uf x dt db dc dd dp dq dps dqs
"""
_READING = frozenset(_VERBS.split())
"""Commands that change nothing, whatever follows them."""
_READING_EXTENSION = re.compile(r"!(?:fltkd|ndiskd|wdfkd|poolinfo|kdexts|ext)\.\w+")
_PLAIN = re.compile(r"[\w.*?:#+/\\-](?:[\w.*?!:#+/\\-])*", re.ASCII)
_TAG_IN_IMAGES = re.compile(r'!for_each_module s -a @#Base @#End "[\w .*#+%&=!?-]{1,4}"', re.ASCII)
_REDACTED = re.compile(r"\b(?:addr|image|path|user|host)-\d+")
_ALIKE = str.maketrans({"·": "-", "–": "-", "—": "-", "…": "...", "\u00a0": " ", "≥": ">=", "≤": "<=", "×": "x"})
_AS = str.maketrans({";": ",", '"': "'", "`": "'", "<": "(", ">": ")", "{": "(", "}": ")", "$": "?"})


def script(report: Report, wording: Wording) -> str:
    """The script for `$$><` or `$<`, or to be pasted; every line is a command or a comment."""
    lines = [*_comment(wording("script.title", name=report.name)), *_comment(report.machine)]
    lines += [*_comment(wording("script.use")), ""]
    lines += _section(wording("script.evidence"), _evidence(report, wording), wording)
    lines += _section(wording("script.next"), _captures(report, wording), wording)
    return "".join(f"{line}\r\n" for line in lines)


def is_safe(command: str) -> bool:
    """Whether a command does nothing but read, whatever the casefile put into it.

    >>> is_safe("!handle 0 3 886f5020 Thread"), is_safe("!process 0 0 a.exe;.reboot"), is_safe("!obtrace <object>")
    (True, False, False)
    """
    if _TAG_IN_IMAGES.fullmatch(command):
        return True
    verb, *words = command.split(" ")
    known = verb in _READING or _READING_EXTENSION.fullmatch(verb) is not None
    if verb == "!htrace":  # its options switch tracing
        known = not any(word.startswith("-") for word in words)
    return known and all(_PLAIN.fullmatch(word) for word in words) and not _REDACTED.search(command)


def plain(text: str) -> str:
    """A text in the characters a comment may have."""
    ascii_text = unicodedata.normalize("NFKD", text.translate(_ALIKE)).encode("ascii", "ignore").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in ascii_text.translate(_AS)).split())


Entry = tuple[str, str]
"""What a command shows, and the command."""


def _section(title: str, entries: Iterator[Entry], wording: Wording) -> list[str]:
    lines: list[str] = []
    for what, command in entries:
        lines += _comment(what)
        if is_safe(command):
            lines.append(command)
        elif not is_command(command):
            lines += _comment(command)
        else:
            reason = "redacted" if _REDACTED.search(command) else "by_hand"
            lines += _comment(wording(f"script.{reason}", command=command))
        lines.append("")
    return [*_comment(title), "", *lines] if lines else []


def _evidence(report: Report, wording: Wording) -> Iterator[Entry]:
    """The commands of the chain in its order, each once."""
    seen: set[str] = set()
    for step in (*report.chain.steps, *report.chain.aside):
        for fact in step.evidence:
            command = (fact.verify or "").strip()
            if command and command not in seen:
                seen.add(command)
                shown = ", ".join(f"{name} {value}" for name, value in fact.figures[:4])
                yield wording("script.shows", number=step.number, subject=fact.subject, figures=shown), command


def _captures(report: Report, wording: Wording) -> Iterator[Entry]:
    for capture in report.captures:
        yield wording("script.capture", reasons=" ".join(capture.reasons)), capture.command.strip()


def _comment(text: str) -> list[str]:
    return [f"$$ {line}" for line in textwrap.wrap(plain(text), WIDTH, break_long_words=True)]
