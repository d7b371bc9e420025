from pathlib import Path

import pytest
from parsing import of, read, read_file, shown

from dumptriage.facts import Value
from dumptriage.sources.log.block import Log
from dumptriage.sources.log.stacks import PARSERS

ALLOCATION = """\
 # Child-SP          RetAddr               Call Site
00 ffffd68d`7952edb8 fffff804`0591d831     nt!ExAllocatePool2 [minkernel\\ntos\\ex\\pool.c @ 4255]
01 (Inline Function) --------`--------     Wdf01000!MxMemory::MxAllocatePool2+0x10 [minkernel\\wdf\\MxMemoryKm.h @ 86]
02 ffffd68d`7952edc0 fffff804`0591e433     Wdf01000!FxObject::operator new+0x81 [minkernel\\wdf\\wdfpool.cpp @ 379]
03 ffffd68d`7952efb0 fffff804`0ffa4568     leaky!CreateItem+0xd0
04 ffffd68d`7952f030 00000000`00000000     leaky!Dpc+0x13c
"""


def frames(log: Log) -> list[tuple[Value | None, ...]]:
    return [shown(fact, "purpose", "module", "symbol", "frame") for fact in of(log, "stack")]


def test_one_fact_per_module_with_its_innermost_frame() -> None:
    assert frames(read(ALLOCATION, PARSERS)) == [
        ("allocation", "nt", "nt!ExAllocatePool2", 0),
        ("allocation", "Wdf01000", "Wdf01000!MxMemory::MxAllocatePool2+0x10", 1),
        ("allocation", "leaky", "leaky!CreateItem+0xd0", 3),
    ]


CRASH = """\
STACK_TEXT:
ffffc60b`87e8ebf8 fffff805`4d62bfa9     : 00000000`0000000a ffff8001`acdc6010 00000000`00000002 00000000`00000000 : nt!KeBugCheckEx
ffffc60b`87e8eed0 fffff805`7363168e     : ffffc983`01580702 00000000`00000aa0 ffffc983`f4584030 ffffc60b`87e8f050 : leaky+0x12d0
00000008`f82ff3f8 00000000`00000000     : 00000000`00000000 00000000`00000000 00000000`00000000 00000000`00000000 : 0x00007ffc`aa52f454
"""  # noqa: E501


@pytest.mark.parametrize("text", [CRASH, CRASH.replace("\n", "\n\n"), CRASH.removeprefix("STACK_TEXT:\n")])
def test_the_stack_of_a_crash(text: str) -> None:
    assert frames(read(text, PARSERS)) == [
        ("crash", "nt", "nt!KeBugCheckEx", 0),
        ("crash", "leaky", "leaky+0x12d0", 1),
    ]


X86 = """\
ChildEBP RetAddr  Args to Child
f6443d4c 8042ef5f {args} {site}
WARNING: Stack unwind information not available. Following frames may be wrong.
f6443d70 80417b0d 00000000 80442f00 00000000 leaky!Start+0x197 (FPO: [Non-Fpo])
"""


def test_x86_columns() -> None:
    log = read(X86.format(args="bfec0068 80478d40 8904a180", site="nt!KiSwapThread+0x1b1"), PARSERS)
    assert frames(log) == [("thread", "nt", "nt!KiSwapThread+0x1b1", 0), ("thread", "leaky", "leaky!Start+0x197", 1)]


def test_the_tag_argument_is_read_on_x86_only() -> None:
    log = read(X86.format(args="00000000 00000100 796b614c", site="nt!ExAllocatePoolWithTag+0x10"), PARSERS)
    assert [shown(fact, "purpose", "tag") for fact in of(log, "stack")] == [("allocation", "Laky")] * 2
    assert {fact.get("tag") for fact in of(read(ALLOCATION, PARSERS), "stack")} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "nt!ExAllocatePoolWithTag+0x1\nleaky!Alloc+0x12\nleaky!Dispatch+0x40\n",
        " # Call Site\n00 nt!ExAllocatePoolWithTag\n01 leaky!Alloc\n",
        "1 thread [stats]: ffff8008e4604040\n    fffff80766432140 nt!ExAllocatePool2\n"
        "    fffff80784da115b leaky!Alloc\n",
        "Pool block a2b1ce98, Size 00000164, Thread a2b1ce98\n"
        "822af87f nt!VerifierExAllocatePoolWithTagPriority+0x5d\n808f1c88 leaky!Alloc+0x1d\n",
    ],
    ids=["kc", "kc with a title", "mex", "verifier log"],
)
def test_other_layouts(text: str) -> None:
    assert [(purpose, module) for purpose, module, _, _ in frames(read(text, PARSERS))] == [
        ("allocation", "nt"),
        ("allocation", "leaky"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ChildEBP RetAddr Args to Child\nfb26ed18 80118efc c0502000 804044b0 00000000 KiSwapThread+0xb5\n",
        "kd> dps fffff807`84da2030 l3\nfffff807`84da2030  fffff807`66aad2b0 nt!ExAllocatePoolWithTag\n"
        "fffff807`84da2038  fffff807`66aad2c0 nt!ExFreePoolWithTag\n",
        "fffff807`84da2030  fffff807`66aad2b0 nt!ExAllocatePoolWithTag\n"
        "fffff807`84da2038  fffff807`66aad2c0 nt!ExFreePoolWithTag\n"
        "fffff807`84da2040  fffff807`66aad2d0 nt!ExAllocatePool2\n",
        "kd> x nt!*Allocate*\nfffff807`66aad2b0 nt!ExAllocatePoolWithTag = <no type information>\n"
        "fffff807`66aad2c0 nt!ExAllocatePool2 = <no type information>\nfffff807`66aad2d0 nt!MmAllocate (void)\n",
        "we saw nt!ExAllocatePoolWithTag in the list\n",
        "Handle 0x7CC - OPEN:\n0x8018F44A: ntoskrnl!ExCreateHandle+0x94\n0x801E3390: ntoskrnl!ObpCreateHandle+0x10C\n",
        "Sequence  (+/-)  Stack\n--------  -----  -----\n   2421d    +1  nt!ObCreateObject+180\n   leaky!Create+92\n"
        "   leaky!Dispatch+0x92\n   nt!KiFastCallEntry+0x104\n",
    ],
    ids=["no modules", "dps", "dps without its prompt", "x", "prose", "htrace", "obtrace"],
)
def test_what_is_no_stack(text: str) -> None:
    assert read(text, PARSERS).facts == []


def test_frames_and_modules_are_bounded() -> None:
    rows = "".join(f"8{n:07x} 8{n:07x} m{n}!f+0x1\n" for n in range(500))
    assert len(of(read(f"ChildEBP RetAddr\n{rows}", PARSERS), "stack")) == 32


def test_a_real_stack(shared: Path) -> None:
    log = read_file(shared / "cases/02-amd-acp-wdf-workitem/transcript.txt", PARSERS)
    assert [(purpose, module, number) for purpose, module, _, number in frames(log)] == [
        ("allocation", "nt", 0),
        ("allocation", "Wdf01000", 1),
        ("allocation", "amdacpbus2", 9),
    ]
