from pathlib import Path

from parsing import notes, of, only, read, read_file, shown

from dumptriage.sources.log.mex import PARSERS

TASKS = """\
PID            Address          Name                                     Thd   Handles
============== ================ ======================================== === =========
0xc3c  0n3132  ffffc983f20760c0 svchost.exe                                1       212
0x1b88 0n7048  ffffc983eda770c0 ServiceHub.Host.netfx.x86.exe*32          12    12,345
0x2ae4 0n10980 ffffc983edc770c0 NVIDIA Share.exe                         137 1,123,456
============== ================ ======================================== === =========
PID            Address          Name                                     Thd   Handles

Warning! Zombie process(es) detected (not displayed). Count: 91 [zombie report]
"""
MEMORY = """\
PID            Address          Name                                            VM
============== ================ ======================================== =========
0xc3c  0n3132  ffffc983f20760c0 svchost.exe                                   8 KB
"""


def test_a_task_list() -> None:
    facts = of(read(TASKS, PARSERS), "process")
    assert [shown(fact, "pid", "image", "threads", "handle_count") for fact in facts] == [
        (3132, "svchost.exe", 1, 212),
        (7048, "ServiceHub.Host.netfx.x86.exe", 12, 12345),
        (10980, "NVIDIA Share.exe", 137, 1123456),
    ]
    assert shown(facts[0], "address", "exited") == ("ffffc983f20760c0", None)


def test_a_column_that_is_not_understood_is_unknown() -> None:
    assert dict(only(read(MEMORY, PARSERS), "process").fields) == {
        "pid": 3132,
        "address": "ffffc983f20760c0",
        "image": "svchost.exe",
    }


def test_a_second_table_completes_the_first() -> None:
    facts = of(read(MEMORY + TASKS, PARSERS), "process")
    assert [shown(fact, "pid", "threads") for fact in facts] == [(3132, 1), (7048, 12), (10980, 137)]


def test_the_count_of_zombies_is_added_once() -> None:
    fact = only(read(TASKS + TASKS, PARSERS), "dead_objects")
    assert (dict(fact.fields), fact.quality) == ({"type": "Process", "count": 91}, "exact")


GRID = """\
=================================================================
=             = ID       = Name         = ThreadCount = HandleCount =
=================================================================
= [0x316c]    - 12652    - App Host.exe - 28          - 495         =
= [0xf10]     - 3856     - Sound.exe    - 6           - 112142      = <---- OUTLIER
= [0x0]       - 0        - Idle         - 16          - {idle}        =
= [0x4]       - 4        - System       - 300         - {system}        =
= [...]       -          -              -             -             =
=================================================================
"""


def test_a_grid() -> None:
    log = read(GRID.format(idle=5120, system=5120), PARSERS)
    assert [shown(fact, "pid", "image", "threads", "handle_count") for fact in of(log, "process")] == [
        (12652, "App Host.exe", 28, 495),
        (3856, "Sound.exe", 6, 112142),
        (0, "Idle", 16, None),
        (4, "System", 300, None),
    ]
    assert sorted(notes(log), key=str) == [("cut-list", "processes"), ("low-precision", "handles")]


def test_counts_of_idle_and_system_that_differ_stand() -> None:
    log = read(GRID.format(idle=0, system=5120), PARSERS)
    assert [fact.get("handle_count") for fact in of(log, "process")][2:] == [0, 5120]


def test_real_tables(shared: Path) -> None:
    log = read_file(shared / "formats/mex-tasklist/win10-mex-13.txt", PARSERS)
    counts = {fact.get("image"): fact.get("handle_count") for fact in of(log, "process")}
    assert (counts["ICEsoundService64.exe"], counts["Idle"], counts["System"]) == (112142, None, None)
    log = read_file(shared / "formats/mex-tasklist/win10-mex-9.txt", PARSERS)
    threads = {fact.get("pid"): fact.get("threads") for fact in of(log, "process")}
    assert (threads[4], threads[6508]) == (257, 137)
