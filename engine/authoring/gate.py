"""What the status of a rule rests on: a casefile for a stable one, silence on healthy machines, and the open ledger of
false positives.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..inference.conclusion import LABELLED
from ..inference.rule import Rule
from ..mistakes import Mistakes, Place
from ..yamlfile import Mapping, Node, Scalar
from ..yamlfile import Sequence as List
from .casefiles import Shelf
from .ruletests import Results, findings_of

OPEN = "open"
LEDGER_KEYS = ("rule", "where", "version", "why", "mended")


@dataclass(frozen=True, slots=True)
class FalsePositive:
    """An entry of the ledger: a rule that named a leak where there is none.

    `where` is a casefile or words for a machine of which there is none; `version` is that of the rule. `mended` is the
    version of the rule, or of the program where another part was to blame, that no longer does it; None while it does.
    """

    rule: str
    where: str
    version: int
    why: str
    mended: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said of a rule or an entry of the ledger, and where that stands."""

    place: Place
    what: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What keeps rules from their status (`failures`), and entries of the ledger that are out of date (`notes`)."""

    failures: tuple[Remark, ...]
    notes: tuple[Remark, ...]


def read_ledger(root: Node, mistakes: Mistakes, rules: Iterable[str]) -> list[FalsePositive]:
    """The entries of a ledger; mistakes are noted. Only entries that are open must be of a rule there is."""
    listed = root.get("false_positives") if isinstance(root, Mapping) else None
    if not isinstance(listed, List):
        mistakes.add(root.place, 'expected the key "false_positives" with a list', "structure")
        return []
    known = list(rules)
    found = [entry for item in listed.items if (entry := _entry(item, mistakes))]
    for entry in found:
        if entry.mended is None and entry.rule not in known:
            mistakes.unknown(entry.place, "rule", entry.rule, known)
    return found


def _entry(item: Node, mistakes: Mistakes) -> FalsePositive | None:
    texts = {key: node.text for key, _, node in item if isinstance(node, Scalar)} if isinstance(item, Mapping) else {}
    if set(texts) != set(LEDGER_KEYS) or not all(texts.values()):
        mistakes.add(item.place, f"a false positive has the keys {', '.join(LEDGER_KEYS)}", "structure")
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,5}", texts["version"]):
        mistakes.add(item.place, f'version "{texts["version"]}" is not the version of a rule, a whole number from 1')
        return None
    mended = None if texts["mended"] == OPEN else texts["mended"]
    if mended is not None and not re.fullmatch(r"[0-9][0-9.]{0,10}", mended):
        mistakes.add(item.place, f'mended "{mended}" is neither a version nor {OPEN}')
        return None
    return FalsePositive(texts["rule"], texts["where"], int(texts["version"]), texts["why"], mended, item.place)


def judge(rules: Sequence[Rule], results: Results, shelf: Shelf, ledger: Sequence[FalsePositive]) -> Judged:
    """What stands against the status of these rules, as far as the casefiles for it can be reached.

    Raises CasefileError where a healthy casefile cannot be read.
    """
    failures: list[Remark] = []
    notes: list[Remark] = []
    for rule in rules:
        listed = [entry for entry in ledger if entry.rule == rule.id and entry.mended is None]
        if rule.status == "stable" and listed:
            what = f"{rule.id} is stable, but a false positive of it is open: {listed[0].why}"
            failures.append(Remark(listed[0].place, what))
        if rule.status == "stable" and rule.id not in results.proven | results.unproven:
            what = "is stable, but no casefile on which it fires proves it; add fires_on, or call it test"
            failures.append(Remark(rule.place, f"{rule.id} {what}"))
        failures += _on_healthy(rule, shelf, {entry.where for entry in listed})
        notes += [
            Remark(entry.place, f"{rule.id} no longer fires on {entry.where}: say which version mended it")
            for entry in listed
            if shelf.has(entry.where) and not findings_of(rule.id, shelf.diagnoses(entry.where, rule.place.file))
        ]
    return Judged(tuple(failures), tuple(notes))


def names_a_leak(rule: Rule) -> bool:
    """Whether what a rule concludes may not be said of a healthy machine."""
    return rule.then.part in LABELLED and rule.then.severity != "info"


def _on_healthy(rule: Rule, shelf: Shelf, listed: set[str]) -> list[Remark]:
    if not names_a_leak(rule):
        return []
    found: list[Remark] = []
    for name in shelf.healthy:
        findings = findings_of(rule.id, shelf.diagnoses(name, rule.place.file))
        if findings and name not in listed:
            what = f"{rule.id} fires on the healthy casefile {name}: {findings[0].text}"
            found.append(Remark(rule.place, what))
    return found
