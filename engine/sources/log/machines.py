"""One log may hold several machines: which facts belong to which.

What was read together (one block of output) stays together. A block that shows who it is (kernel base, build, number
of processors, bugcheck, physical memory, address of the System process) either agrees with a machine already seen,
contradicts it, or says nothing of it; a block that shows nothing belongs to the machine before it. A banner speaks for
what follows it: a log whose first machine shows none goes on with the banner of the second. Addresses of one machine
are never set against those of another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...builds import kernel_number
from ...errors import CasefileError
from ...facts import Case, Casefile, Fact, Value, note
from .growth import growing, history
from .merge import merged, without_impossible_rows

SYSTEM_PID = 4
"""Process id of System from Windows XP on; 8 in Windows 2000."""

EVIDENCE = frozenset({"pool", "tag", "memory", "handles", "unfreed", "census"})
"""Kinds that speak of memory. A machine without any of them is no case of its own where another has some."""

MANY_DEAD = 1000
"""A bare number of ended objects, without owner or holder, is evidence from here on; every machine has some."""

_CONFLICTING = ("computer", "kernel_base", "kernel", "processors", "bits", "bugcheck", "ram", "system_process")
_UNIQUE = ("kernel_base", "system_process")
"""Signals that no two machines share, or hardly ever."""

_PROVING = (*_UNIQUE, "ram")
"""Signals whose equality shows one machine; builds, processor counts and bugchecks are shared by many."""

_ANCHORS = ("kernel_base", "build", "ram")
"""A banner or `!vm` opens the output of a target: what follows and does not contradict it is of that target. A list of
processes does not."""

Identity = dict[str, Value]
"""What is shown of a machine, by name of the signal."""

MAX_MACHINES = 64
"""More machines than any honest log holds."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one piece of output gave: the first and last line of the log it spans, and its facts."""

    first: int
    last: int
    facts: Sequence[Fact]


@dataclass(slots=True)
class _Machine:
    identity: Identity = field(default_factory=dict)
    processes: set[tuple[Value, ...]] = field(default_factory=set)
    facts: list[Fact] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def anchored(self) -> bool:
        return any(name in self.identity for name in _ANCHORS)

    def conflicts(self, identity: Mapping[str, Value]) -> bool:
        return _conflict(self.identity, identity)

    def proves(self, identity: Mapping[str, Value]) -> bool:
        return any(name in identity and identity[name] == self.identity.get(name) for name in _PROVING)

    def take(self, block: Block, identity: Identity) -> None:
        shown = _addresses(block.facts)
        self.identity = _width(shown) | self.identity | identity
        self.processes.update(shown)
        self.facts.extend(block.facts)
        self.spans.append((block.first, block.last))

    @property
    def evidence(self) -> bool:
        return any(fact.kind in EVIDENCE or _speaks_of_dead(fact) for fact in self.facts)


def to_cases(blocks: Iterable[Block], casefile: Casefile) -> list[Case]:
    """One case for each machine with evidence about memory; of one machine only, the whole log."""
    machines = partition(blocks)
    if len(machines) == 1:
        return [_case(machines[0], casefile)]
    chosen = [machine for machine in machines if machine.evidence] or machines
    cases: list[Case] = []
    for number, machine in enumerate(chosen, 1):
        case = _case(machine, casefile, label(machine), number)
        case.add(_several(machine, machines, casefile))
        cases.append(case)
    return cases


def _case(machine: _Machine, casefile: Casefile, name: str | None = None, number: int = 1) -> Case:
    """The case of a machine: its facts, and the history of what was read more than once.

    Growth pasted as a table gives way to growth that can be worked out.
    """
    case = Case(casefile, machine=name, number=number)
    case.history = history(without_impossible_rows(machine.facts)[0])
    worked_out = growing(case.history)
    case.extend(fact for fact in merged(machine.facts) if fact.kind != "growth" or fact.get("tag") not in worked_out)
    return case


def partition(blocks: Iterable[Block]) -> list[_Machine]:
    """The machines of the log in the order they appear, each with its blocks. At least one."""
    machines: list[_Machine] = []
    current = _Machine()
    known = list(blocks)
    identities = [_identity(block.facts) for block in known]
    for block, identity, shown in zip(known, identities, _foreseen(known, identities), strict=True):
        if not machines:
            machines.append(current)
        current = _owner(machines, current, block, shown)
        current.take(block, identity)
    return machines or [current]


def _foreseen(blocks: Sequence[Block], identities: Sequence[Identity]) -> list[Identity]:
    """What each block shows, of a banner together with what is shown from there to the next banner of another machine.
    What is shown first counts."""
    found = list(identities)
    between: Identity = {}
    following: Identity = {}
    for index in reversed(range(len(blocks))):
        systems = [fact for fact in blocks[index].facts if fact.kind == "system"]
        if not any(fact.text("kernel_base") or fact.text("os") for fact in systems):
            between = between | identities[index]
            continue
        same = {} if _conflict(identities[index], following) else following
        found[index] = following = same | between | identities[index]
        between = {}
    return found


def _conflict(one: Mapping[str, Value], two: Mapping[str, Value]) -> bool:
    return any(name in one and name in two and one[name] != two[name] for name in _CONFLICTING)


def _owner(machines: list[_Machine], current: _Machine, block: Block, identity: Mapping[str, Value]) -> _Machine:
    """The machine a block belongs to; a new one is added to the list where it fits none."""
    if not identity:
        shown = _addresses(block.facts)
        if len(machines) == 1 or not shown or shown & current.processes:
            return current
        # One process may be at the same place on two machines; of a machine just opened nothing else is known.
        needed = 2 if current.anchored and not current.processes else 1
        return next((machine for machine in machines if len(shown & machine.processes) >= needed), current)
    fits = not current.conflicts(identity)
    if fits and (len(machines) == 1 or current.proves(identity)):
        return current
    others = [machine for machine in reversed(machines) if not machine.conflicts(identity)]
    unique = {name: identity[name] for name in _UNIQUE if name in identity}
    for machine in others:
        if machine.proves(unique):
            return machine
    if fits and (current.anchored or others == [current]):
        return current
    for machine in others:
        if machine.proves(identity):
            return machine
    # It may be any of the machines seen, so it is joined to none of them.
    if len(machines) >= MAX_MACHINES:
        raise CasefileError(
            f"the log holds output of more than {MAX_MACHINES} machines (line {block.first}); cut it to one machine"
        )
    machines.append(_Machine())
    return machines[-1]


def _identity(facts: Iterable[Fact]) -> Identity:
    """What a block shows of the machine it is from."""
    identity: Identity = {}
    for fact in facts:
        found: dict[str, Value | None] = {}
        if fact.kind == "system":
            code, build = fact.int("bugcheck_code"), fact.int("build")
            found = {
                # Without the domain, and as long as NetBIOS names are: some commands cut it there.
                "computer": (fact.text("computer") or "").partition(".")[0].lower()[:15] or None,
                "kernel_base": fact.text("kernel_base"),
                "bits": {"x86": 32, "x64": 64, "arm64": 64}.get(fact.text("architecture") or ""),
                "build": build or None,
                "kernel": kernel_number(build) if build else None,
                "processors": fact.int("processors"),
                "bugcheck": code & 0x0FFFFFFF if code else None,  # 0x1000007e is 0x7e in a small dump
                "ram": fact.int("ram_bytes"),
            }
        elif fact.kind == "memory":
            found = {"ram": fact.int("physical_bytes")}
        elif fact.kind == "process" and _is_system(fact):
            found = {"system_process": fact.text("address")}
        identity.update((name, value) for name, value in found.items() if value is not None)
    return identity


def _speaks_of_dead(fact: Fact) -> bool:
    if fact.kind != "dead_objects":
        return False
    named = any(fact.get(name) is not None for name in ("owner_image", "owner_pid", "holder_image", "holder_pid"))
    return named or (fact.int("count") or 0) >= MANY_DEAD


def _is_system(fact: Fact) -> bool:
    image = (fact.text("image") or "").lower()
    return fact.int("pid") in (SYSTEM_PID, 8) and image in ("system", "")


def _addresses(facts: Iterable[Fact]) -> set[tuple[Value, ...]]:
    """Pid, address and image of the processes in a block; machines that boot alike share the first two."""
    return {
        (fact.fields["pid"], fact.fields["address"], str(fact.get("image") or "").lower()[:14])
        for fact in facts
        if fact.kind == "process" and "pid" in fact.fields and "address" in fact.fields
    }


def _width(processes: Iterable[tuple[Value, ...]]) -> Identity:
    """How wide the kernel's addresses are, where those of all processes agree and are addresses of a kernel."""
    shown = {str(address) for _, address, _ in processes}
    if shown and all(len(digits) == 8 and digits >= "8" for digits in shown):
        return {"bits": 32}
    return {"bits": 64} if shown and all(len(digits) == 16 for digits in shown) else {}


def label(machine: _Machine) -> str:
    """Short name of a machine: `build 22621, 6 processors, lines 1-313`."""
    identity = machine.identity
    words: list[str] = []
    if "build" in identity:
        words.append(f"build {identity['build']}")
    if "processors" in identity:
        words.append(f"{identity['processors']} processors")
    ram = identity.get("ram")
    if isinstance(ram, int):
        words.append(f"{ram / 2**30:.1f} GB RAM")
    if "system_process" in identity and len(words) < 2:
        words.append(f"System at {identity['system_process']}")
    return ", ".join([*words, _lines(machine)])


def _lines(machine: _Machine) -> str:
    first, last = min(first for first, _ in machine.spans), max(last for _, last in machine.spans)
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _several(machine: _Machine, machines: list[_Machine], casefile: Casefile) -> Fact:
    others = [label(other) for other in machines if other is not machine]
    shown = "; ".join(others[:5]) + (f"; and {len(others) - 5} more" if len(others) > 5 else "")
    line = min(first for first, _ in machine.spans)
    text = (
        f"The log holds output of {len(machines)} machines or dumps; this case is {label(machine)}. "
        f"Not merged into it: {shown}."
    )
    return note("several-machines", "processes", text, f"{casefile.name}:{line}", line=line)
