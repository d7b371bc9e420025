"""The machine and the dump: the debugger's banner, `vertarget`, `!mex.di`, `.bugcheck`, the essentials of `!analyze`.

    Windows 10 Kernel Version 22621 MP (6 procs) Free x64
    Kernel base = 0xfffff805`4d200000 PsLoadedModuleList = 0xfffff805`4de134a0
    Debug session time: Fri Nov  3 05:35:00.352 2023 (UTC - 8:00)
    System Uptime: 0 days 0:17:02.325

give one `system` fact for each block of such lines. Which blocks are of one machine is told later, by `machines`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone

from ...facts import Value, address
from .block import Line, Log, Parser
from .cursor import ADDRESS, output, recent

Fields = dict[str, Value | None]

BANNER_LINES = 60
"""Lines from the banner of the debugger to the end of what it says of the target."""

LIVE_BUGCHECK = 0x161
"""LIVE_SYSTEM_DUMP: a live dump, not a crash."""

_HEX = r"(?:0x)?[0-9a-fA-F`]{1,18}"
_PRODUCTS = {"winnt": "workstation", "lanmannt": "domain controller", "servernt": "server", "server": "server"}
_DUMP_TYPES = (
    ("mini kernel dump", "triage"),
    ("kernel summary dump", "kernel"),
    ("kernel complete dump", "full"),
    ("kernel bitmap dump file: full", "full bitmap"),
    ("kernel bitmap dump file: active", "active"),
    ("kernel bitmap dump", "kernel bitmap"),
)
_VERSION = re.compile(
    r"\s*(?P<os>Windows .{1,80}?) Kernel Version (?P<build>\d{3,6})(?P<rest>.*?)\s(?:Free|Checked)\s(?P<machine>\S.*)$"
)
_PROCESSORS = re.compile(r"\bMP \((\d{1,5}) procs?\)|\b(UP)\b")
_PRODUCT = re.compile(r"\s*Product:\s*(\w+)")
_BUILD_LAB = re.compile(
    r"\s*(?:Edition build lab|Built by|BuildLab):\s*(?P<build>\d{3,6})\.\d+\.(?P<machine>[a-z]\w{1,20}?)(?:fre|chk)\b"
)
_KERNEL_BASE = re.compile(rf"\s*Kernel base = (?:0x)?({ADDRESS})")
_TIME = re.compile(
    r"\s*Debug session time:\s*\w{3} (?P<time>\w{3} +\d{1,2} \d{1,2}:\d\d:\d\d)\.\d+ (?P<year>\d{4})"
    r"(?:\s*\((?:UTC|GMT)\s*(?P<sign>[+-])?\s*(?P<hours>\d{1,2})(?::(?P<minutes>\d\d))?\))?"
)
_UPTIME = re.compile(r"\s*System Uptime:\s*(\d{1,6}) days? (\d{1,2}):(\d\d):(\d\d(?:\.\d{1,6})?)")
_DEBUGGER = re.compile(r"\s*Microsoft \(R\) Windows Debugger\s+Version (\S+(?: \S+)?)")
_BUGCHECK = re.compile(
    rf"\s*bugcheck:?\s+(?P<code>[0-9a-fA-F]{{1,8}}),?\s*[({{](?P<parameters>{_HEX}(?:,\s*{_HEX}){{3}})[)}}]",
    re.IGNORECASE,
)
_FATAL = re.compile(r"\s*\*{3} Fatal System Error: 0x(?P<code>[0-9a-fA-F]{8})\s*$")
_CODE = re.compile(r"\s*Bugcheck code (?P<code>[0-9a-fA-F]{1,8})\s*$", re.IGNORECASE)
_ARGUMENTS = re.compile(rf"\s*Arguments\s+(?P<parameters>{_HEX}(?:\s+{_HEX}){{3}})\s*$")
_PARENTHESES = re.compile(rf"\s*\((?P<parameters>{_HEX}(?:,\s*{_HEX}){{3}})\)\s*$")
_ANALYZED = re.compile(
    r"\s*(?P<key>BUGCHECK_CODE|BUGCHECK_STR|BUGCHECK_P[1-4]):\s+(?:0x)?(?P<value>[0-9a-fA-F]{1,16})\s*$"
)
_NAME = re.compile(r"\s*(?P<name>[A-Z][A-Z0-9_]{3,80}) \((?P<code>[0-9a-fA-F]{1,8})\)\s*$")
_ARGUMENT = re.compile(r"\s*Arg(?P<number>[1-4]):\s*(?P<value>[0-9a-fA-F`]{1,17})\b")
_OS_VERSION = re.compile(
    r"\s*(?:OS_VERSION|OSBUILD|BUILD_VERSION_STRING):\s+(?:\d+\.\d+\.)?(?P<build>\d{3,6})(?:\.|\s|$)"
)
_COMPUTER = re.compile(r"\s*(?:Machine|Computer) Name:\s+(?P<name>\w[\w.-]{0,254})\s*$")
_PROCESS_NAME = re.compile(r"\s*PROCESS_NAME:\s+(?P<image>\S.*?)\s*$")
_MODULE_NAME = re.compile(r"\s*MODULE_NAME:\s+(?P<name>[A-Za-z_]\S*)\s*$")
_IMAGE_NAME = re.compile(r"\s*IMAGE_NAME:\s+(?P<file>\S+\.\w{2,4})\s*$")
_BESIDE = re.compile(
    r"\s*(?:Computer Name|Machine Name|SystemManufacturer|SystemProductName|Processor|KernelMode Dump Path|Share Path|"
    r"Copyright|Loading Dump File|Symbol search path|Executable search path|Deferred|Response|Symbol Path|"
    r"Primary image base|Opened |Loading |\.{2,}|Edition build lab|Bugcheck: This|OK\s|\*{5,}|Path validation)"
)


def _version(match: re.Match[str]) -> Fields:
    processors = _PROCESSORS.search(match["rest"])
    return {
        "os": match["os"].strip(),
        "build": int(match["build"]),
        "processors": (int(processors[1]) if processors[1] else 1) if processors else None,
        "architecture": _architecture(match["machine"]),
    }


def _architecture(text: str) -> str | None:
    text = text.lower()
    for sign, name in (("arm 64", "arm64"), ("arm64", "arm64"), ("x64", "x64"), ("amd64", "x64"), ("x86", "x86")):
        if text.startswith(sign):
            return name
    return None


def _time(match: re.Match[str]) -> Fields:
    """The moment in UTC; unknown where the debugger does not print the offset of its time zone."""
    if match["hours"] is None:
        return {}
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    try:
        zone = timezone(-offset if match["sign"] == "-" else offset)
        text = f"{' '.join(match['time'].split())} {match['year']}"
        local = datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=zone)
        return {"crash_time": local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    except (ValueError, OverflowError):
        return {}


def _uptime(match: re.Match[str]) -> Fields:
    days, hours, minutes, seconds = match.groups()
    return {"uptime_s": int(days) * 86400.0 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)}


def _parameters(text: str) -> str:
    return " ".join(f"{int(word.replace('`', ''), 16):x}" for word in re.split(r"[,\s]+", text.strip()))


def _code(text: str) -> Fields:
    code = int(text, 16)
    return {"bugcheck_code": code or None, "live_dump": True if code == LIVE_BUGCHECK else None}


_READERS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], Fields]], ...] = (
    ("Kernel Version", _VERSION, _version),
    ("Product:", _PRODUCT, lambda match: {"product_type": _PRODUCTS.get(match[1].lower())}),
    ("uil", _BUILD_LAB, lambda match: {"build": int(match["build"]), "architecture": _architecture(match["machine"])}),
    ("Kernel base", _KERNEL_BASE, lambda match: {"kernel_base": address(match[1])}),
    ("session time", _TIME, _time),
    ("Uptime", _UPTIME, _uptime),
    ("Windows Debugger", _DEBUGGER, lambda match: {"debugger_version": match[1]}),
    ("heck", _BUGCHECK, lambda match: _code(match["code"]) | {"bugcheck_parameters": _parameters(match["parameters"])}),
    ("heck", _CODE, lambda match: _code(match["code"])),
    ("Fatal", _FATAL, lambda match: _code(match["code"])),
    ("Name:", _COMPUTER, lambda match: {"computer": match["name"]}),
    ("OS", _OS_VERSION, lambda match: {"build": int(match["build"])}),
)


def _read(text: str) -> Fields | None:
    """What one line says of the machine; None when it is no such line."""
    for sign, pattern, reader in _READERS:
        if sign in text and (match := pattern.match(text)):
            return reader(match)
    if "ump File" in text:
        low = text.strip().lower()
        kind = next((name for sign, name in _DUMP_TYPES if low.startswith(sign)), None)
        return {"dump_type": kind} if kind else None
    if "Live Generated Dump" in text:
        return {"live_dump": True}
    return None


def parse_identity(lines: Sequence[Line], start: int, log: Log) -> int:
    """A run of lines on the machine, or the banner of the debugger down to the first prompt."""
    fields = _read(lines[start].text)
    if fields is None:
        return start
    banner = "debugger_version" in fields
    fatal = _FATAL.match(lines[start].text) or _CODE.match(lines[start].text)
    used, end, beside = [lines[start]], start + 1, 0
    for index, line in output(lines, end, BANNER_LINES):
        more = _read(line.text)
        if more is None and fatal and (match := _ARGUMENTS.match(line.text) or _PARENTHESES.match(line.text)):
            more = {"bugcheck_parameters": _parameters(match["parameters"])}
        if more is None:
            if not banner and not _BESIDE.match(line.text):
                break
            beside += 1
            continue
        if any(fields.get(name) not in (None, value) for name, value in more.items() if name in _IDENTITY):
            break
        fields |= {name: value for name, value in more.items() if value is not None}
        used.append(line)
        end = index + 1
    _add(log, used, fields)
    return end


def parse_analysis(lines: Sequence[Line], start: int, log: Log) -> int:
    """`NAME (code)` of `!analyze` with its four arguments, or the BUGCHECK_ lines further down."""
    text = lines[start].text
    if "BUGCHECK_" in text and _ANALYZED.match(text):
        return _analyzed_keys(lines, start, log)
    head = _NAME.match(text) if "(" in text else None
    if head is None:
        return start
    arguments: dict[int, str] = {}
    used, end = [lines[start]], start + 1
    for index, line in output(lines, end, 40):
        if argument := _ARGUMENT.match(line.text):
            arguments[int(argument["number"])] = argument["value"]
            used.append(line)
            end = index + 1
        elif arguments and (len(arguments) == 4 or _NAME.match(line.text)):
            break
    if sorted(arguments) != [1, 2, 3, 4]:
        return start
    parameters = _parameters(" ".join(arguments[number] for number in (1, 2, 3, 4)))
    _add(log, used, _code(head["code"]) | {"bugcheck_name": head["name"], "bugcheck_parameters": parameters})
    return end


def _analyzed_keys(lines: Sequence[Line], start: int, log: Log) -> int:
    values: dict[str, str] = {}
    used: list[Line] = []
    end = start
    for index, line in output(lines, start):
        match = _ANALYZED.match(line.text)
        if match is None or match["key"] in values:
            break
        values[match["key"]] = match["value"]
        used.append(line)
        end = index + 1
    fields = _code(values["BUGCHECK_CODE"]) if "BUGCHECK_CODE" in values else {}
    if all(f"BUGCHECK_P{number}" in values for number in (1, 2, 3, 4)):
        fields["bugcheck_parameters"] = _parameters(" ".join(values[f"BUGCHECK_P{number}"] for number in (1, 2, 3, 4)))
    if fields:
        _add(log, used, fields)
    return end


def parse_blamed(lines: Sequence[Line], start: int, log: Log) -> int:
    """PROCESS_NAME and MODULE_NAME of `!analyze`: the process that was running, the module the debugger points at."""
    text = lines[start].text
    if "_NAME:" not in text:
        return start
    if match := _PROCESS_NAME.match(text):
        log.add("process", lines[start : start + 1], verify="!analyze -v", image=match["image"], crashed=True)
        return start + 1
    match = _MODULE_NAME.match(text)
    if match is None or match["name"] in ("Unknown_Module", "hardware", "memory_corruption"):
        return start
    following = next(output(lines, start + 1, 1), None)
    image = _IMAGE_NAME.match(following[1].text) if following else None
    used = [lines[start], following[1]] if following and image else [lines[start]]
    log.add("module", used, verify=f"lmvm {match['name']}", name=match["name"], file=image["file"] if image else None)
    return following[0] + 1 if following and image else start + 1


def parse_local_prompt(lines: Sequence[Line], start: int, log: Log) -> int:
    """The first line of an output under the prompt of a local kernel debugger: the kernel was live."""
    if "lkd" in log.prompt.lower() and not any(line.text for line in lines[max(0, start - 8) : start]):
        last = next((fact for _, fact in recent(log, "system") if fact.flag("live_dump") is not None), None)
        if last is None:
            _add(log, [lines[start]], {"live_dump": True})
    return start  # the line itself is for the other parsers


def _add(log: Log, lines: list[Line], fields: Fields) -> None:
    if any(value is not None for value in fields.values()):
        log.add("system", lines, verify="vertarget", quality="exact", **fields)


_IDENTITY = (
    "computer",
    "build",
    "architecture",
    "processors",
    "kernel_base",
    "bugcheck_code",
    "bugcheck_parameters",
    "uptime_s",
)
"""What cannot differ within one block."""

PARSERS: tuple[Parser, ...] = (parse_local_prompt, parse_identity, parse_analysis, parse_blamed)
