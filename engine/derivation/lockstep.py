"""Groups of tags whose outstanding counts move together: one cause, named by its most specific member.

A driver that leaks one structure of its own per event usually leaks one of the kernel's with it: equal counts tie the
generic tag to the specific one. Counts agree by accident too, the more so the smaller they are, so only large counts
are compared and a ratio other than one must fit closely.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..facts import Case, Fact, new
from ..knowledge import Knowledge

FULL_LIST = 40
"""From this many tags on, a list is a machine's and not an excerpt that somebody chose."""
MIN_COUNT_FULL = 10_000
MIN_COUNT_EXCERPT = 5_000
MIN_GROWTH = 500
EQUAL_SPREAD = 0.025
RATIO_SPREAD = 0.005
RATIOS = (1, 2, 3, 4)

_SPECIFICITY = {"specific": 1, "unknown": 2, "object": 3, "cache": 4, "companion": 5, "generic": 6, "reservation": 7}


@dataclass(frozen=True, slots=True)
class _Member:
    """One tag with the count that is compared."""

    fact: Fact
    tag: str
    count: int
    bytes: int
    owner: str | None
    tag_class: str
    third_party: bool

    @property
    def rank(self) -> tuple[int, int, int]:
        """How specific the tag's owner is, the most specific first; then by bytes and count."""
        return (0 if self.third_party else _SPECIFICITY.get(self.tag_class, 2), -self.bytes, -self.count)


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add `tag_group` facts, and the fields group_lead and group_size of their members."""
    tags = case.of("tag")
    minimum = MIN_COUNT_FULL if len({tag.get("tag") for tag in tags}) >= FULL_LIST else MIN_COUNT_EXCERPT
    outstanding = [_member(tag, tag.int("outstanding"), knowledge) for tag in tags]
    for members, spread in _groups(outstanding, minimum):
        _add(case, members, spread, "outstanding")
        for member in members:
            case.update(member.fact, group_lead=members[0].tag, group_size=len(members))
    growth = [fact for fact in case.of("growth") if fact.text("tag")]
    growing = [_member(fact, fact.int("change"), knowledge) for fact in growth]
    for members, spread in _groups(growing, MIN_GROWTH):
        _add(case, members, spread, "growth")


def _member(fact: Fact, count: int | None, knowledge: Knowledge) -> _Member:
    tag = str(fact.get("tag"))
    entry = knowledge.tag(tag)
    owner = entry.owner if entry else fact.text("owner")
    tag_class = fact.text("tag_class") or (entry.tag_class if entry else "unknown")
    third_party = bool(entry and entry.third_party)
    return _Member(fact, tag, count or 0, fact.int("bytes") or 0, owner, tag_class, third_party)


def _groups(candidates: Sequence[_Member], minimum: int) -> list[tuple[list[_Member], float]]:
    """Groups of two and more as (members, lead first; largest deviation). Each tag is in one group at most."""
    rest = sorted((member for member in candidates if member.count >= minimum), key=lambda member: member.rank)
    groups = []
    while rest:
        lead, members, spread = rest[0], [rest[0]], 0.0
        for member in rest[1:]:
            off = _off_by(member.count, lead.count)
            if off is not None and all(member.tag != other.tag for other in members):
                members.append(member)
                spread = max(spread, off)
        taken = {id(member) for member in members}
        rest = [member for member in rest if id(member) not in taken]
        if len(members) > 1:
            groups.append((members, spread))
    return groups


def _off_by(count: int, lead: int) -> float | None:
    """How far a count is from a small multiple of the lead's, or None when it is too far."""
    for ratio in RATIOS:
        off = abs(count / (ratio * lead) - 1)
        if off <= (EQUAL_SPREAD if ratio == 1 else RATIO_SPREAD):
            return off
    return None


def _add(case: Case, members: Sequence[_Member], spread: float, basis: str) -> None:
    lead = members[0]
    dragged = [member for member in members[1:] if member.tag_class == "cache"]
    largest = max(dragged, key=lambda member: (member.bytes, member.count), default=None)
    case.add(
        new(
            "tag_group",
            source=lead.fact.source,
            verify=lead.fact.verify,
            quality="rounded" if any(member.fact.quality == "rounded" for member in members) else "exact",
            quote="\n".join(member.fact.quote for member in members[:8] if member.fact.quote) or None,
            tags=" + ".join(member.tag for member in members),
            size=len(members),
            count=lead.count,
            lead=lead.tag,
            lead_owner=lead.owner,
            lead_class=lead.tag_class,
            followers_owner=largest.owner if largest else None,
            bytes=sum(member.bytes for member in members) or None,
            spread_percent=round(100 * spread, 3),
            basis=basis,
        )
    )
