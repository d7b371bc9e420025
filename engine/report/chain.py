"""The chain of reasoning: each finding as a step with the facts it rests on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..diagnosis import Diagnosis, Finding, VerdictPart
from ..facts import KINDS, Fact
from . import fields, figures
from .wording import Wording

ORDER = {"quality": 0, "resource": 1, "step": 2, "kind": 2, "holder": 2, "culprit": 2, "known": 3}
"""Parts of the chain: steps and the conclusions they lead to stand in the order of the rule files, which is that of
the argument."""
MAX_QUOTE_LINES = 14
MAX_QUOTE_CHARACTERS = 2400

# What a reader wants of a fact as evidence, in this order; the tables and the JSON report have the rest.
_SHOWN: dict[str, tuple[str, ...]] = {
    "pool": ("used_bytes", "max_bytes", "percent_of_max", "percent_of_ram", "percent_of_commit_limit"),
    "tag": (
        "outstanding",
        "bytes",
        "bytes_each",
        "share_of_pool",
        "times_next",
        "allocs",
        "frees",
        "freed_percent",
        "owner",
        "owner_source",
        "object_type",
    ),
    "defect": ("module", "version", "first", "fixed_in", "reported", "reference"),
    "growth": (
        "first",
        "last",
        "lowest",
        "highest",
        "change",
        "bytes_change",
        "allocs_change",
        "frees_change",
        "freed_percent",
        "span_s",
        "per_hour",
        "course",
        "hours_left",
        "left_of",
        "snapshots",
    ),
    "tag_group": ("tags", "count", "lead_owner", "followers_owner", "spread_percent", "basis", "bytes"),
    "system": ("os", "build", "architecture", "dump_type", "ram_bytes", "uptime_s"),
}
_MAX_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact of a step. `step` is the number of an earlier step that shows the fact or quotes its lines."""

    subject: str
    figures: tuple[tuple[str, str], ...]
    source: str
    verify: str | None
    quality: str | None
    quote: tuple[str, ...] = ()
    quote_left: int = 0
    step: int | None = None
    fact: str = ""
    """Id of the fact: its row in the tables is found by it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One conclusion with all that supports, limits and would disprove it."""

    number: int
    part: str
    title: str
    text: str
    severity: str
    confidence: str
    level: int
    limits: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    rule: str
    status: str
    disprove: str | None
    references: tuple[str, ...]
    rests_on: tuple[int, ...]
    """Numbers of the steps whose conclusions are among its evidence."""
    origin: str | None
    """The folder of own rules its rule is from; None for the shipped rules."""
    finding: str
    """Id of the finding."""

    @property
    def anchor(self) -> str:
        """Target of links to the step."""
        return f"step-{self.number}"


@dataclass(frozen=True, slots=True)
class Chain:
    """The steps of the verdict, then those of other conclusions it does not rest on."""

    steps: tuple[Step, ...]
    aside: tuple[Step, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Number of the step by the id of its finding."""

    @property
    def uses(self) -> dict[str, tuple[int, ...]]:
        """Numbers of the steps that rest on a fact, by its id."""
        used: dict[str, tuple[int, ...]] = {}
        for step in (*self.steps, *self.aside):
            for item in step.evidence:
                used[item.fact] = (*used.get(item.fact, ()), step.number)
        return used


def build(diagnosis: Diagnosis, wording: Wording) -> Chain:
    """The chain in the order of the argument: data quality if it matters, then the parts of the verdict."""
    wanted = [finding for finding in diagnosis.findings if finding.part in ORDER and _matters(finding)]
    wanted.sort(key=lambda finding: ORDER[finding.part])
    linked = _linked(diagnosis)
    main = [finding for finding in wanted if finding.fact.id in linked or _same_matter(finding, diagnosis)]
    aside = [finding for finding in wanted if finding not in main]
    numbers = {finding.fact.id: number for number, finding in enumerate([*main, *aside], 1)}
    shown: dict[str, int] = {}
    looked = _looked_at(diagnosis)
    steps = [_step(finding, numbers, shown, looked, wording) for finding in [*main, *aside]]
    return Chain(tuple(steps[: len(main)]), tuple(steps[len(main) :]), numbers)


def _matters(finding: Finding) -> bool:
    return finding.part != "quality" or finding.severity != "info"


def _parts(diagnosis: Diagnosis) -> tuple[VerdictPart, ...]:
    verdict = diagnosis.verdict
    return (verdict.resource, verdict.kind, verdict.holder, verdict.culprit)


def _linked(diagnosis: Diagnosis) -> set[str]:
    """Ids of the findings the verdict rests on, directly or through other findings."""
    by_id = {finding.fact.id: finding for finding in diagnosis.findings}
    open_ids = [part.finding.fact.id for part in _parts(diagnosis) if part.finding]
    linked: set[str] = set()
    while open_ids:
        current = open_ids.pop()
        if current not in linked:
            linked.add(current)
            finding = by_id.get(current)
            if finding:
                open_ids += [fact.id for fact in finding.evidence.values() if fact.id in by_id]
    return linked


def _same_matter(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Whether a finding speaks of nothing but what the verdict names."""
    verdict = diagnosis.verdict
    tag, pid = finding.about.get("tag"), finding.about.get("pid")
    if verdict.kind.tags and tag is not None and tag not in verdict.kind.tags:
        return False
    return not (verdict.holder.pid is not None and pid is not None and pid != verdict.holder.pid)


def _step(
    finding: Finding,
    numbers: Mapping[str, int],
    shown: dict[str, int],
    looked: Mapping[str, Collection[str]],
    wording: Wording,
) -> Step:
    number = numbers[finding.fact.id]
    facts = {fact.id: fact for fact in finding.evidence.values()}
    given: set[str] = set()
    evidence = [
        _evidence(fact, number, shown, given, looked.get(fact.id, ()), wording)
        for fact in facts.values()
        if fact.kind != "finding"
    ]
    return Step(
        number,
        finding.part,
        finding.title,
        finding.text,
        finding.severity,
        wording(f"word.confidence.{finding.confidence.word}"),
        int(finding.confidence),
        finding.limits,
        tuple(evidence),
        f"{finding.rule}@{finding.version}",
        finding.status,
        finding.disprove,
        finding.references,
        tuple(sorted(numbers[each] for each in facts if each in numbers)),
        finding.origin,
        finding.fact.id,
    )


def _evidence(
    fact: Fact, number: int, shown: dict[str, int], given: set[str], looked: Collection[str], wording: Wording
) -> Evidence:
    """A fact as evidence of a step. `shown` holds the step of each fact and quote, `given` the quotes of this step,
    `looked` are the fields that conditions looked at."""
    name = subject(fact, wording)
    earlier = shown.get(fact.id)
    if earlier is not None:
        return Evidence(name, (), fact.source, None, None, step=earlier, fact=fact.id)
    shown[fact.id] = number
    quality = None if fact.quality == "exact" else wording(f"quality.{fact.quality}")
    quote = (fact.quote or "").rstrip()
    shown_figures = _figures(fact, looked, wording)
    # Several facts may come from one output: it is quoted with the first of them.
    quoted = shown.setdefault(f"\n{quote}", number) if quote else number
    if not quote or quoted != number or quote in given:
        step = None if quoted == number else quoted
        return Evidence(name, shown_figures, fact.source, fact.verify, quality, step=step, fact=fact.id)
    given.add(quote)
    lines = quote[:MAX_QUOTE_CHARACTERS].splitlines()[:MAX_QUOTE_LINES]
    left = len(quote.splitlines()) - len(lines)
    return Evidence(name, shown_figures, fact.source, fact.verify, quality, tuple(lines), left, fact=fact.id)


def subject(fact: Fact, wording: Wording) -> str:
    """What the fact is about: its kind and the fields that identify it."""
    kind = KINDS.get(fact.kind)
    names = kind.key if kind else ()
    values = {name: figures.clip(str(fact.fields[name]), 80) for name in names if name in fact.fields}
    if fact.kind == "growth":
        values["subject"] = grown(fact, wording)
        if values.get("quantity") in ("memory", "pool", "process"):  # the subject says it
            del values["quantity"]
    # The subject of a growth may be its pool, its type or its image: each is said once.
    keys = list(dict.fromkeys(values.values()))
    image = fact.text("image") if "image" not in names and fact.text("image") not in keys else None
    return " ".join([wording.first(f"fact.{fact.kind}", "fact.other"), *([image] if image else []), *keys])


def grown(fact: Fact, wording: Wording) -> str:
    """What a growth is of, a pool or a counter of the machine in words."""
    name, quantity = fact.text("subject") or "?", fact.text("quantity")
    if quantity == "pool":
        return wording.first(f"pool.{name}", "pool.other")
    return label(name, wording, "memory") if quantity == "memory" else figures.clip(name, 80)


def _figures(fact: Fact, looked: Collection[str], wording: Wording) -> tuple[tuple[str, str], ...]:
    kind = KINDS.get(fact.kind)
    keys = kind.key if kind else ()
    names = _SHOWN.get(fact.kind) or tuple(name for name in fact.fields if name not in keys and name != "image")
    if fact.kind == "memory" and looked:  # one fact with all counters of the machine
        names = tuple(name for name in names if name in looked)
    return tuple(
        (within(label(name, wording, fact.kind)), fields.field_text(fact, name))
        for name in names
        if name in fact.fields
    )[:_MAX_FIELDS]


def within(heading: str) -> str:
    """A heading as it stands within a sentence: small initial, unless its first word is a name."""
    first = heading.split(" ")[0]
    return heading if any(letter.isupper() for letter in first[1:]) else heading[:1].lower() + heading[1:]


def label(name: str, wording: Wording, kind: str = "") -> str:
    """The name of a field as a reader sees it; counters of memory are called what the vocabulary says they are."""
    key = f"column.{name}"
    if key in wording:
        return wording(key)
    if kind == "memory" and name in KINDS[kind].fields:
        return KINDS[kind].fields[name].doc.removesuffix(" (derived)")
    return name.replace("_", " ")


def of_part(diagnosis: Diagnosis, part: str, wording: Wording) -> tuple[Step, ...]:
    """The findings of one part as steps of their own, outside the chain."""
    found = [finding for finding in diagnosis.findings if finding.part == part]
    numbers = {finding.fact.id: number for number, finding in enumerate(found, 1)}
    shown: dict[str, int] = {}
    looked = _looked_at(diagnosis)
    return tuple(_step(finding, numbers, shown, looked, wording) for finding in found)


def _looked_at(diagnosis: Diagnosis) -> dict[str, dict[str, None]]:
    """The fields that conditions looked at, by the id of the fact."""
    looked: dict[str, dict[str, None]] = {}
    for conditions in diagnosis.conditions.values():
        for condition in conditions:
            looked.setdefault(condition.fact.id, {})[condition.field] = None
    return looked
