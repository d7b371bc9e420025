"""Triage dumps: every field of a forged one, and what becomes of damaged ones."""

import struct

import pytest
from forge import (
    ACME_BASE,
    NT_BASE,
    PROCESS,
    TCPIP_BASE,
    THREAD,
    Entry,
    Triage,
    smbios,
    triage32,
    triage64,
    versioned_image,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Fact
from dumptriage.sources.dump import is_dump, read

GB = 1 << 30


def case_of(data: bytes) -> Case:
    return read(data, Casefile("x.dmp", "0" * 64, len(data), "dump"))


def forged(**changes: object) -> Case:
    return case_of(triage64(Triage().with_(**changes)))


def only(case: Case, kind: str) -> Fact:
    (fact,) = case.of(kind)
    return fact


def problems(case: Case) -> set[tuple[str | None, str | None]]:
    return {(fact.text("problem"), fact.text("subject")) for fact in case.of("data_quality")}


def test_header_becomes_the_system_fact() -> None:
    system = only(forged(), "system")
    assert system.fields == {
        "os": "Windows 10 2004 to 22H2",
        "build": 19041,
        "product_type": "workstation",
        "architecture": "x64",
        "processors": 8,
        "ram_bytes": (0x9E + 0x1FFF00) * 4096,
        "uptime_s": 3600.0,
        "crash_time": "2024-01-17T21:20:00Z",
        "dump_type": "triage",
        "bugcheck_code": 0x1000007E,
        "bugcheck_name": "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED",
        "bugcheck_parameters": "ffffffffc0000005 fffff80056004321 1 2",
        "live_dump": False,
        "kernel_base": "fffff80012000000",
        "pool_limits": "dynamic",
    }
    assert system.verify == "vertarget; .bugcheck"


@pytest.mark.parametrize(
    ("build", "product_type", "os", "limits"),
    [
        (9600, 1, "Windows 8.1", "dynamic"),
        (9600, 3, "Windows Server 2012 R2", "dynamic"),
        (20348, 2, "Windows Server 2022", "dynamic"),
        (3790, 3, "Windows Server 2003", "unknown"),
        (26100, 1, "Windows 11 24H2", "dynamic"),
        (27777, 1, "Windows build 27777", "dynamic"),
    ],
)
def test_builds(build: int, product_type: int, os: str, limits: str) -> None:
    system = only(forged(build=build, product_type=product_type), "system")
    assert (system.text("os"), system.text("pool_limits")) == (os, limits)


def test_build_lab_names_the_update() -> None:
    lab = b"9600.18821.amd64fre.winblue_ltsb.170914-0600\0".ljust(0x100, b"\0")
    case = forged(build=9600, blocks=((NT_BASE + 0x9000, lab),))
    assert only(case, "system").text("os") == "Windows 8.1 (9600.18821.amd64fre.winblue_ltsb.170914-0600)"


@pytest.mark.parametrize(
    ("code", "name", "live"),
    [
        (0x50, "PAGE_FAULT_IN_NONPAGED_AREA", False),
        (0x100000EA, "THREAD_STUCK_IN_DEVICE_DRIVER", False),
        (0x161, "LIVE_SYSTEM_DUMP", True),
        (0x15E, "BUGCODE_NDIS_DRIVER_LIVE_DUMP", True),
        (0xA0000001, None, False),
    ],
)
def test_bugcheck_names(code: int, name: str | None, live: bool) -> None:
    system = only(forged(bugcheck=code), "system")
    assert (system.int("bugcheck_code"), system.text("bugcheck_name"), system.flag("live_dump")) == (code, name, live)


def test_memory_totals() -> None:
    case = forged()
    memory = only(case, "memory")
    assert memory.int("committed_bytes") == 900_000 * 4096
    assert memory.int("peak_commit_bytes") == 950_000 * 4096
    assert memory.int("commit_limit_bytes") == 1_200_000 * 4096
    pools = {pool.text("type"): (pool.int("used_bytes"), pool.text("limit"), pool.quality) for pool in case.of("pool")}
    assert pools == {
        "nonpaged": (250_000 * 4096, "dynamic", "exact"),
        "paged": (60_000 * 4096, "dynamic", "exact"),
    }
    assert all("max_bytes" not in pool.fields and "percent_of_max" not in pool.fields for pool in case.of("pool"))


def test_zero_totals_are_not_recorded_rather_than_none_in_use() -> None:
    case = forged(totals=(0,) * 7)
    assert case.of("pool") == []
    assert set(only(case, "memory").fields) == {"physical_bytes"}
    assert ("not-recorded", "pool") in problems(case)


def test_paged_pool_alone_not_recorded() -> None:
    case = forged(totals=(0, 1000, 0, 0, 5000, 6000, 9000))
    assert [pool.text("type") for pool in case.of("pool")] == ["nonpaged"]
    (note,) = [q for q in case.of("data_quality") if q.text("problem") == "not-recorded"]
    assert "does not record paged pool (" in (note.text("text") or "")


def test_more_nonpaged_pool_than_ram_is_suspect() -> None:
    case = forged(totals=(0, 40_000_000, 0, 0, 5000, 6000, 9000))
    assert only(case, "pool").quality == "suspect"
    assert ("impossible-counter", "pool") in problems(case)


def test_ram_by_smbios_where_there_is_no_run_list() -> None:
    case = forged(runs=(), smbios=smbios(0, 8192, 4096))
    assert only(case, "system").int("ram_bytes") == 12 * GB
    assert ("low-precision", "memory") in problems(case)


def test_ram_of_large_memory_devices() -> None:
    assert only(forged(runs=(), smbios=smbios(65536, 65536)), "system").int("ram_bytes") == 128 * GB


@pytest.mark.parametrize("table", [None, b"", smbios(8192, mapped_mb=1024), smbios(0, 0), smbios(8192)[:30]])
def test_ram_unknown_without_a_run_list_and_a_sound_table(table: bytes | None) -> None:
    case = forged(runs=(), smbios=table)
    assert "ram_bytes" not in only(case, "system").fields
    assert ("not-recorded", "memory") in problems(case)


@pytest.mark.parametrize(
    "runs",
    [((5, 0),), ((0x100, 0x10), (0x80, 0x10)), ((1, 1 << 50),), tuple((i * 10, 1) for i in range(1, 60))],
    ids=["empty", "out of order", "beyond physical addresses", "too many"],
)
def test_absurd_run_list_gives_no_ram(runs: tuple[tuple[int, int], ...]) -> None:
    case = forged(runs=runs)
    assert "ram_bytes" not in only(case, "system").fields
    assert ("broken", "system") in problems(case)


def test_every_driver_is_a_module() -> None:
    nt, tcpip, acme = (m for m in forged().of("module") if not m.flag("unloaded"))
    assert nt.fields == {
        "name": "nt",
        "file": "ntoskrnl.exe",
        "path": "\\SystemRoot\\system32\\ntoskrnl.exe",
        "base": "fffff80012000000",
        "size": 0x1046000,
        "timestamp": "f0000001",
        "checksum": "00001234",
        "on_stack": True,
    }
    assert (tcpip.text("name"), tcpip.text("timestamp")) == ("tcpip", "8f000000")
    assert (acme.text("name"), acme.text("timestamp"), acme.verify) == (
        "acmeflt",
        "2021-01-14T08:25:36Z",
        "lmvm acmeflt",
    )


def test_kernel_stamp_after_the_crash_marks_a_reproducible_build() -> None:
    assert ("low-precision", "modules") in problems(forged())
    dated = (Entry("ntoskrnl.exe", NT_BASE, 0x1000000, stamp=0x60000000),)
    case = forged(drivers=dated)
    assert ("low-precision", "modules") not in problems(case)
    assert only(case, "system").text("kernel_base") == "fffff80012000000"


def test_unloaded_drivers() -> None:
    entries = (
        ("dam.sys", 0xFFFFF80061000000, 0xFFFFF80061010000),
        ("dump_storport.sys", 0xFFFFF80062000000, 0xFFFFF80062010000),
        ("dump_atapi.sys", 0xFFFFF80063000000, 0xFFFFF80063010000),
        ("hwpolicy.sys", 0xFFFFF80064000000, 0xFFFFF80064010000),
    )
    modules = [m for m in forged(unloaded=entries).of("module") if m.flag("unloaded")]
    assert [(m.text("name"), m.text("file")) for m in modules] == [
        ("dam", "dam.sys"),
        ("dump_storpor", None),
        ("dump_atapi", None),
        ("hwpolicy", "hwpolicy.sys"),
    ]
    assert (modules[0].text("base"), modules[0].int("size")) == ("fffff80061000000", 0x10000)


def test_version_resource_in_a_data_block() -> None:
    strings = {"CompanyName": "Acme Ltd.", "FileDescription": "Acme filter", "ProductName": "Acme Backup"}
    case = forged(blocks=((ACME_BASE, versioned_image(strings, (4, 2, 1, 77))),))
    (acme,) = case.where("module", name="acmeflt")
    assert [acme.text(name) for name in ("version", "company", "product", "description")] == [
        "4.2.1.77",
        "Acme Ltd.",
        "Acme Backup",
        "Acme filter",
    ]


def test_crashing_process_and_thread() -> None:
    case = forged()
    assert only(case, "process").fields == {
        "pid": 4120,
        "image": "backup.exe",
        "address": f"{PROCESS:x}",
        "parent_pid": 900,
        "crashed": True,
    }
    assert only(case, "sample").fields == {
        "type": "Thread",
        "address": f"{THREAD:x}",
        "state": "running",
        "cid": "1018.1490",
        "owner_pid": 4120,
        "owner_address": f"{PROCESS:x}",
        "owner_image": "backup.exe",
        "start_address": f"{NT_BASE + 0x7000:x}",
        "win32_start_address": "7ff600001000",
        "start_module": "nt",
    }


def test_idle_thread_is_not_the_attached_process_s() -> None:
    thread = only(forged(pid=4, image=b"System", cid=(0, 0)), "sample")
    assert thread.text("cid") == "0.0"
    assert thread.text("owner_address") == f"{NT_BASE + 0x5000:x}"
    assert thread.text("owner_image") is None


def test_name_that_is_none_leaves_the_process_out() -> None:
    assert forged(image=b"\x01\xff\x02").of("process") == []


def test_modules_on_the_stack() -> None:
    stacks = {s.text("module"): s for s in forged().of("stack")}
    assert {name: (s.text("symbol"), s.int("frame"), s.quality) for name, s in stacks.items()} == {
        "nt": ("nt+0x3fe580", 0, "exact"),
        "acmeflt": ("acmeflt+0x4321", None, "exact"),
        "tcpip": ("tcpip+0x2222", 1, "suspect"),
    }
    assert stacks["acmeflt"].source == "bugcheck parameter 2"
    assert stacks["tcpip"].source.startswith("raw scan")


def test_pointers_to_headers_and_outside_are_no_frames() -> None:
    stack = (TCPIP_BASE, TCPIP_BASE + 0xFFF, TCPIP_BASE + 0x300000, TCPIP_BASE - 8)
    case = forged(stack=stack, bugcheck=0xEF, parameters=(1, 0, 0, 0))
    assert [s.text("module") for s in case.of("stack")] == ["nt"]


def test_what_a_triage_dump_cannot_hold_is_said_once_per_subject() -> None:
    notes = [q for q in forged().of("data_quality") if q.text("problem") == "not-in-dump"]
    assert sorted(q.text("subject") or "" for q in notes) == ["handles", "processes", "tags"]
    assert all("kernel" in (q.text("text") or "") and q.text("severity") == "info" for q in notes)


def test_32_bit_triage_dump() -> None:
    case = case_of(triage32())
    system = only(case, "system")
    assert (system.text("architecture"), system.text("os")) == ("x86", "Windows Server 2008 R2 SP1")
    assert system.text("bugcheck_parameters") == "9000 0 82801234 0"
    modules = [
        (m.text("name"), m.text("base"), m.text("checksum")) for m in case.of("module") if not m.flag("unloaded")
    ]
    assert modules == [("nt", "82800000", "00000099"), ("acme", "8b000000", "00000099")]
    assert [m.text("name") for m in case.of("module") if m.flag("unloaded")] == ["dam"]
    process, thread = only(case, "process"), only(case, "sample")
    assert (process.int("pid"), process.text("image"), process.text("address")) == (1232, "agent.exe", "85001000")
    assert (thread.text("address"), thread.text("cid")) == ("85002000", "4d0.4d8")
    assert {s.text("module"): s.text("symbol") for s in case.of("stack")} == {"nt": "nt+0x5555", "acme": "acme+0x2222"}
    assert case.of("pool") == []


BLOCK = ((NT_BASE, b"MZ" + bytes(0x3FE)),)


@pytest.mark.parametrize(
    ("offset", "value", "subject"),
    [
        (0x2034, 0xFFFFFFFF, "modules"),
        (0x2034, 0, None),
        (0x2030, 0xFFFFFFF0, "modules"),
        (0x2030, 0, "modules"),
        (0x2038, 0xFFFFFFF0, "modules"),
        (0x203C, 0, "modules"),
        (0x2004, 0x7FFFFFFF, "system"),
        (0x2008, 0x10, "system"),
        (0x2070, 0xFFFFFFF0, "processes"),
        (0x207C, 0xFFFFFFFF, "memory"),
        (0x2078, 0xFFFFFFF0, "memory"),
        (0x2014, 0xFFFFFFF0, None),
        (0x2018, 0x2000, None),
        (0x202C, 0xFFFFFFFF, None),
        (0x2020, 0xFFFFFFFF, None),
        (0x0C, 7, "system"),
        (0x34, 0, "system"),
        (0x30, 0x1234, "system"),
    ],
)
def test_absurd_offsets_and_counts(offset: int, value: int, subject: str | None) -> None:
    case = forged(blocks=BLOCK, patches={offset: struct.pack("<I", value)})
    assert only(case, "system").text("dump_type") == "triage"
    assert subject is None or ("broken", subject) in problems(case)


def test_at_most_4096_drivers() -> None:
    many = tuple(Entry(f"d{i}.sys", ACME_BASE + i * 0x10000, 0x8000) for i in range(4100))
    case = forged(drivers=many)
    assert len([m for m in case.of("module") if not m.flag("unloaded")]) == 4096
    assert ("broken", "modules") in problems(case)


def test_unreadable_name_keeps_the_driver() -> None:
    case = forged(drivers=(Entry("a\x01b.sys", ACME_BASE, 0x8000),))
    (module,) = [m for m in case.of("module") if not m.flag("unloaded")]
    assert module.text("file") is None
    assert module.text("name") == f"Unknown_Module_{ACME_BASE:x}"


def survives(data: bytes) -> Case | None:
    """The case, or None if the file was refused in one line; anything else fails the test."""
    try:
        case = case_of(data)
    except CasefileError as error:
        assert "\n" not in str(error)
        return None
    for fact in case.facts:
        fact.to_json()
    return case


WHOLE = triage64(
    Triage(runs=(), smbios=smbios(8192), blocks=((ACME_BASE, versioned_image({"CompanyName": "A"}, (1, 0, 0, 0))),))
)


def test_truncated_at_every_kilobyte() -> None:
    for size in range(0, len(WHOLE), 1024):
        case = survives(WHOLE[:size])
        assert (case is None) == (size < 0x2000), size
        if case is not None and size < WHOLE.index(b"DumpBlob"):
            assert "broken" in {q.text("problem") for q in case.of("data_quality")}, size


def test_truncated_at_every_word_of_the_sub_header() -> None:
    for size in range(0x2000, 0x20A0, 4):
        assert survives(WHOLE[:size]) is not None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=12))
def test_flipped_bytes(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE)
    for offset, raw in changes:
        data[offset : offset + len(raw)] = raw
    survives(bytes(data))


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.integers(0x2000 // 4, 0x2080 // 4), st.integers(0, 0x100 // 4)),
        st.sampled_from([0, 1, 7, 0x1000, 0x2000, 0x2080, 0x4000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
        min_size=1,
        max_size=6,
    )
)
def test_hostile_header_fields(fields: dict[int, int]) -> None:
    data = bytearray(WHOLE)
    for index, value in fields.items():
        struct.pack_into("<I", data, 4 * index, value)
    data[0:8] = b"PAGEDU64"
    survives(bytes(data))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"PAGEDU64", b"PAGEDUMP", b"MDMP", b""]), st.integers(0, 0x3000))
def test_random_bytes(raw: bytes, head: bytes, size: int) -> None:
    data = (head + raw).ljust(size, raw[:1] or b"\x55")
    assert not head or is_dump(data)
    survives(data)
