"""Percentages of physical memory, commit limit and pool maximum."""

from ..facts import Case

KERNEL_STACK_BYTES = 24 * 1024
"""A kernel stack of x64 with its guard page; x86 stacks are smaller, so the estimate is a low one there."""


def ram_bytes(case: Case) -> int | None:
    """Physical memory of the machine, from !vm or the dump header."""
    memory, system = case.one("memory"), case.one("system")
    return (memory and memory.int("physical_bytes")) or (system and system.int("ram_bytes")) or None


def percent(part: float | None, whole: float | None) -> float | None:
    """`part` in percent of `whole`, to four digits behind the point; None where either is unknown or whole is 0."""
    if part is None or not whole:
        return None
    return round(100.0 * part / whole, 4)


def derive(case: Case) -> None:
    """Add the percent fields of `memory` and `pool` facts."""
    ram = ram_bytes(case)
    memory = case.one("memory")
    limit = memory.int("commit_limit_bytes") if memory else None
    if memory:
        stacks = memory.int("kernel_stack_bytes")
        memory = case.update(
            memory,
            available_percent=percent(memory.int("available_bytes"), ram),
            commit_percent=percent(memory.int("committed_bytes"), limit),
            mdl_percent=percent(memory.int("mdl_bytes"), ram),
            awe_percent=percent(memory.int("awe_bytes"), ram),
            contiguous_percent=percent(memory.int("contiguous_bytes"), ram),
            locked_io_percent=percent(memory.int("locked_io_bytes"), ram),
            private_percent=percent(memory.int("private_bytes"), ram),
            kernel_stacks=stacks // KERNEL_STACK_BYTES if stacks is not None else None,
        )
    for pool in case.of("pool"):
        used = pool.int("used_bytes")
        fixed = pool.int("max_bytes") if pool.text("limit") == "fixed" else None
        case.update(
            pool,
            percent_of_max=percent(used, fixed),
            percent_of_ram=percent(used, ram),
            percent_of_commit_limit=percent(used, limit),
        )
