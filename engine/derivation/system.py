"""The operating system by its build, and what it says of the pools."""

from .. import builds
from ..facts import Case


def derive(case: Case) -> None:
    """Put the name the build has in place of the debugger's, which calls Windows 11 and most servers Windows 10.

    Pools of a machine whose kind of limit is not known get `unknown`, which is not a fixed one.
    """
    system = case.one("system")
    build = system.int("build") if system else None
    if system and build in builds.RELEASES:
        product, architecture = system.text("product_type"), system.text("architecture")
        limits = builds.pool_limits(build, architecture)
        known = system.text("pool_limits")
        case.update(
            system,
            os=None if system.text("dump_type") else builds.os_name(build, product),
            pool_limits=limits if known in (None, "unknown") else None,
        )
    for pool in case.of("pool"):
        case.update(pool, limit=pool.text("limit") or "unknown")
