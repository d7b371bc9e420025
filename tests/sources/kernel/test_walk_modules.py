"""Loaded and unloaded modules: names, images, version resources, imports, and lists that lead astray."""

from itertools import pairwise

import numpy as np
import pytest
from fakekernel import FakeKernel, new_case
from synth.pe import Picture, Section, render

from dumptriage.facts import Case
from dumptriage.sources.kernel import modules
from dumptriage.sources.kernel.report import Report

XP, SEVEN, TEN = "5.1.2600 SP3 x86", "6.1.7601.24540 x64", "10.0.19041.3570 x64"
VERSION = {"CompanyName": "Acme Inc.", "FileDescription": "Filter", "FileVersion": "4.1.2.9", "ProductName": "Suite"}
STAMP = 0x4A5BC100


def text(fake: FakeKernel, at: int, value: str, buffer: int) -> None:
    raw = value.encode("utf-16-le")
    fake.memory.put(at, len(raw), 2)
    fake.memory.put(at + 2, len(raw), 2)
    fake.memory.put(at + fake.bits // 8, buffer)
    fake.memory.put(buffer, raw)


def entry(fake: FakeKernel, number: int, name: str, base: int, size: int = 0x6000) -> int:
    """A loader entry in its place; links are set by `chain`."""
    wide = fake.bits == 64
    at = fake.high + 0x60_0000 + number * 0x1000
    fake.memory.put(at, bytes(0x200))
    fake.memory.put(at + (0x30 if wide else 0x18), base)
    fake.memory.put(at + (0x40 if wide else 0x20), size, 4)
    text(fake, at + (0x48 if wide else 0x24), f"\\SystemRoot\\system32\\DRIVERS\\{name}", at + 0x300)
    text(fake, at + (0x58 if wide else 0x2C), name, at + 0x500)
    return at


def chain(fake: FakeKernel, entries: list[int]) -> None:
    head = fake.variable("PsLoadedModuleList", 0)
    ring = [head, *entries, head]
    for before, at in pairwise(ring):
        fake.memory.put(before, at)
        fake.memory.put(at + fake.bits // 8, before)


def image(fake: FakeKernel, base: int, *, imports: dict[str, list[str]] | None = None, version: bool = True) -> None:
    section = Section(".text", b"\x90" * 64, 0x6000_0020)
    picture = Picture("x.sys", fake.bits, [section], STAMP, VERSION if version else {}, imports or {}, checksum=0xABCD)
    fake.memory.put(base, render(picture)[0])


def walk(fake: FakeKernel, report: Report | None = None) -> Case:
    case = new_case()
    modules.walk(fake.kernel, case, report or Report())
    return case


@pytest.mark.parametrize("name", [XP, SEVEN, TEN])
def test_a_module_with_its_version_resource(name: str) -> None:
    fake = FakeKernel(name)
    base = fake.high + 0x200_0000
    image(fake, base, imports={"ntoskrnl.exe": ["IoCompleteRequest", "ExAllocatePoolWithTag"]})
    chain(fake, [entry(fake, 0, "acmeflt.sys", base)])
    (fact,) = walk(fake).of("module")
    assert (fact.get("name"), fact.get("file")) == ("acmeflt", "acmeflt.sys")
    assert fact.get("path") == "\\SystemRoot\\system32\\DRIVERS\\acmeflt.sys"
    assert (fact.get("base"), fact.get("size")) == (f"{base:x}", 0x6000)
    assert (fact.get("version"), fact.get("company"), fact.get("product")) == ("4.1.2.9", "Acme Inc.", "Suite")
    assert (fact.get("timestamp"), fact.get("checksum")) == ("2009-07-13T23:19:28Z", "0000abcd")
    assert fact.get("imports_pool") is True
    assert fact.verify == "lmvm acmeflt"


def test_the_kernel_is_nt_and_a_reproducible_build_s_stamp_is_no_date() -> None:
    fake = FakeKernel(TEN)
    base = fake.high + 0x200_0000
    image(fake, base)
    chain(fake, [entry(fake, 0, "ntoskrnl.exe", base)])
    (fact,) = walk(fake).of("module")
    assert (fact.get("name"), fact.get("timestamp")) == ("nt", f"{STAMP:08x}")


@pytest.mark.parametrize(
    ("names", "expected"), [(["IoCompleteRequest"], False), (["ExAllocatePool2"], True), (None, False)]
)
def test_imports_of_pool_allocation(names: list[str] | None, expected: bool) -> None:
    fake = FakeKernel(SEVEN)
    base = fake.high + 0x200_0000
    image(fake, base, imports={"ntoskrnl.exe": names} if names else None)
    chain(fake, [entry(fake, 0, "acmeflt.sys", base)])
    (fact,) = walk(fake).of("module")
    assert fact.get("imports_pool") is expected


def test_imports_by_their_resolved_addresses_where_the_names_are_discarded() -> None:
    fake = FakeKernel(SEVEN)
    base, routine = fake.high + 0x200_0000, 0xFFFF_F800_0123_4560
    fake.symbols["ExAllocatePoolWithTag"] = routine
    image(fake, base, version=False)
    # Import directory in a page that is gone, import address table in one that is there.
    directories = base + 0x80 + 0x18 + 0x70
    fake.memory.put(directories + 8, (0x5000).to_bytes(4, "little") + (40).to_bytes(4, "little"))
    fake.memory.put(directories + 12 * 8, (0x1800).to_bytes(4, "little") + (16).to_bytes(4, "little"))
    fake.memory.put(base + 0x1808, routine)
    chain(fake, [entry(fake, 0, "acmeflt.sys", base)])
    (fact,) = walk(fake).of("module")
    assert fact.get("imports_pool") is True


def test_an_image_outside_the_dump_leaves_its_fields_unknown() -> None:
    fake = FakeKernel(SEVEN)
    chain(fake, [entry(fake, 0, "acmeflt.sys", fake.high + 0x200_0000)])
    report = Report()
    (fact,) = walk(fake, report).of("module")
    assert not {"version", "company", "imports_pool", "timestamp"} & set(fact.fields)
    assert report.counts["image headers"].unreadable == 1


def test_wild_entries_are_skipped_and_counted() -> None:
    fake = FakeKernel(SEVEN)
    base = fake.high + 0x200_0000
    places = [base, 0x7FF6_0000_0000, base + 0x123, base, fake.high + 0x300_0000]
    entries = [entry(fake, i, f"m{i}.sys", at) for i, at in enumerate(places)]
    fake.memory.put(entries[-1] + 0x40, 0xFFFF_FFFF, 4)
    chain(fake, entries)
    report = Report()
    assert [fact.get("name") for fact in walk(fake, report).of("module")] == ["m0"]
    assert report.counts["loaded modules"].skipped == 4


def test_a_list_that_breaks_off_is_said() -> None:
    fake = FakeKernel(SEVEN)
    entries = [entry(fake, i, f"m{i}.sys", fake.high + 0x200_0000 + 0x10_0000 * i) for i in range(3)]
    chain(fake, entries)
    fake.memory.put(entries[1], fake.high + 0xFF_0000)
    report = Report()
    walk(fake, report)
    assert any("breaks off" in str(fact.get("text")) for fact in report.facts("x"))


@pytest.mark.parametrize("name", [XP, SEVEN])
def test_unloaded_drivers(name: str) -> None:
    fake = FakeKernel(name)
    pointer, array = fake.bits // 8, fake.high + 0x50_0000
    stride = 4 * pointer + 8
    fake.memory.put(array, bytes(stride * 50))
    for i, (file, start, end) in enumerate(
        [("oldflt.sys", fake.high + 0x1000, fake.high + 0x9000), ("bad.sys", 0x1000, 0x2000)]
    ):
        text(fake, array + i * stride, file, array + 0x2000 + 0x100 * i)
        fake.memory.put(array + i * stride + 2 * pointer, start)
        fake.memory.put(array + i * stride + 3 * pointer, end)
    fake.variable("MmUnloadedDrivers", array)
    report = Report()
    (fact,) = modules.unloaded(fake.kernel, report)
    assert (fact.get("name"), fact.get("size"), fact.get("unloaded")) == ("oldflt", 0x8000, True)
    assert report.counts["unloaded drivers"].skipped == 1


def test_addresses_to_modules() -> None:
    made = [
        modules.LoadedModule(0, base, 0x1000, None, f"{name}.sys", 0, 0)
        for base, name in ((0x9000, "b"), (0x5000, "a"))
    ]
    found = modules.ModuleMap(made).name_of(np.array([0x4FFF, 0x5000, 0x5FFF, 0x6000, 0x9001, 0xA000], np.uint64))
    assert found == [None, "a", "a", None, "b", None]
    assert modules.ModuleMap([]).name_of(np.array([1], np.uint64)) == [None]
