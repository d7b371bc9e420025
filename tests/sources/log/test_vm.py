import pytest
from parsing import notes, of, only, read, shown

from dumptriage.facts import Value
from dumptriage.sources.log.vm import PARSERS

PAGE = 4096


def row(name: str, pages: int, kb: int | None = None) -> str:
    return f"{name}: {pages:>12} ( {pages * 4 if kb is None else kb:>12} Kb)\n"


W2K = (
    "       Virtual Memory Usage\n\n"
    + row("       Physical Memory", 655219)
    + "       Page File: \\??\\C:\\pagefile.sys\n\n"
    + "          Current:   4190208Kb Free Space:   4115148Kb\n"
    + "          Minimum:   4190208Kb Maximum:      4190208Kb\n\n\n"
    + row("       Available Pages", 303760)
    + "\n"
    + row("       NonPagedPool Usage", 59613)
    + "\n"
    + row("       NonPagedPool Max", 69377)
    + "               NonPaged Pool Usage :  85%\n"
    + "       ********** Excessive NonPaged Pool Usage *****\n"
    + row("       PagedPool 0 Usage", 31684)
    + row("       PagedPool Usage", 38980)
    + row("       PagedPool Maximum", 86016)
    + "               Paged Pool Usage :  45%\n"
)

W10 = (
    row("Physical Memory", 2037490)
    + row("Available Pages", 693849)
    + row("Free System PTEs", 4295156169)
    + "\n******* 351175 kernel stack PTE allocations have failed ******\n\n"
    + row("NonPagedPool Usage", 268)
    + row("NonPagedPoolNx Usage", 36623)
    + row("NonPagedPool Max", 2**32)
    + row("PagedPool Usage", 68600)
    + row("PagedPool Maximum", 2**32)
    + row("Kernel Stacks", 14686)
    + row("Pages For MDLs", 3166)
    + row("PagedPool Commit", 18446735300397918280, 18446708980463018272)
    + "\n********** Sum of individual system commit + Process commit exceeds overall commit by 184467089804627417 Kb ? "
    + "********\n"
    + row("Committed pages", 1686167)
    + row("Commit limit", 5969650)
    + "\n  Pid ImageName                        Commit   SharedCommit        Debt\n\n"
    + "  81c MsMpEng.exe                   112764 Kb        7400 Kb        0 Kb\n...\n"
    + "  1f0 two words.exe                     72 Kb           0 Kb        0 Kb\n"
)


def test_windows_2000_has_fixed_limits() -> None:
    log = read(W2K, PARSERS)
    nonpaged, paged = of(log, "pool")
    assert shown(nonpaged, "used_bytes", "max_bytes", "limit") == (59613 * PAGE, 69377 * PAGE, "fixed")
    assert shown(paged, "used_bytes", "max_bytes", "limit") == (38980 * PAGE, 86016 * PAGE, "fixed")
    assert shown(only(log, "system"), "ram_bytes", "pool_limits") == (655219 * PAGE, "fixed")
    memory = only(log, "memory")
    assert shown(memory, "page_file_bytes", "page_file_free_bytes") == (4190208 * 1024, 4115148 * 1024)
    assert memory.get("free_system_ptes") is None
    assert shown(only(log, "claim"), "subject", "text", "count") == (
        "nonpaged pool",
        "Excessive NonPaged Pool Usage",
        None,
    )
    assert nonpaged.source == "log.txt:12"
    assert nonpaged.quote is not None
    assert "85%" in nonpaged.quote


def test_windows_10_has_no_limit_and_impossible_counters() -> None:
    log = read(W10, PARSERS)
    nonpaged, paged = of(log, "pool")
    assert shown(nonpaged, "used_bytes", "max_bytes", "limit") == ((268 + 36623) * PAGE, None, "none")
    assert shown(paged, "used_bytes", "max_bytes", "limit") == (68600 * PAGE, None, "none")
    memory = only(log, "memory")
    assert shown(memory, "mdl_bytes", "kernel_stack_bytes", "paged_commit_bytes") == (3166 * PAGE, 14686 * PAGE, None)
    assert shown(memory, "committed_bytes", "free_system_ptes") == (1686167 * PAGE, 4295156169)
    assert shown(only(log, "claim"), "subject", "count") == ("kernel stack ptes", 351175)
    assert notes(log) == [("impossible-counter", "memory"), ("impossible-counter", "pool")]
    assert [shown(process, "pid", "image", "private_bytes") for process in of(log, "process")] == [
        (0x81C, "MsMpEng.exe", 112764 * 1024),
        (0x1F0, "two words.exe", 72 * 1024),
    ]
    assert only(log, "system").get("pool_limits") == "dynamic"


@pytest.mark.parametrize(
    ("ram", "top", "old", "limit", "kept"),
    [
        (1048446, 774140, False, "dynamic", True),  # Windows 7 x64: 74 % of RAM
        (16270, 6252, True, "fixed", True),  # XP with 64 MB
        (130940, 32768, True, "fixed", True),  # XP with 512 MB
        (262144, 196608, False, "dynamic", True),  # 1 GB, 75 %
        (None, 69377, True, "fixed", True),
        (None, 69377, False, None, False),  # may be 75 % of a small machine
        (2**23, 2**25, False, "none", False),  # more than RAM: address space
        (2**26, 2**25, False, "dynamic", True),  # capped at 128 GB
    ],
)
def test_the_kind_of_nonpaged_limit(ram: int | None, top: int, old: bool, limit: Value | None, kept: bool) -> None:
    text = (row("Physical Memory", ram) if ram else "") + row("NonPagedPool Usage", 1000) + row("NonPagedPool Max", top)
    pool = only(read(text + (row("PagedPool 0 Usage", 5) if old else ""), PARSERS), "pool")
    assert shown(pool, "limit", "max_bytes") == (limit, top * PAGE if kept else None)


def test_windows_7_paged_maximum_is_address_space() -> None:
    text = row("Physical Memory", 1048446) + row("PagedPool Usage", 37057) + row("PagedPool Maximum", 33554432)
    assert shown(only(read(text, PARSERS), "pool"), "limit", "max_bytes") == ("none", None)


@pytest.mark.parametrize("name", ["NonPagedPool Usage", "Pages For MDLs", "Kernel Stacks", "Available Pages"])
def test_resident_pages_above_physical_memory_are_left_out(name: str) -> None:
    log = read(row("Physical Memory", 2000) + row(name, 2001) + row("Modified Pages", 10), PARSERS)
    assert notes(log) == [("impossible-counter", "pool" if "Pool" in name else "memory")]
    assert set(only(log, "memory").fields) == {"physical_bytes", "modified_bytes"}
    assert not of(log, "pool")


def test_columns_that_disagree_are_not_used() -> None:
    log = read(row("Physical Memory", 2000) + row("NonPagedPool Usage", 100, 500), PARSERS)
    assert not of(log, "pool")
    assert notes(log) == [("impossible-counter", "memory")]


def test_a_lone_row_of_windows_10_nonpaged_pool_is_a_lower_bound() -> None:
    log = read(
        row("Physical Memory", 2037490) + row("NonPagedPool Usage", 268) + row("NonPagedPool Max", 2**32), PARSERS
    )
    assert only(log, "pool").quality == "lower-bound"


@pytest.mark.parametrize(
    ("warning", "subject", "count"),
    [
        ("********** Excessive Paged Pool Usage *****", "paged pool", None),
        ("********** Running out of system PTEs **************", "system ptes", None),
        ("******* 416179544 system PTE allocations have failed ******", "system ptes", 416179544),
        ("******* 247785920 kernel stack growth attempts have failed ******", "kernel stacks", 247785920),
        ("********** 12 pool allocations have failed **********", "pool allocations", 12),
        ("******* 3 commit requests have failed  ******", "commit", 3),
        ("********** Running out of physical memory **********", "physical memory", None),
        ("******* 18446744073709551615 system PTE allocations have failed ******", "system ptes", None),
    ],
)
def test_warnings_are_claims(warning: str, subject: str, count: int | None) -> None:
    log = read(warning, PARSERS)
    assert shown(only(log, "claim"), "subject", "count") == (subject, count)
    assert len(log.facts) == 1


@pytest.mark.parametrize(
    "line", ["*** CacheSize too low - increasing to 81 MB", "*   Bugcheck Analysis   *", "a: 1 (2)"]
)
def test_other_stars_are_not(line: str) -> None:
    assert not read(line, PARSERS).facts


def test_a_page_file_without_name_counts_only_alone() -> None:
    unnamed = "No Name for Paging File\n  Current:      800 Kb  Free Space:       500 Kb\n"
    named = "Page File: \\??\\C:\\pagefile.sys\n  Current:      300 Kb  Free Space:       100 Kb\n"
    ram = row("Physical Memory", 2000)
    assert only(read(named + unnamed + ram, PARSERS), "memory").get("page_file_bytes") == 300 * 1024
    assert only(read(unnamed + ram, PARSERS), "memory").get("page_file_bytes") == 800 * 1024


def test_an_error_within_the_output_is_noted() -> None:
    text = row("Physical Memory", 2000) + "Unimplemented error for MiSystemVaTypeCount\n" + row("Modified Pages", 10)
    log = read(text, PARSERS)
    assert notes(log) == [("debugger-error", "memory")]
    assert only(log, "memory").get("modified_bytes") == 10 * PAGE


def test_two_outputs_without_a_prompt_between_stay_apart() -> None:
    text = row("Physical Memory", 2000) + row("NonPagedPool Usage", 100)
    log = read(text + row("Physical Memory", 3000) + row("NonPagedPool Usage", 200), PARSERS)
    assert [fact.get("physical_bytes") for fact in of(log, "memory")] == [2000 * PAGE, 3000 * PAGE]


@pytest.mark.parametrize("mark", [",", ".", "'", " ", "\u00a0", "\u202f"])
def test_thousands_separators(mark: str) -> None:
    text = f"Physical Memory:   4{mark}194{mark}308 (   16{mark}777{mark}232 Kb)\n"
    text += f"Available Pages:   844 (   3{mark}376 Kb)\n"
    fact = only(read(text, PARSERS), "memory")
    assert shown(fact, "physical_bytes", "available_bytes") == (4194308 * 4096, 844 * 4096)


def test_session_pool_against_its_size() -> None:
    text = """\
Physical Memory:        1048333 (   4193332 Kb)

Terminal Server Memory Usage By Session:

Session Paged Pool Maximum is 16384 Kb
Session View Space Maximum is 32768 Kb

Session ID 0 @ f79ea000:
Paged Pool Usage:        2044 Kb
Commit Usage:            4412 Kb

Session ID 3 @ f7a11000:
Paged Pool Usage:       16352 Kb

*** 5212 Pool Allocation Failures ***

Commit Usage:           18320 Kb
"""
    log = read(text, PARSERS)
    assert shown(only(log, "pool"), "type", "used_bytes", "max_bytes", "limit") == (
        "session",
        16352 * 1024,
        16384 * 1024,
        "fixed",
    )
    assert shown(only(log, "claim"), "subject", "count", "text") == (
        "session pool",
        5212,
        "5212 Pool Allocation Failures",
    )
