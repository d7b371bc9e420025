"""Several casefiles as one case: of one boot, in order, with what was read in each; else refused."""

from dataclasses import replace

import numpy as np
import pytest
from machinelogs import Snapshot
from synth.machine import forge
from synth.scenario import Tag, small

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.facts.history import History, Moment, Readings
from dumptriage.snapshots import joined
from dumptriage.sources import read as read_file
from dumptriage.sources.log.reader import read

THREE = (Snapshot(0, 20_000, 20_100), Snapshot(8, 60_000, 60_100), Snapshot(24, 100_000, 100_100))


def case_of(snapshot: Snapshot, name: str) -> Case:
    data = snapshot.text().encode()
    (case,) = read(data, Casefile(name, f"{hash(data) & (1 << 64) - 1:064x}", len(data), "log"))
    return case


def join(*snapshots: Snapshot) -> Case:
    return joined([case_of(each, f"{chr(97 + number)}.log") for number, each in enumerate(snapshots)])


def made(name: str, *facts: Fact, kind: str = "log", redaction: str | None = None) -> Case:
    """A case of facts alone; the file's hash is made of its name."""
    case = Case(Casefile(name, name.encode().hex().ljust(64, "0"), 1, kind), facts)  # type: ignore[arg-type]
    case.redaction = redaction
    return case


def system(**fields: object) -> Fact:
    return new("system", source="x", **fields)  # type: ignore[arg-type]


def tag(outstanding: int | None = None, name: str = "Abcd", **fields: object) -> Fact:
    return new("tag", source="x", tag=name, pool="nonpaged", outstanding=outstanding, **fields)  # type: ignore[arg-type]


def read_of(case: Case, quantity: str, subject: str, unit: str | None = None) -> list[float | None] | None:
    """The main counter of a subject over all moments, None where it was not read; None for a subject without any."""
    assert case.history is not None
    for readings in case.history.readings:
        for index, fields in enumerate(readings.subjects):
            same = readings.quantity == quantity and unit in (None, readings.unit)
            if same and fields["subject"] == subject:
                column = readings.values[readings.counter][:, index]
                return [None if np.isnan(value) else float(value) for value in column]
    return None


def notes(case: Case) -> list[str]:
    return [str(fact.get("problem")) for fact in case.where("data_quality", subject="snapshots")]


class TestJoin:
    def test_readings_of_all_and_facts_of_the_last(self) -> None:
        case = join(*THREE)
        assert read_of(case, "tag", "Thre") == [20_000, 60_000, 100_000]
        assert read_of(case, "process", "worker.exe", "handles") == [20_100, 60_100, 100_100]
        assert [tag.int("outstanding") for tag in case.where("tag", tag="Thre")] == [100_000]
        assert case.casefile.name == "c.log"
        assert notes(case) == []

    def test_given_in_any_order(self) -> None:
        one, two, three = THREE
        case = join(three, one, two)
        assert read_of(case, "tag", "Thre") == [20_000, 60_000, 100_000]
        assert [(f.get("number"), f.get("name"), f.get("placed_by")) for f in case.of("snapshot")] == [
            (1, "b.log", "clock"),
            (2, "c.log", "clock"),
            (3, "a.log", "clock"),
        ]

    def test_a_tag_that_a_log_does_not_list_is_unknown(self) -> None:
        one, _, three = THREE
        case = joined([case_of(one, "a.log"), case_of(Snapshot(8, None), "b.log"), case_of(three, "c.log")])
        assert read_of(case, "tag", "Thre") == [20_000, None, 100_000]

    def test_a_tag_missing_from_the_whole_table_of_a_dump_has_nothing(self) -> None:
        before = made("a.dmp", system(kernel_base="80400000"), tag(5, "Othr"), kind="dump")
        after = made("b.dmp", system(kernel_base="80400000"), tag(5, "Othr"), tag(900, "New1"), kind="dump")
        assert read_of(joined([before, after]), "tag", "New1") == [0, 900]
        before.add(new("data_quality", source="x", problem="broken", subject="tags", severity="warning", text="t"))
        assert read_of(joined([before, after]), "tag", "New1") is None

    @pytest.mark.parametrize(
        ("qualities", "expected"),
        [
            (("exact", "exact"), [1, 2]),
            (("rounded", "rounded"), [1, 2]),
            (("exact", "rounded"), None),
            (("lower-bound", "lower-bound"), None),
            (("exact", "lower-bound"), None),
            (("suspect", "exact"), None),
            (("exact", "rounded", "exact"), [1, None, 3]),
        ],
    )
    def test_only_readings_of_one_quality_are_set_side_by_side(
        self, qualities: tuple[str, ...], expected: list[float | None] | None
    ) -> None:
        cases = [made(f"{n}.log", tag(n, quality=quality)) for n, quality in enumerate(qualities, 1)]
        assert read_of(joined(cases), "tag", "Abcd") == expected

    def test_what_the_last_lacks_comes_of_an_earlier_one_and_says_so(self) -> None:
        module = new("module", source="lm:3", name="drv", base="f0000000")
        before = made("a.dmp", system(build=19041, ram_bytes=1 << 33), module, tag(1))
        case = joined([before, made("b.log", tag(2))])
        assert [fact.source for fact in case.of("module")] == ["a.dmp: lm:3"]
        assert case.one("system").int("build") == 19041  # type: ignore[union-attr]
        assert any("drivers; they are of snapshot 1, a.dmp" in str(f.get("text")) for f in case.of("data_quality"))

    def test_a_process_that_an_event_does_not_name_is_not_gone(self) -> None:
        def process(pid: int, image: str, handles: int) -> Fact:
            return new("process", source="x", pid=pid, image=image, handle_count=handles)

        cut = new("data_quality", source="x", problem="cut-list", subject="processes", severity="info", text="t")
        log = made("a.csv", process(40, "big.exe", 900), process(44, "leak.exe", 90_000), kind="perfmon")
        event = made("b.xml", process(40, "big.exe", 950), cut, kind="events")
        case = joined([log, event])
        assert [(fact.get("pid"), fact.get("handle_count"), fact.source) for fact in case.of("process")] == [
            (40, 950, "x"),
            (44, 90_000, "a.csv: x"),
        ]
        assert any("b.xml names only some of the processes" in str(f.get("text")) for f in case.of("data_quality"))
        whole = made("c.log", process(40, "big.exe", 950))
        assert [fact.get("pid") for fact in joined([log, whole]).of("process")] == [40]
        other = made("d.xml", process(44, "leak.exe", 95_000), cut, kind="events")
        assert [fact.get("pid") for fact in joined([event, other]).of("process")] == [44]

    def test_tables_and_events_have_the_bytes_of_a_tag_only(self) -> None:
        cases = [made("a.log", tag(10, bytes=1000)), made("b.xml", tag(bytes=2000)), made("c.log", tag(30, bytes=3000))]
        assert read_of(joined([cases[0], cases[2]]), "tag", "Abcd", "allocations") == [10, 30]
        assert read_of(joined([cases[0], cases[2]]), "tag", "Abcd", "bytes") is None
        assert read_of(joined(cases[:2]), "tag", "Abcd", "bytes") == [1000, 2000]
        assert read_of(joined(cases), "tag", "Abcd", "bytes") == [1000, 2000, 3000]
        assert read_of(joined(cases), "tag", "Abcd", "allocations") is None

    def test_two_logs_of_one_moment_complete_each_other(self) -> None:
        first = case_of(replace(THREE[0], thre=None), "first.log")
        answer = case_of(replace(THREE[0], pages=None), "answer.log")
        case = joined([first, answer])
        assert [fact.source.partition(":")[0] for fact in case.of("memory")] == ["first.log"]
        assert [fact.int("outstanding") for fact in case.where("tag", tag="Thre")] == [20_000]
        assert len(case.of("process")) == 3
        later = case_of(replace(THREE[1], pages=None), "later.log")
        assert joined([first, later]).of("memory") == []

    def test_a_moment_of_one_casefile_never_mixes_with_another_in_pools_and_tags(self) -> None:
        pool = new("pool", source="x", type="nonpaged", used_bytes=5)
        assert joined([made("a.log", pool, tag(1)), made("b.log", tag(2))]).of("pool") == []


class TestSeries:
    def series(self, **more: object) -> Case:
        case = made("series.log", tag(30), kind="poolmon")
        moments = [Moment(f"series.log:{line}") for line in (1, 20, 40)]
        values = {"outstanding": np.array([[10.0], [20.0], [30.0]]), "allocs": np.array([[1.0], [2.0], [3.0]])}
        subject = {"subject": "Abcd", "tag": "Abcd", "pool": "nonpaged"}
        readings = Readings("tag", "outstanding", "allocations", (subject,), values, **more)  # type: ignore[arg-type]
        case.history = History(moments, [readings])
        return case

    def test_the_moments_of_a_series_and_a_log_after_it(self) -> None:
        case = joined([self.series(), made("after.log", tag(50))])
        assert read_of(case, "tag", "Abcd") == [10, 20, 30, 50]
        assert [fact.int("readings") for fact in case.of("snapshot")] == [3, 1]

    def test_a_counter_of_32_bits_beside_one_of_64(self) -> None:
        case = joined([self.series(bits=32), made("after.dmp", tag(50, allocs=2**32 + 7), kind="dump")])
        assert case.history is not None
        (readings,) = case.history.readings
        assert readings.bits == 32
        assert readings.values["allocs"][:, 0].tolist() == [1, 2, 3, 7]


class TestBroughtGrowth:
    """A facts.json of a series or a comparison has growth facts in place of readings."""

    def growth(self, readings: int, subject: str = "Abcd") -> Fact:
        fields = {"subject": subject, "tag": subject, "pool": "nonpaged", "readings_count": readings, "change": 7}
        return new("growth", source="log:9", quantity="tag", unit="allocations", **fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("readings", "stands"), [(2, False), (3, True)])
    @pytest.mark.parametrize("latest", [True, False])
    def test_what_rests_on_more_readings_stands(self, readings: int, stands: bool, latest: bool) -> None:
        facts = made("b.json", tag(20), self.growth(readings))
        log = made("a.log", tag(10))
        case = joined([log, facts] if latest else [facts, log])
        assert [fact.source for fact in case.of("growth")] == (["b.json: log:9"] if stands else [])
        assert (read_of(case, "tag", "Abcd") == [None, None]) is stands

    def test_snapshots_that_are_not_compared_are_named(self) -> None:
        earlier = [new("snapshot", source="x", number=n, name=f"{n}.dmp", sha256=f"{n}" * 64) for n in (1, 2)]
        case = joined([made("a.log", tag(1)), made("b.json", tag(2), *earlier)])
        assert any("b.json comes as facts of 2 snapshots" in str(fact.get("text")) for fact in case.of("data_quality"))

    def test_a_counter_of_one_casefile_only_keeps_its_growth_once(self) -> None:
        case = joined([made("a.json", tag(1), self.growth(5, "Othr")), made("b.json", tag(2), self.growth(9, "Othr"))])
        assert [(fact.get("subject"), fact.get("readings_count")) for fact in case.of("growth")] == [("Othr", 9)]


class TestProcesses:
    @pytest.mark.parametrize(
        ("change", "same"),
        [
            ({}, True),
            ({"worker": "ffffd58a`40000080"}, False),  # the id used again
            ({"pid": 0xB10}, False),
        ],
    )
    def test_a_process_is_one_where_id_image_and_address_are(self, change: dict[str, object], same: bool) -> None:
        case = join(THREE[0], Snapshot(8, 60_000, 60_100, **change))  # type: ignore[arg-type]
        assert read_of(case, "process", "worker.exe", "handles") == ([20_100, 60_100] if same else None)

    def process(self, count: int, **fields: object) -> Fact:
        return new("process", source="x", pid=100, image="w.exe", handle_count=count, **fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize(("age", "same"), [(3700.0, True), (50.0, False), (None, True)])
    def test_without_addresses_the_age_tells_and_without_age_it_is_said(self, age: float | None, same: bool) -> None:
        one = made("a.log", system(uptime_s=1000.0), self.process(1, elapsed_s=100.0))
        two = made("b.log", system(uptime_s=4600.0), self.process(2, elapsed_s=age))
        case = joined([one, two])
        assert read_of(case, "process", "w.exe") == ([1, 2] if same else None)
        told = any("taken for one process" in str(fact.get("text")) for fact in case.of("data_quality"))
        assert told is (age is None)

    def test_two_tables_that_show_neither_address_nor_age_are_compared_and_it_is_said(self) -> None:
        case = joined([made("a.txt", self.process(1), kind="table"), made("b.txt", self.process(2), kind="table")])
        assert read_of(case, "process", "w.exe") == [1, 2]
        assert any("taken for one process" in str(fact.get("text")) for fact in case.of("data_quality"))

    @pytest.mark.parametrize("redacted", [(True, True), (True, False), (False, True)])
    def test_pseudonyms_of_addresses_show_nothing(self, redacted: tuple[bool, ...]) -> None:
        cases = [
            made(f"{n}.json", self.process(n, address=f"addr-{n}"), redaction="addresses" if hidden else None)
            for n, hidden in enumerate(redacted, 1)
        ]
        assert read_of(joined(cases), "process", "w.exe") == [1, 2]

    def test_a_process_that_is_shown_to_be_another_is_not_taken_for_one(self) -> None:
        cases = [made(f"{n}.log", self.process(n, address=f"ffff000{n // 2}")) for n in (1, 2, 3)]
        assert read_of(joined([*cases, made("4.csv", self.process(4))]), "process", "w.exe") == [None, 2, 3, 4]


class TestOrder:
    def test_uptime_where_there_is_no_clock(self) -> None:
        case = joined(
            [made("late.log", system(uptime_s=900.0), tag(2)), made("early.log", system(uptime_s=90.0), tag(1))]
        )
        assert read_of(case, "tag", "Abcd") == [1, 2]
        assert {fact.get("placed_by") for fact in case.of("snapshot")} == {"uptime"}
        # Against the order given: a restart would look the same.
        assert "restart" in notes(case)

    def test_an_uptime_is_placed_by_the_boot_that_another_casefile_dates(self) -> None:
        dated = made("a.log", system(uptime_s=3600.0, crash_time="2026-11-20T01:00:00Z"), tag(1))
        later = made("b.log", system(uptime_s=7200.0), tag(2))
        case = joined([later, dated])
        assert [(f.get("name"), f.get("time"), f.get("placed_by")) for f in case.of("snapshot")] == [
            ("a.log", "2026-11-20T01:00:00Z", "clock"),
            ("b.log", "2026-11-20T02:00:00Z", "uptime"),
        ]

    def test_undated_casefiles_stay_as_given_and_the_report_says_so(self) -> None:
        case = joined([made("b.log", tag(2)), made("a.log", tag(1))])
        assert read_of(case, "tag", "Abcd") == [2, 1]
        assert "undated" in notes(case)


class TestIdentity:
    @pytest.mark.parametrize(
        ("other", "says"),
        [
            (
                {"kernel_base": "fffff804`5e200000"},
                "boot of one machine (kernel base fffff8044d200000 and fffff8045e200000)",
            ),
            ({"system": "ffffd58a`3a6b2040"}, "EPROCESS of system"),
            ({"boot_day": 19}, "time of boot 2026-11-10 00:00:00 UTC and 2026-11-19"),
            ({"processors": 8}, "one machine (processors 4 and 8)"),
            ({"pages": 2_000_000}, "RAM 15,625 MiB and 7,812 MiB"),
        ],
    )
    def test_another_machine_or_boot_is_refused_with_the_reason(self, other: dict[str, object], says: str) -> None:
        # Nothing that would outweigh the difference: processes lie elsewhere.
        one, two = Snapshot(0, processes="system" in other), Snapshot(8, processes="system" in other, **other)  # type: ignore[arg-type]
        with pytest.raises(CasefileError) as caught:
            join(one, two)
        assert says in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

    def test_memory_added_while_it_runs_is_no_other_machine(self) -> None:
        services = new("process", source="x", pid=512, image="services.exe", address="ffff0001")
        worker = new("process", source="x", pid=600, image="w.exe", address="ffff0002")
        base = {"kernel_base": "fffff80000000000", "build": 19041}
        cases = [made(f"{ram}.dmp", system(ram_bytes=ram << 30, **base), services, worker) for ram in (8, 16)]
        assert len(joined(cases).of("snapshot")) == 2

    def test_a_clock_set_in_between_is_told(self) -> None:
        case = join(Snapshot(0), Snapshot(8, boot_day=9))
        assert "undated" in notes(case)
        assert any("was set between" in str(fact.get("text")) for fact in case.of("data_quality"))

    def test_a_clock_without_a_zone_is_no_evidence(self) -> None:
        """Perfmon and poolmon logs print local times: the boot seems to be hours off, and is not."""
        note = new("data_quality", source="x", problem="undated", subject="counters", severity="info", text="local")
        utc = made("a.dmp", system(crash_time="2026-11-20T08:00:00Z", uptime_s=3600.0), tag(1))
        local = made("b.csv", system(crash_time="2026-11-20T02:00:00Z", uptime_s=7200.0), tag(2), note)
        case = joined([utc, local])
        assert any("may be local ones" in str(fact.get("text")) for fact in case.of("data_quality"))

    def test_names_of_machines(self) -> None:
        with pytest.raises(CasefileError, match=r"not of one machine \(computer alpha and beta\)"):
            joined([made("a.log", system(computer="ALPHA")), made("b.log", system(computer="beta.corp.example"))])
        same = joined([made("a.log", system(computer="ALPHA")), made("b.log", system(computer="alpha.corp.example"))])
        assert [f.get("severity") for f in same.where("data_quality", problem="second-hand")] == ["info"]

    def test_builds_are_told_as_they_were_read(self) -> None:
        with pytest.raises(CasefileError, match=r"build 22631 and 26100\b"):
            joined([made("a.log", system(build=22631)), made("b.log", system(build=26100))])
        joined([made("a.log", system(build=22631)), made("b.dmp", system(build=22621))])  # one kernel, two names

    def test_names_of_machines_in_logs(self) -> None:
        data = [f"Windows 10 Kernel Version 19041 MP (4 procs) Free x64\nMachine Name: SRV0{n}\n" for n in (1, 2)]
        cases = [read(each.encode(), Casefile("a.log", f"{n:064x}", 1, "log"))[0] for n, each in enumerate(data)]
        with pytest.raises(CasefileError, match="computer srv01 and srv02"):
            joined(cases)

    def test_pseudonyms_of_two_redactions_say_nothing(self) -> None:
        cases = [made(f"{n}.json", system(computer=f"host-{n}"), redaction="names") for n in (1, 2)]
        assert "second-hand" in notes(joined(cases))

    def test_nothing_to_compare_goes_on_with_a_warning(self) -> None:
        case = joined([made("a.log", tag(1)), made("b.log", tag(2))])
        (note,) = case.where("data_quality", problem="second-hand")
        assert note.text("severity") == "warning"
        assert "nothing that is peculiar to it" in str(note.get("text"))

    def test_the_same_casefile_twice(self) -> None:
        with pytest.raises(CasefileError, match="same casefile"):
            joined([case_of(THREE[0], "a.log"), case_of(THREE[0], "copy.log")])

    def test_a_snapshot_that_another_casefile_was_already_made_of(self) -> None:
        first = case_of(THREE[0], "a.log")
        pair = joined([first, case_of(THREE[1], "b.log")])
        with pytest.raises(CasefileError, match="same casefile"):
            joined([pair, first])


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """Two dumps of one forged machine, six hours apart."""
    found = []
    for hours, count in ((0, 1000), (6, 9000)):
        machine = forge(small(19041, tags=(Tag("Leak", (count + 50, 50, 512 * count)),)))
        ticks = hours * 3600 * 10_000_000
        header = replace(machine.header, uptime=machine.header.uptime + ticks, time=machine.header.time + ticks)
        file = replace(machine, header=header).dump(tmp_path_factory.mktemp("dumps") / f"after-{hours}-hours.dmp")
        found += read_file(file)
    return found


class TestDumps:
    def test_two_of_one_machine(self, dumps: list[Case]) -> None:
        case = joined(dumps[::-1])
        assert read_of(case, "tag", "Leak") == [1000, 9000]
        assert case.history is not None
        first, last = case.history.moments
        assert first.time is not None
        assert last.time is not None
        assert (last.time - first.time).total_seconds() == 6 * 3600
        assert read_of(case, "process", "agent.exe", "handles") is not None
        assert not list(case.where("data_quality", subject="snapshots", severity="warning"))

    def test_a_log_of_another_boot(self, dumps: list[Case]) -> None:
        log = case_of(Snapshot(0, pages=None, processors=2, processes=False), "other.log")
        with pytest.raises(CasefileError, match="not of one boot of one machine \\(kernel base"):
            joined([dumps[0], log])


def test_tags_of_an_earlier_casefile_stay_where_the_latest_has_totals_alone() -> None:
    def pool(used: int) -> Fact:
        return new("pool", source="x", type="nonpaged", used_bytes=used)

    with_tags = made("a.log", system(uptime_s=1000.0), pool(900), tag(50), kind="poolmon")
    totals = made(
        "b.csv", system(uptime_s=4600.0), pool(1000), new("memory", source="x", available_bytes=1), kind="perfmon"
    )
    case = joined([with_tags, totals])
    assert [fact.int("outstanding") for fact in case.of("tag")] == [50]
    assert [fact.int("used_bytes") for fact in case.of("pool")] == [900], "of the moment of the tags, for their shares"
    assert not case.of("memory")
    assert "b.csv has no pool tags; pools, tags and memory are of snapshot 1, a.log." in {
        fact.text("text") for fact in case.of("data_quality")
    }
