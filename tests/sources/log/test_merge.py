from dumptriage.facts import Fact, Quality, Value, new
from dumptriage.sources.log.merge import merged


def fact(kind: str, at: int, quality: Quality = "exact", verify: str = "!vm", **fields: Value) -> Fact:
    return new(kind, source=f"log.txt:{at}", verify=verify, quality=quality, quote=f"line {at}", **fields)


def test_two_readings_of_one_thing_are_joined() -> None:
    thread = fact("sample", 1, type="Thread", address="81098620", state="terminated")
    handles = fact("sample", 9, type="Thread", address="81098620", handle_count=1)
    (both,) = merged([thread, handles])
    assert both.fields == {"type": "Thread", "address": "81098620", "state": "terminated", "handle_count": 1}
    assert both.source == "log.txt:1, log.txt:9"
    assert both.quote == "line 1\nline 9"


def test_a_repeated_reading_is_one_and_says_no_more() -> None:
    assert merged([fact("pool", 1, type="paged", used_bytes=5), fact("pool", 7, type="paged", used_bytes=5)]) == [
        fact("pool", 1, type="paged", used_bytes=5)
    ]


def test_of_two_moments_the_last_is_kept_whole_and_noted() -> None:
    first = fact("memory", 1, physical_bytes=4096, available_bytes=10, mdl_bytes=3)
    last = fact("memory", 8, physical_bytes=4096, available_bytes=20)
    kept, note = merged([first, last])
    assert kept == last
    assert (note.get("problem"), note.get("subject"), note.get("line")) == ("not-read", "memory", 1)


def test_an_exact_reading_outweighs_a_rounded_one() -> None:
    exact = fact("tag", 1, tag="Thre", pool="nonpaged", bytes=1000)
    rounded = fact("tag", 8, "rounded", tag="Thre", pool="nonpaged", bytes=1024)
    assert merged([exact, rounded])[0] == exact
    assert merged([rounded, exact])[0] == exact


def test_the_pool_of_vm_outweighs_other_summaries() -> None:
    vm = fact("pool", 1, type="nonpaged", used_bytes=1000)
    total = fact("pool", 9, verify="!poolused", type="nonpaged", used_bytes=900)
    poolmon = fact("pool", 9, verify="poolmon", type="nonpaged", used_bytes=900)
    assert merged([vm, total]) == [vm]
    assert merged([vm, poolmon])[0] == vm
    assert merged([total]) == [total]


def test_a_process_listed_by_pid_joins_the_one_with_its_address() -> None:
    by_pid = fact("process", 1, pid=2076, image="MsMpEng.exe", private_bytes=4096)
    whole = fact("process", 9, pid=2076, address="886f5020", image="MsMpEng.exe", handle_count=7)
    (process,) = merged([by_pid, whole])
    assert process.fields == {
        "pid": 2076,
        "image": "MsMpEng.exe",
        "private_bytes": 4096,
        "address": "886f5020",
        "handle_count": 7,
    }
    assert process.id == "process:2076:886f5020"


def test_processes_of_one_pid_that_may_differ_stay_apart() -> None:
    other = fact("process", 1, pid=2076, image="a.exe", private_bytes=4096)
    whole = fact("process", 9, pid=2076, address="886f5020", image="b.exe")
    again = fact("process", 12, pid=2076, address="99999999", image="a.exe")
    assert len(merged([other, whole])) == 2
    assert len(merged([other, whole, again])) == 3


def test_repeated_notes_are_one() -> None:
    notes = [fact("data_quality", n, problem="debugger-error", subject="pool", text="x", line=n) for n in (1, 2)]
    assert merged(notes) == notes[:1]


def test_bytes_above_physical_memory_are_left_out() -> None:
    memory = fact("memory", 1, physical_bytes=2**30)
    much = fact("tag", 2, tag="Thre", pool="nonpaged", outstanding=5, bytes=2**31)
    paged = fact("tag", 3, tag="CM31", pool="paged", bytes=2**31)
    absurd = fact("pool", 4, type="paged", used_bytes=2**60)
    facts = merged([memory, much, paged, absurd])
    assert [f.fields for f in facts[1:4]] == [
        {"tag": "Thre", "pool": "nonpaged", "outstanding": 5},
        {"tag": "CM31", "pool": "paged", "bytes": 2**31},
        {"type": "paged"},
    ]
    assert [f.get("line") for f in facts[4:]] == [2, 4]


def test_fewer_bytes_than_allocations_are_no_row() -> None:
    wrong = fact("tag", 1, tag="Thre", pool="nonpaged", outstanding=29110220, bytes=9)
    right = fact("tag", 2, tag="File", pool="nonpaged", outstanding=2, bytes=800)
    kept, note = merged([wrong, right])
    assert kept == right
    assert (note.get("problem"), note.get("subject"), note.get("line")) == ("impossible-counter", "tags", 1)
