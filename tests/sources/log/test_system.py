from pathlib import Path

import pytest
from parsing import of, only, read, read_file, shown

from dumptriage.sources.log.system import PARSERS

BANNER = """\
Microsoft (R) Windows Debugger Version 10.0.25921.1001 AMD64
Copyright (c) Microsoft Corporation. All rights reserved.

Loading Dump File [C:\\Windows\\MEMORY.DMP]
Kernel Bitmap Dump File: Kernel address space is available, User address space may not be available.

Symbol search path is: srv*
Windows 10 Kernel Version 22621 MP (6 procs) Free x64
Product: WinNt, suite: TerminalServer SingleUserTS
Edition build lab: 22621.2506.amd64fre.ni_release_svc_prod3.231018-1809
Machine Name:
Kernel base = 0xfffff805`4d200000 PsLoadedModuleList = 0xfffff805`4de134a0
Debug session time: Fri Nov  3 05:35:00.352 2023 (UTC - 8:00)
System Uptime: 1 days 0:17:02.325
Loading Kernel Symbols
...............................................................
"""


def test_the_banner_of_a_dump() -> None:
    fact = only(read(BANNER, PARSERS), "system")
    assert dict(fact.fields) == {
        "debugger_version": "10.0.25921.1001 AMD64",
        "dump_type": "kernel bitmap",
        "os": "Windows 10",
        "build": 22621,
        "processors": 6,
        "architecture": "x64",
        "product_type": "workstation",
        "kernel_base": "fffff8054d200000",
        "crash_time": "2023-11-03T13:35:00Z",
        "uptime_s": pytest.approx(87422.325),
    }


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Machine Name: SRV01", "SRV01"),
        ("Machine Name:  srv01.corp.example ", "srv01.corp.example"),
        ("Computer Name:  SRV01", "SRV01"),
        ("Machine Name:", None),
        ("Computer Name:  Not Found", None),
        ("Machine Name: *** unknown ***", None),
    ],
)
def test_the_name_of_the_machine(line: str, name: str | None) -> None:
    text = BANNER.replace("Machine Name:", line)
    assert only(read(text, PARSERS), "system").get("computer") == name


def test_two_names_are_two_machines() -> None:
    text = "".join(BANNER.replace("Machine Name:", f"Machine Name: {name}") for name in ("SRV01", "SRV02"))
    assert [fact.get("computer") for fact in of(read(text, PARSERS), "system")] == ["SRV01", "SRV02"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Windows 2000 Kernel Version 2195 (Service Pack 4) MP (4 procs) Free x86 compatible",
            ("Windows 2000", 2195, 4, "x86"),
        ),
        ("Windows XP Kernel Version 2600 (Service Pack 2) UP Free x86 compatible", ("Windows XP", 2600, 1, "x86")),
        (
            "Windows Server 2003 Kernel Version 3790 (Service Pack 2) MP (8 procs) Free x64",
            ("Windows Server 2003", 3790, 8, "x64"),
        ),
        ("Windows 10 Kernel Version 19041 MP (8 procs) Free ARM 64-bit (AArch64)", ("Windows 10", 19041, 8, "arm64")),
    ],
)
def test_versions(line: str, expected: tuple[object, ...]) -> None:
    assert shown(only(read(line, PARSERS), "system"), "os", "build", "processors", "architecture") == expected


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("Debug session time: Fri Nov  3 05:35:00.352 2023 (UTC - 8:00)", "2023-11-03T13:35:00Z"),
        ("Debug session time: Fri Nov  3 05:35:00.352 2023 (UTC + 5:30)", "2023-11-03T00:05:00Z"),
        ("Debug session time: Fri Nov  3 05:35:00.352 2023 (GMT+1)", "2023-11-03T04:35:00Z"),
        ("Debug session time: Fri Nov  3 05:35:00.352 2023", None),
        ("Debug session time: Fri Nov 33 05:35:00.352 2023 (UTC - 8:00)", None),
    ],
)
def test_the_time_of_the_crash_needs_its_offset(line: str, moment: str | None) -> None:
    facts = of(read(line, PARSERS), "system")
    assert (facts[0].text("crash_time") if facts else None) == moment


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Mini Kernel Dump File: Only registers and stack trace are available", "triage"),
        ("Kernel Summary Dump File: Only kernel address space is available", "kernel"),
        ("Kernel Complete Dump File: Full address space is available", "full"),
        ("Kernel Bitmap Dump File: Full address space is available", "full bitmap"),
    ],
)
def test_dump_types(line: str, kind: str) -> None:
    assert only(read(line, PARSERS), "system").text("dump_type") == kind


PARAMETERS = "ffff8001acdc6010 2 0 fffff805736312d0"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bugcheck: D1 (FFFF8001ACDC6010, 2, 0, FFFFF805736312D0)", None),
        ("BugCheck D1, {ffff8001acdc6010, 2, 0, fffff805736312d0}", None),
        (
            "Bugcheck code 000000D1\nArguments ffff8001`acdc6010 00000000`00000002 00000000`00000000 fffff805`736312d0",
            None,
        ),
        (
            "*** Fatal System Error: 0x000000d1\n"
            "   (0xFFFF8001ACDC6010,0x0000000000000002,0x0000000000000000,0xFFFFF805736312D0)",
            None,
        ),
        (
            "BUGCHECK_CODE:  d1\n\nBUGCHECK_P1: ffff8001acdc6010\n\nBUGCHECK_P2: 2\n\nBUGCHECK_P3: 0\n\n"
            "BUGCHECK_P4: fffff805736312d0",
            None,
        ),
        (
            "DRIVER_IRQL_NOT_LESS_OR_EQUAL (d1)\nAn attempt was made to access a pageable address\nArguments:\n"
            "Arg1: ffff8001acdc6010, memory referenced\nArg2: 0000000000000002, IRQL\n"
            "Arg3: 0000000000000000, value 0 = read operation\nArg4: fffff805736312d0, address",
            "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
        ),
    ],
    ids=["mex", "short", ".bugcheck", "break-in", "keys", "analyze"],
)
def test_bugchecks(text: str, name: str | None) -> None:
    fact = only(read(text, PARSERS), "system")
    assert shown(fact, "bugcheck_code", "bugcheck_parameters", "bugcheck_name") == (0xD1, PARAMETERS, name)


def test_a_live_dump() -> None:
    text = "LIVE_SYSTEM_DUMP (161)\nArguments:\nArg1: 0, a\nArg2: 0, b\nArg3: 0, c\nArg4: 0, d\n"
    assert only(read(text, PARSERS), "system").flag("live_dump") is True
    assert only(read("lkd> !x\nanything\nmore\n", PARSERS), "system").flag("live_dump") is True
    assert read("kd> !x\nanything\n", PARSERS).facts == []


def test_process_and_module_of_an_analysis() -> None:
    log = read("PROCESS_NAME:  a b.exe\n\nMODULE_NAME: leaky\n\nIMAGE_NAME:  leaky.sys\n", PARSERS)
    assert shown(only(log, "process"), "image", "crashed") == ("a b.exe", True)
    assert shown(only(log, "module"), "name", "file") == ("leaky", "leaky.sys")


def test_two_machines_are_two_facts() -> None:
    log = read(f"{BANNER}0: kd> !vm\n{BANNER.replace('(6 procs)', '(4 procs)')}", PARSERS)
    assert [fact.int("processors") for fact in of(log, "system")] == [6, 4]


@pytest.mark.parametrize(
    "text",
    [
        "-Windows 10 Pro 22H2 build 19045.3693",
        "We run Windows Server 2019, uptime 30 days",
        "SOME_NAME (d1)\nno arguments follow\n",
        "Bugcheck code 00000000",
        "System Uptime: not available",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert read(text, PARSERS).facts == []


def test_real_banners(shared: Path) -> None:
    log = read_file(shared / "cases/07-neg-win10-triage-garbage-commit/transcript.txt", PARSERS)
    first = of(log, "system")[0]
    assert shown(first, "build", "processors", "bugcheck_code", "crash_time") == (
        22621,
        6,
        0xD1,
        "2023-11-03T13:35:00Z",
    )
