"""The scripts for people who capture elsewhere: one for the debugger, one for a prompt of the machine.

The debugger script is for `$$><` or `$<`, or `kd -c`. Above each output it prints a prompt with the command, because a
debugger that runs a script as one block prints only outputs; and marks where it begins and ends, so that a log that
was cut can be told from one that is whole.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from .commands import works_live
from .comments import comment
from .questions import Wanted
from .safe import is_redacted

Say = Callable[..., str]
"""A sentence of the wording by its key."""
Target = Literal["dump", "live"]

LOG = "dumptriage-capture.log"
MARK = "dumptriage capture"
"""What the marks begin with; `sources.log.marks` knows them too."""
FIRST = "vertarget"
"""Tells which machine the outputs are of, and when they were made."""
MAX_TITLES = 3

_POOLMON = "poolmon"
_COUNTERS = (
    *(rf"\Memory\Pool {pool} Bytes" for pool in ("Nonpaged", "Paged")),
    *(rf"\Memory\{name}" for name in ("Committed Bytes", "Commit Limit", "Available Bytes")),
    *(rf"\Objects\{name}" for name in ("Processes", "Threads", "Events", "Semaphores", "Mutexes", "Sections")),
    *(rf"\Process(*)\{name}" for name in ("ID Process", "Handle Count", "Thread Count", "Private Bytes")),
)
_SAMPLES, _MINUTES = 7, 30
"""Seven snapshots of half an hour between them: three hours, an idle period among them."""
_READING = ("fltmc ", "netstat ", "tasklist", "driverquery", "netsh wfp show ", "netsh int ipv4 show ")
"""Commands of the machine that change nothing and end by themselves."""


def for_debugger(listed: Sequence[Wanted], name: str | None, target: Target, say: Say) -> str | None:
    """The debugger script, or None where no command is left that a debugger can run on this target."""
    run = [one for one in listed if one.runs and (target == "dump" or works_live(one.command))]
    by_hand = [one for one in listed if one.place != "machine" and one not in run]
    if not run and not by_hand:
        return None
    commands = list(dict.fromkeys([FIRST, *(one.command for one in run)])) if run else []
    lines = [*comment(say("capture.title", name=name)), *comment(say(f"capture.{target}", log=LOG)), ""]
    if run:
        lines += [f".logopen /t {LOG}", f".echo {MARK} begin: {len(commands)} commands", ""]
        whys = {one.command: one for one in run}
        for command in commands:
            one = whys.get(command)
            lines += comment(_why(one, say) if one else say("capture.machine"))
            lines += [f".echo kd> {command}", command, ""]
        lines += [f".echo kd> .echo {MARK} end", ".logclose", ""]
    lines += _aside(by_hand, "$$", say)
    elsewhere = sum(one.place == "machine" for one in listed)
    lines += comment(say("capture.also", count=elsewhere)) if elsewhere else []
    return _text(lines)


def for_machine(listed: Sequence[Wanted], name: str | None, say: Say) -> str | None:
    """A script for a prompt of the machine, run as administrator, or None where nothing is to be asked there.

    It only reads; what changes settings or needs somebody to reproduce the trouble is a remark.
    """
    asked = [one for one in listed if one.place == "machine"]
    series = next((one for one in asked if one.command.startswith(_POOLMON)), None)
    reading = [one for one in asked if one.command.startswith(_READING) and _is_plain(one.command)]
    by_hand = [one for one in asked if one not in reading and not one.command.startswith(_POOLMON)]
    if not asked:
        return None
    lines = ["@echo off", *_remark(say("capture.title", name=name)), *_remark(say("capture.prompt")), ""]
    lines += ["setlocal", 'cd /d "%~dp0"', ""]
    for number, one in enumerate(reading, 1):
        lines += [*_remark(_why(one, say)), f"{one.command} > machine-{number}.txt 2>&1", ""]
    if series is not None:
        lines += _remark(_why(series, say))
        counters = " ".join(f'"{counter}"' for counter in _COUNTERS)
        samples = f"-si {_MINUTES}:00 -sc {_SAMPLES}"
        lines += [
            f'start "counters" /b typeperf {counters} {samples} -o counters.csv -y',
            *_remark(say("capture.poolmon")),
        ]
        # Three hours of nothing would be noticed too late.
        missing = f"echo {_quiet(say('capture.no_poolmon'))}"
        lines += [f'for %%p in (poolmon.exe) do if "%%~$PATH:p"=="" if not exist poolmon.exe {missing}']
        # Not `timeout`, which Windows XP lacks and which refuses to run without a console.
        wait = f"if %%i lss {_SAMPLES} ping -n {_MINUTES * 60 + 1} 127.0.0.1 > nul"
        lines += [f"for /l %%i in (1,1,{_SAMPLES}) do (", "  poolmon -n pool-%%i.log", f"  {wait}", ")", ""]
    lines += _aside(by_hand, "rem", say)
    return _text(lines)


def _aside(listed: Sequence[Wanted], mark: str, say: Say) -> list[str]:
    """What is left to a person, as comments."""
    if not listed:
        return []
    lines = comment(say("capture.by_hand"), mark)
    for one in listed:
        redacted = f" ({say('capture.redacted')})" if is_redacted(one.command) else ""
        lines += comment(f"- {one.command}{redacted}: {_why(one, say)}", mark)
    return [_quiet(line) if mark == "rem" else line for line in lines]


def _why(one: Wanted, say: Say) -> str:
    """What a command decides, and how long it takes."""
    titles = [*one.decides, *(title for title in one.follows if title not in one.decides)]
    more = len(titles) - MAX_TITLES if len(titles) > MAX_TITLES + 1 else 0
    shown = " / ".join(titles[:MAX_TITLES] if more else titles)
    return say("capture.why", titles=shown, more=more, cost=say(f"capture.cost.{one.cost}"))


def _remark(text: str) -> list[str]:
    return [_quiet(line) for line in comment(text, "rem")]


def _quiet(line: str) -> str:
    """A remark without what the command interpreter reads even there."""
    return "".join("?" if letter in "%^&|!" else letter for letter in line)


def _is_plain(command: str) -> bool:
    return all((letter.isalnum() and letter.isascii()) or letter in " /-" for letter in command)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
