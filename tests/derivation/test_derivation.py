"""Shares, ranks, lockstep groups, gaps and names: what follows arithmetically, and what must stay unknown."""

from typing import Any

import pytest

from dumptriage.derivation import derive
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.knowledge import load_knowledge

KNOWLEDGE = load_knowledge()


def fact(kind: str, **fields: Any) -> Fact:
    return new(kind, source="test:1", **fields)


def derived(*facts: Fact) -> Case:
    case = Case(Casefile("test.log", "0" * 64, 1, "log"), facts)
    derive(case, KNOWLEDGE)
    return case


def tag(name: str, outstanding: int, size: int, pool: str = "nonpaged", **fields: Any) -> Fact:
    return fact("tag", tag=name.ljust(4), pool=pool, outstanding=outstanding, bytes=size, **fields)


@pytest.mark.parametrize(
    ("limit", "percent"),
    [("fixed", 50.0), ("dynamic", None), ("none", None)],
)
def test_percent_of_max_only_of_a_fixed_maximum(limit: str, percent: float | None) -> None:
    case = derived(fact("pool", type="nonpaged", used_bytes=50, max_bytes=100, limit=limit))
    assert case.of("pool")[0].number("percent_of_max") == percent


def test_nothing_is_derived_from_what_is_unknown() -> None:
    case = derived(fact("pool", type="nonpaged", used_bytes=50), fact("memory", available_bytes=10))
    assert case.of("pool")[0].get("percent_of_ram") is None
    assert case.of("memory")[0].get("available_percent") is None


def test_share_of_the_pool_when_its_total_is_known() -> None:
    case = derived(fact("pool", type="nonpaged", used_bytes=1000), tag("Thre", 10, 800), tag("File", 5, 100))
    thre, file = case.of("tag")
    assert (thre.get("share_of_pool"), thre.get("share_basis"), thre.get("rank_bytes")) == (80.0, "pool", 1)
    assert (thre.get("bytes_each"), thre.get("times_next"), file.get("rank_bytes")) == (80.0, 8.0, 2)


def test_share_of_the_list_when_tags_exceed_the_pool() -> None:
    case = derived(fact("pool", type="nonpaged", used_bytes=100), tag("Thre", 10, 800), tag("File", 5, 200))
    assert case.of("tag")[0].get("share_basis") == "list"
    assert [gap.get("name") for gap in case.of("gap")] == ["nonpaged pool: tags and total"]


@pytest.mark.parametrize(
    ("name", "tag_class", "owner"),
    [
        ("Thre", "object", "nt!ps"),
        ("Irp", "generic", "nt!io"),
        ("CM99", "reservation", "nt!cm"),
        ("Qzx1", "unknown", None),
    ],
)
def test_known_tags(name: str, tag_class: str, owner: str | None) -> None:
    found = derived(tag(name, 1, 1)).of("tag")[0]
    assert (found.get("tag_class"), found.get("owner")) == (tag_class, owner)


class TestLockstep:
    def test_the_most_specific_member_leads(self) -> None:
        case = derived(tag("IoWI", 5_769_999, 646_000_000), tag("amda", 5_768_754, 1_938_000_000))
        group = case.of("tag_group")[0]
        assert (group.get("lead"), group.get("tags")) == ("amda", "amda + IoWI")
        assert case.of("tag")[0].get("group_lead") == "amda"

    def test_a_small_ratio_counts_when_it_fits_closely(self) -> None:
        case = derived(tag("WCsc", 503_677, 1), tag("IoFE", 1_006_714, 1), tag("File", 760_000, 1))
        assert [group.get("tags") for group in case.of("tag_group")] == ["WCsc + IoFE"]

    def test_small_counts_agree_by_accident(self) -> None:
        assert not derived(tag("Aaaa", 400, 1), tag("Bbbb", 401, 1)).of("tag_group")

    def test_in_a_full_list_only_large_counts_are_compared(self) -> None:
        many = [tag(f"Q{number:03d}", 5000, 1) for number in range(45)]
        assert not derived(*many).of("tag_group")


class TestHandles:
    PROCESS = fact("process", pid=2280, address="886f5020", image="app.exe", table_size=391_189)

    def test_shares_of_type_and_of_process(self) -> None:
        case = derived(
            self.PROCESS,
            tag("Thre", 326_514, 208_968_960),
            fact("handles", pid=2280, type="Thread", count=323_155),
            fact("handles", pid=2280, type="Key", count=65_110),
            fact("handles", pid=2280, type="*", count=388_265),
        )
        thread = case.of("handles")[0]
        assert thread.number("share_of_type") == pytest.approx(98.97, abs=0.01)
        assert thread.number("share_of_process") == pytest.approx(83.23, abs=0.01)
        assert (thread.get("image"), thread.get("role")) == ("app.exe", "user")

    def test_counts_that_should_be_one_number_are_compared(self) -> None:
        case = derived(
            self.PROCESS,
            fact("handles", pid=2280, type="Thread", count=388_386),
            fact("handles", pid=2280, type="*", count=388_386),
        )
        differences = {gap.get("counter_b"): gap.number("difference_percent") for gap in case.of("gap")}
        assert differences["total printed below them"] == 0.0
        assert differences["TableSize of the process"] == pytest.approx(0.7165, abs=0.001)


class TestEndedObjects:
    @pytest.mark.parametrize(
        ("handles", "pointers", "held", "referenced"),
        [(1, 1, 1, 0), (0, 1, 0, 1), (0, 0, 0, 0)],
    )
    def test_what_keeps_a_sampled_thread(self, handles: int, pointers: int, held: int, referenced: int) -> None:
        case = derived(
            fact(
                "sample",
                type="Thread",
                address="81098620",
                state="terminated",
                handle_count=handles,
                pointer_count=pointers,
                owner_pid=2280,
            ),
            fact("sample", type="Thread", address="8904a180", state="waiting"),
        )
        dead = case.of("dead_objects")[0]
        assert (dead.get("with_handles"), dead.get("references_only")) == (held, referenced)
        assert (dead.get("count"), dead.get("sampled"), dead.quality) == (1, 2, "lower-bound")

    def test_without_an_object_header_it_is_unknown_what_keeps_them(self) -> None:
        case = derived(fact("process", pid=8, image="a.exe", exited=True, address="fffffa80080d4060"))
        dead = case.of("dead_objects")[0]
        assert dead.get("with_handles") is None
        assert dead.get("references_only") is None


class TestModules:
    @pytest.mark.parametrize(
        ("fields", "third_party"),
        [
            ({"name": "tcpip"}, False),
            ({"name": "npcap"}, True),
            ({"name": "whatever"}, None),
            ({"name": "whatever", "company": "Example Ltd."}, True),
            ({"name": "whatever", "company": "Microsoft Corporation"}, False),
        ],
    )
    def test_whose_a_module_is(self, fields: dict[str, str], third_party: bool | None) -> None:
        assert derived(fact("module", **fields)).of("module")[0].get("third_party") is third_party

    def test_a_framework_tag_is_the_beginning_of_the_driver_name(self) -> None:
        case = derived(tag("exam", 10, 10), fact("module", name="examplebus"), fact("module", name="exfat"))
        assert [(match.get("module"), match.get("how")) for match in case.of("tag_module")] == [
            ("examplebus", "driver name")
        ]

    def test_a_tag_with_a_known_owner_is_not_matched_by_name(self) -> None:
        assert not derived(tag("File", 10, 10), fact("module", name="filespy")).of("tag_module")

    @pytest.mark.parametrize(("in_code", "plausible"), [(True, False), (False, True), (None, True)])
    def test_an_image_with_the_tag_in_data_gives_way_to_one_with_it_in_code(
        self, in_code: bool | None, plausible: bool
    ) -> None:
        found = derived(
            fact("tag_module", tag="AcFl", module="filter", how="string scan", plausible=True, in_code=in_code),
            fact("tag_module", tag="AcFl", module="viewer", how="string scan", plausible=True, in_code=False),
            fact("tag_module", tag="Qxb7", module="viewer", how="string scan", plausible=True, in_code=False),
        ).of("tag_module")
        assert [match.get("plausible") for match in found] == [True, plausible, True]

    def test_the_caller_on_an_allocation_stack_is_the_first_that_is_not_a_wrapper(self) -> None:
        stack = [
            fact("stack", purpose="allocation", module=name, frame=frame)
            for frame, name in enumerate(["nt", "Wdf01000", "examplebus", "otherbus"])
        ]
        assert [entry.get("module") for entry in derived(*stack).of("stack") if entry.flag("caller")] == ["examplebus"]
