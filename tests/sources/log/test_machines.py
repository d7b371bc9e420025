import pytest

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.sources.log.machines import Block, to_cases

CASEFILE = Casefile("log.txt", "0" * 64, 1, "log")
SYSTEM_A, SYSTEM_B = "ffffc983ebceb040", "ffff988d77adb080"


def _process(pid: int, image: str, address: str) -> tuple[str, dict[str, Value]]:
    return "process", {"pid": pid, "image": image, "address": address}


def _numbered(addresses: tuple[str, ...]) -> list[tuple[str, dict[str, Value]]]:
    return [_process(100 + number, "a.exe", address) for number, address in enumerate(addresses)]


class Script:
    """Blocks of a log, ten lines each."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def add(self, *facts: tuple[str, dict[str, Value]]) -> "Script":
        first = 10 * len(self.blocks) + 1
        made = tuple(
            new(kind, source=f"log.txt:{first}", verify=None, quality="exact", quote=None, **fields)
            for kind, fields in facts
        )
        self.blocks.append(Block(first, first + 9, made))
        return self

    def banner(self, base: str, build: int = 22621, processors: int = 6, **more: Value) -> "Script":
        return self.add(("system", {"kernel_base": base, "build": build, "processors": processors, **more}))

    def vm(self, ram: int, used: int = 5) -> "Script":
        return self.add(
            ("memory", {"physical_bytes": ram}),
            ("pool", {"type": "nonpaged", "used_bytes": used}),
            ("system", {"ram_bytes": ram}),
        )

    def processes(self, system: str, *rest: str) -> "Script":
        return self.add(_process(4, "System", system), *_numbered(rest))

    def some_processes(self, *addresses: str) -> "Script":
        return self.add(*_numbered(addresses))

    def tag(self, tag: str) -> "Script":
        return self.add(("tag", {"tag": tag, "pool": "nonpaged", "bytes": 7}))

    def cases(self) -> list[Case]:
        return to_cases(self.blocks, CASEFILE)


def tags(case: Case) -> list[Value | None]:
    return [fact.get("tag") for fact in case.of("tag")]


def notes(case: Case) -> list[Fact]:
    return list(case.where("data_quality", problem="several-machines"))


def addresses(case: Case) -> list[Value | None]:
    return [fact.get("address") for fact in case.of("process")]


def test_one_machine_is_one_case_whatever_the_order() -> None:
    script = Script().tag("Abcd").vm(2**33).banner("fffff8054d200000").processes(SYSTEM_A).tag("Efgh").vm(2**33)
    (case,) = script.cases()
    assert (case.machine, case.number, tags(case)) == (None, 1, ["Abcd", "Efgh"])
    assert not notes(case)
    assert len(case.of("system")) == 1


def test_different_physical_memory_is_two_machines() -> None:
    first, second = Script().vm(2**33).tag("Abcd").vm(2**34).tag("Efgh").cases()
    assert (tags(first), tags(second)) == (["Abcd"], ["Efgh"])
    assert (first.machine, second.machine) == ("8.0 GB RAM, lines 1-20", "16.0 GB RAM, lines 21-40")
    assert len(notes(first)) == len(notes(second)) == 1


def test_the_log_may_return_to_a_machine() -> None:
    first, second = Script().vm(2**33).tag("Abcd").vm(2**34).tag("Efgh").vm(2**33).tag("Ijkl").cases()
    assert (tags(first), tags(second)) == (["Abcd", "Ijkl"], ["Efgh"])


def test_what_follows_a_banner_is_of_that_machine() -> None:
    script = Script().banner("fffff8054d200000").vm(2**33).banner("fffff80766000000", processors=4).vm(2**33, used=9)
    first, second = script.cases()
    assert [case.of("pool")[0].get("used_bytes") for case in (first, second)] == [5, 9]


def test_a_process_list_follows_the_memory_above_it() -> None:
    first, second = Script().vm(2**33).vm(2**34).processes(SYSTEM_B, "b1").cases()
    assert not addresses(first)
    assert addresses(second) == [SYSTEM_B, "b1"]


def test_physical_memory_that_may_be_of_either_machine_is_joined_to_none() -> None:
    script = Script().banner("fffff8054d200000").processes(SYSTEM_A).processes(SYSTEM_B).vm(2**33)
    (case,) = script.cases()
    assert case.machine == "8.0 GB RAM, lines 31-40"
    assert not case.of("process")
    (note,) = notes(case)
    assert (note.get("severity"), note.get("line")) == ("warning", 31)
    assert "build 22621, 6 processors, lines 1-20" in str(note.get("text"))
    assert f"System at {SYSTEM_B}, lines 21-30" in str(note.get("text"))


def test_a_list_without_identity_goes_by_its_processes() -> None:
    script = Script().vm(2**33).processes(SYSTEM_A, "a1", "a2").vm(2**34).processes(SYSTEM_B, "b1", "b2")
    first, second = script.some_processes("a1", "a2").tag("Abcd").cases()
    assert addresses(first) == [SYSTEM_A, "a1", "a2"]
    assert addresses(second) == [SYSTEM_B, "b1", "b2"]


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        ({"build": 19041}, {"build": 19045}, 1),  # one kernel, features switched on
        ({"build": 19041}, {"build": 22621}, 2),
        ({"processors": 4}, {"processors": 8}, 2),
        ({"bugcheck_code": 0x1000007E}, {"bugcheck_code": 0x7E}, 1),
        ({"bugcheck_code": 0xD1}, {"bugcheck_code": 0x7E}, 2),
        ({"uptime_s": 10.0}, {"uptime_s": 20.0}, 1),  # a live machine, later
        ({"computer": "SRV01"}, {"computer": "SRV02"}, 2),
        ({"computer": "SRV01"}, {"computer": "srv01.corp.example"}, 1),
        ({"computer": "ACCOUNTING-WEST-1"}, {"computer": "ACCOUNTING-WEST"}, 1),  # as NetBIOS has it
    ],
)
def test_signals(first: dict[str, Value], second: dict[str, Value], count: int) -> None:
    script = Script().add(("system", first)).tag("Abcd").add(("system", second)).tag("Efgh")
    assert len(script.cases()) == count


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"type": "Process", "count": 91}, 1),  # every machine has some
        ({"type": "Process", "count": 5000}, 2),
        ({"type": "Process", "count": 91, "holder_image": "svchost.exe"}, 2),
    ],
)
def test_ended_objects_as_evidence(fields: dict[str, Value], count: int) -> None:
    script = Script().banner("fffff8054d200000").add(("dead_objects", fields)).banner("fffff80766000000").vm(2**33)
    assert len(script.cases()) == count


def test_machines_without_evidence_are_cases_where_none_has_any() -> None:
    assert len(Script().processes(SYSTEM_A).processes(SYSTEM_B).cases()) == 2


def test_too_many_machines_are_refused() -> None:
    script = Script()
    for number in range(70):
        script.vm(2**33 + 4096 * number)
    with pytest.raises(CasefileError, match="more than 64 machines"):
        script.cases()


def test_an_empty_log_is_an_empty_case() -> None:
    (case,) = to_cases([], CASEFILE)
    assert not case.facts


@pytest.mark.parametrize("image", ["other.exe", "a.exe"])
def test_one_process_at_the_same_place_is_of_the_machine_just_opened(image: str) -> None:
    script = Script().banner("fffff8054d200000").vm(2**33).add(_process(100, "a.exe", "a1"))
    script.banner("fffff80766000000", processors=4).vm(2**34).add(_process(100, image, "a1"))
    first, second = script.cases()
    assert [fact.get("image") for fact in first.of("process")] == ["a.exe"]
    assert [fact.get("image") for fact in second.of("process")] == [image]


def test_another_image_at_the_same_place_is_another_process() -> None:
    script = Script().vm(2**33).processes(SYSTEM_A, "a1").vm(2**34).processes(SYSTEM_B, "b1")
    first, second = script.add(_process(100, "other.exe", "a1")).tag("Abcd").cases()
    assert (tags(first), tags(second)) == ([], ["Abcd"])
    assert addresses(second)[-1] == "a1"


@pytest.mark.parametrize("again", [False, True])
def test_a_banner_opens_the_machine_whose_memory_follows(again: bool) -> None:
    script = Script().vm(2**31).tag("Abcd").banner("fffff80766000000")
    if again:  # `vertarget` typed below the banner
        script.banner("fffff80766000000")
    first, second = script.vm(2**34).tag("Efgh").cases()
    assert (tags(first), tags(second)) == (["Abcd"], ["Efgh"])
    assert not first.one("system").get("kernel_base")  # type: ignore[union-attr]
    assert second.one("system").get("kernel_base") == "fffff80766000000"  # type: ignore[union-attr]


def test_a_banner_below_the_memory_of_its_machine_stays_there() -> None:
    script = Script().vm(2**31).banner("fffff80766000000").vm(2**31, used=9).banner("fffff8054d200000").vm(2**34)
    first, second = script.cases()
    bases = [case.one("system").get("kernel_base") for case in (first, second)]  # type: ignore[union-attr]
    assert bases == ["fffff80766000000", "fffff8054d200000"]


def test_a_banner_may_return_to_a_machine_by_the_memory_that_follows() -> None:
    script = Script().vm(2**31).tag("Abcd").vm(2**34).tag("Efgh").banner("fffff80766000000").vm(2**31).tag("Ijkl")
    first, second = script.cases()
    assert (tags(first), tags(second)) == (["Abcd", "Ijkl"], ["Efgh"])
    assert first.one("system").get("kernel_base") == "fffff80766000000"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("address", "architecture", "count"),
    [("886f5020", "x64", 2), ("886f5020", "x86", 1), (SYSTEM_A, "x86", 2), (SYSTEM_A, "arm64", 1), ("a1", "x64", 1)],
)
def test_a_banner_contradicts_the_width_of_addresses(address: str, architecture: str, count: int) -> None:
    script = Script().vm(2**31).some_processes(address).banner("fffff80766000000", architecture=architecture)
    assert len(script.tag("Abcd").cases()) == count


def test_the_name_of_a_machine_has_the_build_as_it_was_read() -> None:
    first, _ = Script().banner("fffff80766000000", build=22631).vm(2**33).banner("fffff8054d200000").vm(2**34).cases()
    assert first.machine == "build 22631, 6 processors, 8.0 GB RAM, lines 1-20"
