"""Whether two casefiles are of one machine and one boot of it: what shows it, what speaks against it.

Equal builds, processors or RAM show nothing, many machines share them; unequal ones speak against it. Addresses of the
kernel and of processes are chosen anew at each start, and two casefiles that have them in common are of one boot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..builds import VISTA, kernel_number
from ..facts import Case, Fact

ONCE = frozenset({"system", "wininit.exe", "services.exe", "lsass.exe"})
"""Critical processes: there is one of each from the start of Windows to its end."""
_RAM_APART = 0.2
"""Tools differ by what firmware and graphics keep for themselves, up to an eighth on small machines."""
_BOOT_APART = timedelta(minutes=10)
"""Clocks are set while a machine runs."""
_BOOT_ALIKE = timedelta(seconds=5)
_SHARED = 2
"""Processes, besides System, that lie at the same place: by chance one may."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a case shows of the machine it is from. Pseudonyms put in by redaction are none."""

    name: str
    computer: str | None
    architecture: str | None
    build: int | None
    processors: int | None
    ram: int | None
    kernel_base: str | None
    boot: datetime | None
    once: dict[str, tuple[int, str | None]]
    """Image -> pid and address of processes that live as long as the boot."""
    places: frozenset[tuple[int, str, str]]
    """Pid, address and image of all other processes that have an address."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`machine` and `boot` are what speaks against one machine and against one boot of it; `shows_machine` and
    `shows_boot` what cannot well be chance. `clock` says that the clock was set in between."""

    machine: tuple[str, ...]
    boot: tuple[str, ...]
    shows_machine: bool
    shows_boot: bool
    clock: timedelta | None


def moment_of(text: str | None) -> datetime | None:
    """A moment of a fact, ISO 8601 UTC; None where it is unknown or no moment."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def clock_is_utc(case: Case) -> bool:
    """Whether the times of a case are known to be UTC: those of logs without a zone are hours off, and say so."""
    return not any(case.where("data_quality", problem="undated"))


def before(moment: datetime | None, seconds: float | None) -> datetime | None:
    """A moment so many seconds earlier; None where either is unknown or no calendar has it."""
    if moment is None or seconds is None:
        return None
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return None


def traits(case: Case) -> Traits:
    """What a case shows of its machine."""
    system, memory = case.one("system"), case.one("memory")
    named = case.redaction is None
    addressed = case.redaction != "addresses"
    living = [fact for fact in case.of("process") if not fact.flag("exited")]
    ram = (system.int("ram_bytes") if system else None) or (memory.int("physical_bytes") if memory else None)
    return Traits(
        case.casefile.name,
        _host(system.text("computer")) if system and named else None,
        system.text("architecture") if system else None,
        (system.int("build") or None) if system else None,
        system.int("processors") if system else None,
        ram or None,
        system.text("kernel_base") if system and addressed else None,
        before(moment_of(system.text("crash_time")), system.number("uptime_s"))
        if system and clock_is_utc(case)
        else None,
        _once(living, addressed),
        _places(living) if addressed else frozenset(),
    )


def compare(one: Traits, two: Traits) -> Comparison:
    """What two casefiles say of being of one machine and one boot."""
    same_base = one.kernel_base is not None and one.kernel_base == two.kernel_base
    shared = len(one.places & two.places)
    places = same_base and shared >= _SHARED
    apart = abs(one.boot - two.boot) if one.boot and two.boot else None
    machine = [*_unequal("computer", one.computer, two.computer)]
    machine += _unequal("architecture", one.architecture, two.architecture)
    if not places:  # processors and memory are added to a machine that runs, its addresses stay
        machine += _unequal("processors", one.processors, two.processors)
        machine += _memory(one.ram, two.ram)
    other_kernel = kernel_number(one.build or 0) != kernel_number(two.build or 0)
    boot = _unequal("build", one.build, two.build) if other_kernel else []
    boot += _unequal("kernel base", one.kernel_base, two.kernel_base)
    boot += [text for image in sorted(one.once.keys() & two.once.keys()) for text in _moved(image, one, two)]
    if apart is not None and apart > _BOOT_APART and not places:
        boot.append(f"time of boot {_clock(one.boot)} and {_clock(two.boot)}")
    random = same_base and (one.build or 0) >= VISTA  # before, the kernel lay at one place on all machines
    same_pids = [image for image in one.once.keys() & two.once.keys() if image != "system"]
    return Comparison(
        tuple(machine),
        tuple(boot),
        one.computer is not None and one.computer == two.computer,
        random or shared >= _SHARED or len(same_pids) >= _SHARED or (apart is not None and apart <= _BOOT_ALIKE),
        apart if apart is not None and apart > _BOOT_APART and places else None,
    )


def _host(name: str | None) -> str | None:
    """The name of a machine without its domain."""
    return (name or "").strip("\\ ").partition(".")[0].lower() or None


def _once(living: Iterable[Fact], addressed: bool) -> dict[str, tuple[int, str | None]]:
    found: dict[str, list[tuple[int, str | None]]] = {}
    for fact in living:
        image, pid = (fact.text("image") or "").lower(), fact.int("pid")
        if image in ONCE and pid is not None:
            found.setdefault(image, []).append((pid, fact.text("address") if addressed else None))
    return {image: places[0] for image, places in found.items() if len(places) == 1}


def _places(living: Iterable[Fact]) -> frozenset[tuple[int, str, str]]:
    """Kernel names of images are cut to 14 characters, other commands print them whole."""
    return frozenset(
        (pid, address, image[:14])
        for fact in living
        if (pid := fact.int("pid")) is not None
        and (address := fact.text("address")) is not None
        and (image := (fact.text("image") or "").lower()) not in ("", "system")
    )


def _unequal(what: str, one: object, two: object) -> list[str]:
    return [f"{what} {one} and {two}"] if one is not None and two is not None and one != two else []


def _memory(one: int | None, two: int | None) -> list[str]:
    if one is None or two is None or abs(one - two) <= _RAM_APART * max(one, two):
        return []
    return [f"RAM {one / 2**20:,.0f} MiB and {two / 2**20:,.0f} MiB"]


def _moved(image: str, one: Traits, two: Traits) -> list[str]:
    """What is unequal of a process that there is once: its pid, or its address where both have one."""
    (pid, address), (other_pid, other_address) = one.once[image], two.once[image]
    if pid != other_pid:
        return [f"pid of {image} {pid} and {other_pid}"]
    return _unequal(f"EPROCESS of {image}", address, other_address)


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
