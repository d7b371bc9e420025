"""Tags in images: a driver's own tag against tables, text, scanners and the kernel."""

import pytest
from fakekernel import FakeKernel, new_case
from synth.pe import Picture, Section, render
from test_walk_modules import chain, entry

from dumptriage.facts import Case, Fact, new
from dumptriage.sources.kernel import tagscan
from dumptriage.sources.kernel.report import Report

CODE, DATA = 0x6000_0020, 0xC000_0040
PUSH = b"\x55\x8b\xec\x68%s\xff\x75\x08\x6a\x00\xff\x15\x00\x10\x40\x00\xc3"
TABLE = b"ProcThreFileEvenMutaSemaTokeIrp MmSt%sNtfxNtfFCM31Vad ObDiFMfnDmioNpfsLSwiPoolDiskUsbh"


def scan(
    sections: dict[str, tuple[bytes, int]], name: str = "acmeflt.sys", tags: tuple[str, ...] = ("AcFl",)
) -> list[Fact]:
    fake = FakeKernel("6.1.7601.24540 x64")
    base = fake.high + 0x200_0000
    made = [Section(title, data, flags) for title, (data, flags) in sections.items()]
    data, _ = render(Picture(name, 64, made, 0x4A5BC100))
    fake.memory.put(base, data)
    chain(fake, [entry(fake, 0, name, base, len(data))])
    case = new_case()
    for tag in tags:
        case.add(new("tag", source="x", tag=tag, pool="nonpaged", outstanding=5, bytes=50))
    tagscan.walk(fake.kernel, case, Report())
    return case.of("tag_module")


@pytest.mark.parametrize("stored", [b"AcFl", b"AcF\xec"])
def test_an_immediate_in_code_names_the_driver(stored: bytes) -> None:
    (fact,) = scan({".text": (bytes(200) + PUSH % stored, CODE), "PAGE": (b"\x90" * 50 + PUSH % stored * 2, CODE)})
    assert (fact.get("module"), fact.get("hits"), fact.get("section")) == ("acmeflt", 3, "PAGE")
    assert (fact.get("plausible"), fact.get("how"), fact.get("in_code")) == (True, "string scan", True)


def test_a_tag_in_initialised_data_is_plausible() -> None:
    (fact,) = scan({".data": (bytes(64) + b"\x10\x00\x00\x00AcFl\x00\x02\x00\x00" + bytes(64), DATA)})
    assert (fact.get("plausible"), fact.get("section"), fact.get("in_code")) == (True, ".data", False)


def test_of_code_and_data_the_section_with_code_is_named() -> None:
    entry = b"\x10\x00\x00\x00AcFl\x00\x02\x00\x00" + bytes(64)
    (fact,) = scan({".data": (bytes(64) + entry * 3, DATA), "PAGE": (b"\x90" * 50 + PUSH % b"AcFl", CODE)})
    assert (fact.get("section"), fact.get("in_code"), fact.get("plausible")) == ("PAGE", True, True)


@pytest.mark.parametrize(
    "data",
    [
        bytes(64) + TABLE % b"AcFl" + bytes(64),
        bytes(64)
        + b"".join(tag + bytes(12) for tag in [b"Aa01", b"Bb02", b"Cc03", b"Dd04"] * 5 + [b"AcFl"] * 1 + [b"Ee05"] * 4),
        bytes(64) + b"The AcFlter driver could not start" + bytes(64),
    ],
    ids=["table", "table of structures", "text"],
)
def test_tables_and_text_are_not_plausible(data: bytes) -> None:
    (fact,) = scan({".rdata": (data, DATA)})
    assert (fact.get("plausible"), fact.get("section")) == (False, ".rdata")


def test_the_kernel_is_not_plausible() -> None:
    (fact,) = scan({".text": (PUSH % b"AcFl", CODE)}, name="ntoskrnl.exe")
    assert (fact.get("module"), fact.get("plausible")) == ("nt", False)


def test_a_tool_that_compares_with_many_tags_is_a_scanner() -> None:
    code = b"".join(b"\x3d" + tag + b"\x74\x10" for tag in (b"Thre", b"Proc", b"Toke", b"MmSt", b"AcFl", b"CM31"))
    (fact,) = scan({".text": (code, CODE)})
    assert fact.get("plausible") is False


def test_no_hit_no_fact() -> None:
    assert not scan({".text": (bytes(4096) + b"AcF", CODE), ".data": (b"lAcX", DATA)})


def test_a_hit_across_a_page_border() -> None:
    code = b"\x90" * 4094 + b"AcFl" + b"\x90" * 4090
    (fact,) = scan({".text": (code, CODE)})
    assert (fact.get("hits"), fact.get("plausible")) == (1, True)


def test_tags_of_object_types_are_not_searched_for() -> None:
    case: Case = new_case()
    for tag, size in (("Thre", 900), ("AcFl", 500), ("Small", 0)):
        case.add(new("tag", source="x", tag=tag, pool="nonpaged", outstanding=5, bytes=size))
    case.add(new("object_type", source="x", type="Thread", tag="Thre"))
    assert "Thre" not in tagscan.suspects(case)
    assert tagscan.suspects(case)[0] == "AcFl"
