"""Which debugger commands do nothing but read, and which texts are commands at all.

Commands hold text of a casefile that a stranger may have made, and are run in a debugger that may be attached to a live
machine. So a command is run only if it is of a verb that reads, with nothing but plain words behind it.
"""

import re

_VERBS = """
    !vm !poolused !poolfind !pool !poolval !process !thread !object !handle !findhandle !token !drvobj !devobj !irp
    !irpfind !fileobj !filecache !ca !memusage !vad !session !sysptes !stacks !locks !running !ready !lookaside !obtrace
    !verifier !peb !teb !reg !gatom !logonsession !analyze !address !heap !error !pte !numa !cpuinfo !sysinfo
    lm lmvm vertarget k kb kv kp kn ln u uf x dt db dc dd dp dq dps dqs
"""
_READING = frozenset(_VERBS.split())
"""Commands that change nothing, whatever follows them."""
_READING_EXTENSION = re.compile(
    r"!(?:fltkd\.(?:filters?|frames|instances?|volumes?)"
    r"|ndiskd\.(?:filter|miniport|netadapter|nbl|nblpool|opens?|pendingnbls|pktpools|protocol)"
    r"|wdfkd\.(?:wdfdevice|wdfdriverinfo|wdfhandle|wdfldr|wdflogdump|wdfobject|wdfpoolusage|wdfqueue))"
)
"""Of these libraries other commands write: ndiskd.dbglevel, wdfkd.wdflogsave, kdexts.ed."""
_WRITING = frozenset({"!verifier", "!lookaside", "!htrace"})
"""Commands that read but for their options: !verifier -disable, !lookaside -d, !htrace -enable."""
_PLAIN = re.compile(r"[\w.*?:#+/\\-](?:[\w.*?!:#+/\\-])*", re.ASCII)
_TAG_IN_IMAGES = re.compile(r'!for_each_module s -a @#Base @#End "[\w .*#+%&=!?-]{1,4}"', re.ASCII)
_OBJECT_TYPE = re.compile(r"dt nt!_OBJECT_TYPE poi\(nt!\w{1,40}\)", re.ASCII)
_REDACTED = re.compile(r"\b(?:addr|image|path|user|host)-\d+")

_LONGEST = 6
"""Words of a command that starts with a plain word; a sentence may start with one too."""
_DEBUGGER = frozenset("lm lmvm dx dt dd dq dps dqs kv kb k x s ln u uf vertarget".split())  # noqa: SIM905
_SYSTEM = frozenset("poolmon verifier fltmc wpr xperf gflags handle driverquery sc tasklist strings logman".split())  # noqa: SIM905


def is_safe(command: str) -> bool:
    """Whether a command does nothing but read, whatever the casefile put into it.

    >>> is_safe("!handle 0 3 886f5020 Thread"), is_safe("!process 0 0 a.exe;.reboot"), is_safe("!obtrace <object>")
    (True, False, False)
    """
    if _TAG_IN_IMAGES.fullmatch(command) or _OBJECT_TYPE.fullmatch(command):
        return True
    verb, *words = command.split(" ")
    known = verb in _READING or _READING_EXTENSION.fullmatch(verb) is not None
    if verb in _WRITING:
        known = not any(word.startswith(("-", "/")) for word in words)
    return known and all(_PLAIN.fullmatch(word) for word in words) and not is_redacted(command)


def is_redacted(command: str) -> bool:
    """Whether a command names something by a pseudonym, which no debugger knows."""
    return _REDACTED.search(command) is not None


def is_command(text: str) -> bool:
    """Whether a text reads as a debugger or shell command.

    >>> is_command("!handle 0 3 0 Thread"), is_command("Run poolmon for three hours.")
    (True, False)
    """
    word = verb(text)
    sentence = text.rstrip().endswith(".") or len(text.split()) > _LONGEST
    return word[:1] in ("!", ".", "?") or (word in _DEBUGGER | _SYSTEM and not sentence)


def is_of_machine(text: str) -> bool:
    """Whether a command is typed at a prompt of the machine, not into the debugger."""
    return verb(text) in _SYSTEM


def verb(text: str) -> str:
    """The first word of a command."""
    return text.strip().partition(" ")[0]
