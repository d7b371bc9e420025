from pathlib import Path

import pytest
from parsing import notes, of, only, read, read_file, shown

from dumptriage.sources.log import poolfind
from dumptriage.sources.log.verifier import PARSERS

DRIVER = """\
nt!_VF_TARGET_DRIVER 0xffffcb8438730e10: leaky.sys ({state})
    Pool Allocation Statistics: ( NonPagedPool / PagedPool )

      Current Pool Allocations: ( 0x00000002 / 0x00000001 )
      Current Pool Bytes:       ( 0x00000104 / 0x00000010 )
      Peak Pool Allocations:    ( 0x0000006f / 0x00000001 )
      Contiguous Memory Bytes:       0x00000000

    Pool Allocations:

      Address             Length      Tag   Caller Address
      ------------------  ----------  ----  ------------------
      0xffffcb843b87aff0  0x00000100  Leak  0xfffff803569c53e1  leaky!Alloc+0x21
      0xffffcb843b87bff0  0x00000004  Leak  0xfffff803569c53e1  leaky!Alloc+0x21
      0xffffcb843b87cff0  0x00000010  Lk2   0xfffff803569c5555  leaky+0x5555
"""


@pytest.mark.parametrize(("state", "unloaded"), [("Loaded and Unloaded", True), ("Unloaded", True), ("Loaded", False)])
def test_blocks_of_a_driver_per_tag(state: str, unloaded: bool) -> None:
    log = read(DRIVER.format(state=state), PARSERS)
    fields = ("driver", "tag", "allocations", "bytes", "caller", "caller_module", "unloaded", "checker")
    assert [shown(fact, *fields) for fact in of(log, "unfreed")] == [
        ("leaky.sys", "Leak", 2, 0x104, "leaky!Alloc+0x21", "leaky", unloaded, "verifier"),
        ("leaky.sys", "Lk2 ", 1, 0x10, "leaky+0x5555", "leaky", unloaded, "verifier"),
        ("leaky.sys", None, 3, 0x114, None, None, unloaded, "verifier"),
    ]
    assert {fact.quality for fact in of(log, "unfreed")} == {"exact"}
    assert [shown(fact, "tag", "module", "how") for fact in of(log, "tag_module")] == [
        ("Leak", "leaky", "verifier"),
        ("Lk2 ", "leaky", "verifier"),
    ]


def test_a_cut_list_of_blocks_is_a_lower_bound_beside_the_counters() -> None:
    text = "\n".join(DRIVER.format(state="Unloaded").splitlines()[:-1]) + "\n..."
    facts = of(read(text, PARSERS), "unfreed")
    assert [(*shown(fact, "tag", "allocations", "bytes"), fact.quality) for fact in facts] == [
        ("Leak", 2, 0x104, "lower-bound"),
        (None, 3, 0x114, "exact"),
    ]


def test_the_layout_up_to_windows_7() -> None:
    text = (
        "fffffa8003b6f670 Loaded           000000a0       00000854    videoprt.sys\n\n"
        "Current Pool Allocations  00000002    00000000\nCurrent Pool Bytes        00000070    00000000\n"
        "Peak Pool Allocations     00000006    00000014\n\nPoolAddress  SizeInBytes    Tag       CallersAddress\n"
        "fffff9800157efc0     0x0000003c     Vprt      fffff88002c62963\n"
        "fffff9800146afc0     0x00000034     Vprt      fffff88002c62963\n"
    )
    fact = only(read(text, PARSERS), "unfreed")
    assert (*shown(fact, "tag", "allocations", "bytes", "caller", "unloaded"), fact.quality) == (
        "Vprt",
        2,
        0x70,
        None,
        False,
        "exact",
    )


def test_a_driver_with_nothing_left_gives_nothing() -> None:
    text = "nt!_VF_TARGET_DRIVER 0xffffcb8438730e10: good.sys (Unloaded)\n"
    text += " Current Pool Allocations: ( 0x00000000 / 0x00000000 )\n"
    assert read(text, PARSERS).facts == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Verify Level 9bb ... enabled options are:", [("low-precision", "pool")]),
        ("Verify Flags Level 0x000209bb", [("low-precision", "pool")]),
        ("Verify Flags Level 0x00000000", []),
    ],
)
def test_the_verifier_is_noted_when_it_is_on(line: str, expected: list[tuple[str, str]]) -> None:
    assert notes(read(f"{line}\n    Special pool\n    Special irql\n", PARSERS)) == expected


FRAMEWORK = (
    "11994: FxPoolDestroy - Destroying Pool 0xFFFFCF0F92C95E48\n"
    "11995: FxPoolDump - FxPoolDump: NonPagedBytes 136, PagedBytes 0, NonPagedAllocations 1, PagedAllocations 0,"
    "PeakNonPagedBytes 33748, PeakPagedBytes 392\n"
    "11996: FxPoolDump - FX_POOL 0xFFFFCF0F92C95E48 leaked non-paged memory alloc 0xFFFFCF0FB5044A50\n"
)


def test_what_the_driver_framework_finds_at_unload() -> None:
    fact = only(read(FRAMEWORK, PARSERS), "unfreed")
    assert shown(fact, "driver", "allocations", "bytes", "unloaded", "checker") == (None, 1, 136, True, "wdf")
    clean = FRAMEWORK.splitlines()[1].replace("Bytes 136", "Bytes 0").replace("Allocations 1", "Allocations 0")
    assert read(clean, PARSERS).facts == []


USAGE = "-----\nFxDriverGlobals 83b7af18 pool stats\n-----\nDriver Tag: 'Leak'\n15126 NonPaged Bytes, 548 Paged Bytes\n"


def test_the_tag_of_a_framework_driver_needs_the_driver() -> None:
    fact = only(read(f"kd> !wdfkd.wdfpoolusage leaky 0 0\n{USAGE}", PARSERS), "tag_module")
    assert shown(fact, "tag", "module", "how") == ("Leak", "leaky", "framework object")
    assert read(USAGE, PARSERS).facts == []


BLOCKS = (
    "kd> !poolfind Leak -nonpaged\n"
    "Searching nonpaged pool (ffffda0000000000 : ffffea0000000000) for tag 0x6b61654c (Leak)\n"
    "ffffda000a9b6d30 : tag Leak, size     0x140, Nonpaged pool\n"
    "ffffda000a9e0010 : tag Leak, size     0x140, Nonpaged pool\n"
)
OTHER_TAG = BLOCKS.replace("Leak", "Lk2 ").replace("ffffda000a9", "ffffda000a8")
CALLBACK = (
    "{0}   +0x000 __VFN_table : 0xfffff800`5980dc30\n   +0x0a0 m_Callback       : 0xfffff800`9f760a28     void  {1}+0\n"
)


@pytest.mark.parametrize(
    ("above", "command", "symbol", "expected"),
    [
        (BLOCKS, "kd> dt Wdf01000!FxWorkItem ffffda000a9b6d30+10\n", "leaky!Work", [("Leak", "leaky")]),
        (BLOCKS, "dt Wdf01000!FxWorkItem ffffda00`0a9b6d40\n", "leaky!Work", [("Leak", "leaky")]),
        (BLOCKS, "kd> dt Wdf01000!FxWorkItem ffffda000f16ed30+10\n", "leaky!Work", [("Leak", "leaky")]),
        (BLOCKS, "kd> dt Wdf01000!FxWorkItem ffffda000f16ed40\n", "leaky!Work", []),
        (BLOCKS, "kd> dt Wdf01000!FxWorkItem fffff8000f16ed30+10\n", "leaky!Work", []),
        (BLOCKS + OTHER_TAG, "kd> dt Wdf01000!FxWorkItem ffffda000f16ed30+10\n", "leaky!Work", []),
        (BLOCKS, "kd> dt Wdf01000!FxWorkItem ffffda000a9b6d30+10\n", "Wdf01000!FxThunk", []),
        ("", "kd> dt Wdf01000!FxWorkItem ffffda000a9b6d30+10\n", "leaky!Work", []),
        (BLOCKS, "", "leaky!Work", []),
    ],
    ids=[
        "listed block",
        "inside a listed block, no prompt",
        "behind a block header in the searched range",
        "any address in the range",
        "outside the range",
        "two tags searched",
        "callback of the framework",
        "no search",
        "no command",
    ],
)
def test_the_callback_of_a_framework_object(
    above: str, command: str, symbol: str, expected: list[tuple[str, str]]
) -> None:
    log = read(above + CALLBACK.format(command, symbol), poolfind.PARSERS, PARSERS)
    assert [shown(fact, "tag", "module") for fact in of(log, "tag_module")] == expected


def test_real_samples(shared: Path) -> None:
    fact = only(read_file(shared / "cases/25-ebpf-verifier-leak/transcript.txt", PARSERS), "unfreed")
    assert shown(fact, "driver", "tag", "allocations", "bytes", "unloaded") == ("ebpfcore.sys", "ebpf", 1, 4, True)
    log = read_file(shared / "formats/verifier/wdk-verifier-2.txt", PARSERS)
    assert ("low-precision", "pool") in notes(log)
    log = read_file(shared / "cases/02-amd-acp-wdf-workitem/transcript.txt", poolfind.PARSERS, PARSERS)
    assert shown(only(log, "tag_module"), "tag", "module", "how") == ("amda", "amdacpbus2", "framework object")


def test_the_log_of_the_framework_names_the_driver_in_its_command() -> None:
    text = "403: FxPoolDump - FxPoolDump: NonPagedBytes 2176, PagedBytes 0, NonPagedAllocations 16, PagedAllocations 0,"
    (fact,) = of(read(text, PARSERS, command="!wdfkd.wdflogdump hidbridge"), "unfreed")
    assert shown(fact, "driver", "allocations", "checker") == ("hidbridge.sys", 16, "wdf")
