"""Known defects: how versions are ordered, what a version has, and the facts a case gets."""

from pathlib import Path
from typing import Any

import pytest

from dumptriage.defects import Defect, parse_version
from dumptriage.derivation import derive
from dumptriage.errors import RulebookError
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.knowledge import load_knowledge

KNOWLEDGE = load_knowledge()


def fact(kind: str, **fields: Any) -> Fact:
    return new(kind, source="test:1", **fields)


def derived(*facts: Fact) -> Case:
    case = Case(Casefile("test.log", "0" * 64, 1, "log"), facts)
    derive(case, KNOWLEDGE)
    return case


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.76", (1, 76)),
        ("1, 76", (1, 76)),
        ("v7.01", (7, 1)),
        ("5.47.0", (5, 47)),
        ("0.0", (0,)),
        ("10.0.26100.9278 (WinBuild.160101.0800)", (10, 0, 26100, 9278)),
        ("0.99-r9", None),
        ("beta 2", None),
        ("", None),
        (None, None),
        ("1" * 40, None),
    ],
)
def test_versions_are_their_numbers(text: str | None, numbers: tuple[int, ...] | None) -> None:
    assert parse_version(text) == numbers


class TestMatch:
    BOUNDED = Defect("d", "drv", "w", ("Drv1",), "r", first="0.9988", fixed="0.9989")
    REPORTED = Defect("d", "drv", "w", ("Drv1",), "r", reported=("7.01", "7.03"))
    FIXED = Defect("d", "drv", "w", ("Drv1",), "r", fixed="5.47.0", reported=("5.46.5",))

    @pytest.mark.parametrize(
        ("defect", "version", "match"),
        [
            (BOUNDED, "0.9987", None),
            (BOUNDED, "0.9988", "certain"),
            (BOUNDED, "0.9989", "fixed"),
            (BOUNDED, "1.0", "fixed"),
            (BOUNDED, None, "possible"),
            (BOUNDED, "0.99-r9", "possible"),
            (REPORTED, "7.00", "possible"),
            (REPORTED, "7.01", "certain"),
            (REPORTED, "7.02", "certain"),
            (REPORTED, "7.03", "certain"),
            (REPORTED, "7.04", "possible"),
            (FIXED, "5.46.4", "possible"),
            (FIXED, "5.46.5", "certain"),
            (FIXED, "5.46.6", "possible"),
            (FIXED, "5.47", "fixed"),
        ],
    )
    def test_what_a_version_has(self, defect: Defect, version: str | None, match: str | None) -> None:
        assert defect.match(version) == match


class TestFacts:
    def test_a_loaded_driver_of_that_version(self) -> None:
        case = derived(
            fact("module", name="npcap", version="1.77"),
            fact("tag", tag="NpCD", pool="nonpaged", bytes=10, outstanding=1),
            fact("tag", tag="NpPD", pool="nonpaged", bytes=500, outstanding=1),
        )
        found = {str(one.get("defect")): one for one in case.of("defect")}
        full = found["npcap-full-buffer"]
        assert (full.get("match"), full.get("tag"), full.get("fixed_in")) == ("certain", "NpPD", "1.78")
        assert found["npcap-loopback-filter"].get("match") == "fixed"

    def test_a_version_before_the_defect_has_none(self) -> None:
        case = derived(fact("module", name="npcap.sys", version="0.9987"))
        assert "npcap-loopback-filter" not in {one.get("defect") for one in case.of("defect")}

    def test_the_drivers_own_tag_stands_for_a_driver_that_is_not_listed(self) -> None:
        found = derived(fact("tag", tag="SysR", pool="nonpaged", bytes=10, outstanding=1)).of("defect")
        assert [(one.get("module"), one.get("match"), one.get("version")) for one in found] == [
            ("sysmondrv", "possible", None)
        ]

    def test_a_shared_tag_says_nothing_of_a_driver_that_is_not_listed(self) -> None:
        assert not derived(fact("tag", tag="Mmdi", pool="nonpaged", bytes=10, outstanding=1)).of("defect")


class TestOwnersOfTags:
    @pytest.mark.parametrize(
        ("loaded", "count", "expected"), [("npcap", 25, True), ("other", 25, False), ("npcap", 5, None)]
    )
    def test_whether_the_owner_is_loaded_shows_in_a_whole_list(
        self, loaded: str, count: int, expected: bool | None
    ) -> None:
        modules = [fact("module", name=f"drv{number}") for number in range(count - 1)]
        tag = fact("tag", tag="NPBL", pool="paged", bytes=1, outstanding=1)
        assert derived(*modules, fact("module", name=loaded), tag).of("tag")[0].get("owner_loaded") is expected

    def test_a_component_of_the_kernel_is_always_loaded(self) -> None:
        modules = [fact("module", name=f"drv{number}") for number in range(25)]
        tag = fact("tag", tag="Irp ", pool="nonpaged", bytes=1, outstanding=1)
        assert derived(*modules, tag).of("tag")[0].get("owner_loaded") is None

    def test_what_is_known_of_a_tag_stands_in_its_fact(self) -> None:
        found = derived(fact("tag", tag="Toke", pool="paged", bytes=1, outstanding=1)).of("tag")[0]
        assert all(found.get(name) for name in ("leak", "normal", "mistaken_for"))


def test_a_module_gets_its_vendor_and_where_to_report() -> None:
    found = derived(fact("module", name="viofs")).of("module")[0]
    assert (found.get("vendor"), found.get("product")) == ("virtio-win", "virtio drivers")
    assert "kvm-guest-drivers-windows/issues" in str(found.get("report_to"))


def test_the_version_resource_stands_before_the_vendor_list() -> None:
    found = derived(fact("module", name="viofs", company="Red Hat, Inc.", product="VirtIO FS")).of("module")[0]
    assert (found.get("vendor"), found.get("product")) == ("Red Hat, Inc.", "VirtIO FS")


def test_the_share_of_commit_of_a_process() -> None:
    case = derived(fact("memory", committed_bytes=200), fact("process", pid=8, private_bytes=50))
    assert case.of("process")[0].get("share_of_commit") == 25.0


def test_shipped_defects_say_where_they_are_documented() -> None:
    assert len(KNOWLEDGE.defects) >= 8
    assert all(one.reference.startswith("https://") for one in KNOWLEDGE.defects)


def test_mistakes_in_defects_are_shown_with_their_place(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "rules" / "known"
    for name in ("tags", "vendors", "modules"):
        (tmp_path / f"{name}.yaml").write_text((shipped / f"{name}.yaml").read_text(encoding="utf-8"))
    (tmp_path / "defects.yaml").write_text(
        "defects:\n"
        "  - {id: a, module: drv, what: w, tags: [Drv1], reference: r, first: 1.2, fixed: 1.1}\n"
        "  - {id: a, module: drv, what: w, tags: [Drv1], reference: r}\n"
        "  - {id: b, module: drv, what: w, tags: Drv1, reference: r}\n"
        "  - {id: c, module: drv, what: w, tags: [Drv1], reference: r, reported: [1.x]}\n"
    )
    with pytest.raises(RulebookError) as caught:
        load_knowledge(tmp_path)
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert any("2:" in line and "not before the one that fixed it" in line for line in lines)
    assert any("3:" in line and "already" in line for line in lines)
    assert any("4:" in line and "needs a list" in line for line in lines)
    assert any("5:" in line and '"1.x"' in line for line in lines)
