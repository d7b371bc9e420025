from parsing import of, only, read, shown

from dumptriage.sources.log.zombies import PARSERS

HELD = """\
    1115 zombies held by svchost.exe(2496)
        1081 zombies of worker.exe (process: 1081 - thread: 0)
        20 zombies of update.exe (process: 20 - thread: 5)
        14 zombies of update.exe (process: 14 - thread: 0)
"""


def test_holder_handles_and_ended_processes() -> None:
    log = read(HELD, PARSERS)
    assert shown(only(log, "process"), "pid", "image") == (2496, "svchost.exe")
    assert [(*shown(fact, "type", "count", "dead_targets"), fact.quality) for fact in of(log, "handles")] == [
        ("Process", 1115, 1115, "exact"),
        ("Thread", 5, 5, "exact"),
    ]
    assert [shown(fact, "owner_image", "count", "holder_pid") for fact in of(log, "dead_objects")] == [
        ("worker.exe", 1081, 2496),
        ("update.exe", 34, 2496),
    ]


def test_a_list_of_the_largest_groups_is_a_lower_bound() -> None:
    text = "".join(HELD.splitlines(keepends=True)[:2])
    assert {fact.quality for fact in of(read(text, PARSERS), "handles")} == {"lower-bound"}


def test_other_wordings_and_several_holders() -> None:
    text = (
        "534 zombie processes held by service host.exe(9428)\n"
        "    534 zombies of conhost.exe - process handle count: 532 - thread handle count: 2\n"
        "7 zombies held by explorer.exe(1)\n"
    )
    log = read(text, PARSERS)
    assert [shown(fact, "image", "pid") for fact in of(log, "process")] == [
        ("service host.exe", 9428),
        ("explorer.exe", 1),
    ]
    assert [fact.get("count") for fact in of(log, "handles")] == [532, 2]
    assert [shown(fact, "owner_image", "count") for fact in of(log, "dead_objects")] == [
        ("conhost.exe", 534),
        (None, 7),
    ]
