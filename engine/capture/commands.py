"""What is known of the commands themselves: which Windows has them, what they cost, and where they work."""

import re
from typing import Literal, NamedTuple

from .safe import is_of_machine, verb

Cost = Literal["seconds", "minutes", "long"]
"""How long a command takes on a large machine: `long` may be hours, and holds up a live machine for as long."""

Place = Literal["debugger", "machine", "hand"]
"""Where it is done: typed into the debugger, at a prompt of the machine, or by a person who reads the sentence."""


class _Since(NamedTuple):
    """From which build a command does something, and what serves before."""

    command: re.Pattern[str]
    build: int
    before: str | None


_POOL_TRACKING = "verifier /flags 8 /driver <driver>, restart, reproduce, then !verifier 3 <driver>"

_SINCE = (
    # "Starting with Windows 7 and Windows Server 2008 R2": ntdebugging, Troubleshooting Pool Leaks Part 7. Before that
    # there is pool tracking of Driver Verifier, flag 8 since Windows 2000.
    _Since(re.compile(r"\bwpr -start Pool\b|\bxperf\b.*\bPool"), 7600, _POOL_TRACKING),
    _Since(re.compile(r"\b(?:wpr|xperf)\b"), 7600, None),
    # "Windows XP and later": !htrace in the debugger's documentation.
    _Since(re.compile(r"!htrace\b"), 2600, None),
    # "supported only in Windows Vista and later": Configuring Object Reference Tracing.
    _Since(re.compile(r"!obtrace\b|\bgflags /ko\b"), 6000, None),
    # Windows Filtering Platform and the firewall's own context of netsh came with Vista, `netsh wfp` with Windows 7.
    _Since(re.compile(r"\bnetsh wfp\b"), 7600, None),
    _Since(re.compile(r"\bnetsh (?:advfirewall|int ipv4)\b|!ndiskd\.pendingnbls\b"), 6000, None),
    _Since(re.compile(r"\bGet-Smb"), 9200, None),
    _Since(re.compile(r"\btasklist\b"), 2600, None),
)

TYPE_VARIABLES = {
    "Desktop": "ExDesktopObjectType",
    "Event": "ExEventObjectType",
    "File": "IoFileObjectType",
    "Job": "PsJobType",
    "Key": "CmKeyObjectType",
    "Process": "PsProcessType",
    "Section": "MmSectionObjectType",
    "Semaphore": "ExSemaphoreObjectType",
    "Thread": "PsThreadType",
    "TmTx": "TmTransactionObjectType",
    "Token": "SeTokenObjectType",
}
"""Exported variables that point to an object type: wdm.h, ntddk.h and the page of ObReferenceObjectByHandle."""

_COSTS: tuple[tuple[re.Pattern[str], Cost], ...] = (
    # The whole pool, or the handle tables of all processes.
    (re.compile(r"!poolfind\b|!findhandle\b|!handle 0 \d 0(?: |$)|!lockedpages\b|!irpfind\b"), "long"),
    (re.compile(r"!for_each_module\b|!handle\b|!stacks\b|!memusage\b|!filecache\b|!reg openkeys\b"), "minutes"),
    (re.compile(r"!process 0 [1-9a-f]|!process 0 [1-9a-f][0-9a-f]"), "minutes"),
)

_NOT_LOCAL = re.compile(r"!analyze\b|k[bpvn]?(?: |$)")
"""Commands that need a stopped machine or its dump: a local kernel debugger has neither registers nor a stack."""


def fitting(command: str, build: int | None) -> str | None:
    """The command, what serves in its place on that build of Windows, or None where nothing does.

    >>> fitting("!htrace 0 886f5020", 2195), fitting("!htrace 0 886f5020", 3790), fitting("!vm 1", None)
    (None, '!htrace 0 886f5020', '!vm 1')
    """
    for since in _SINCE:
        if build is not None and build < since.build and since.command.search(command):
            return since.before
    return command


def cost(command: str) -> Cost:
    """How long a command takes, roughly.

    >>> cost("!vm 1"), cost("!handle 0 3 886f5020 Thread"), cost("!handle 0 3 0 Thread")
    ('seconds', 'minutes', 'long')
    """
    return next((known for pattern, known in _COSTS if pattern.match(command)), "seconds")


def place(command: str) -> Place:
    """Where a command is typed.

    >>> place("!vm 1"), place("poolmon -n pool.log"), place("the same capture after some days of use")
    ('debugger', 'machine', 'hand')
    """
    if is_of_machine(command):
        return "machine"
    return "debugger" if verb(command)[:1] in ("!", ".") or verb(command) in _WORDS else "hand"


def works_live(command: str) -> bool:
    """Whether a local kernel debugger can run it."""
    return _NOT_LOCAL.match(command) is None


_WORDS = frozenset({"lm", "lmvm", "vertarget", "k", "kv", "kb", "dt", "ln", "x"})
