"""Mistakes in rule files: collected over all files, then shown together, one line each."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Literal

from .errors import RulebookError

MistakeSeverity = Literal["error", "warning"]

CODES = {
    "yaml": "The file is not valid YAML, or uses what rule files do not use.",
    "structure": "A mapping, list or text stands where another is expected.",
    "missing-key": "A key that must be given is missing.",
    "duplicate": "A key, id, name or tag is given twice.",
    "bad-value": "A value does not have the form its place takes.",
    "unknown-key": "A key that has no meaning there.",
    "unknown-kind": "A kind of fact that the vocabulary does not have.",
    "unknown-field": "A field that the kind of fact does not have.",
    "unknown-alias": "A name that no pattern of the rule binds.",
    "unknown-threshold": "A threshold that no thresholds.yaml defines.",
    "unknown-finding": "A finding that no rule produces.",
    "unknown-rule": "A rule that no pack defines.",
    "unknown-part": "A part of the diagnosis that does not exist.",
    "unknown-word": "A word that is not among those its key takes.",
    "bad-template": "A Jinja template that cannot be parsed.",
    "unknown-filter": "A filter, test or function that templates do not have.",
    "alias-not-bound": "A text uses an alias that only some alternatives bind, without asking for it.",
    "wrong-type": "A condition, filter or field of a type that does not fit.",
    "wrong-unit": "A number whose unit does not fit the field.",
    "bad-condition": "A condition that is not in the grammar.",
    "bad-expression": "A regular expression that is wrong or may take for ever.",
    "not-joined": "A pattern that is not tied to an earlier one by an equality.",
    "never-holds": "A condition that can never hold.",
    "too-large": "More patterns, conditions or alternatives than the engine takes.",
    "circle": "Rules that build on each other in a circle.",
    "no-proof": "A stable rule without a casefile it fires on.",
    "no-test": "A rule that is said to be tested and has no test.",
    "unused-threshold": "A threshold that no rule refers to.",
    "bad-test": "A test of a rule that cannot be run.",
}
"""Every kind of mistake: a short code that stays the same, for SARIF and JSON, and what it means."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a rule file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake. `code` is a key of CODES, `nearest` the valid name closest to an unknown one.

    A warning does not keep the rules from being used.
    """

    place: Place
    what: str
    code: str = "bad-value"
    severity: MistakeSeverity = "error"
    nearest: str | None = None


class Mistakes:
    """What is wrong, in the order of the files. Its length is the number of errors."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Place, str], Mistake] = {}
        self._files: dict[str, int] = {}
        self._errors = 0

    def __len__(self) -> int:
        return self._errors

    def expect(self, file: str) -> None:
        """Mistakes of this file come before those of files not named yet."""
        self._files.setdefault(file, len(self._files))

    def add(
        self,
        place: Place,
        what: str,
        code: str = "bad-value",
        severity: MistakeSeverity = "error",
        nearest: str | None = None,
    ) -> None:
        """Note a mistake once."""
        self.expect(place.file)
        if (place, what) not in self._seen:
            self._seen[place, what] = Mistake(place, what, code, severity, nearest)
            self._errors += severity == "error"

    def unknown(self, place: Place, what: str, word: str, valid: Iterable[str], code: str = "") -> None:
        """Note an unknown word with the nearest valid one, or with all of them where none is near.

        The code is `unknown-` and the first word of `what`, where there is such a code.
        """
        names = list(valid)
        derived = f"unknown-{what.split()[0]}"
        code = code or (derived if derived in CODES else "unknown-word")
        self.add(place, f'unknown {what} "{word}"; {nearest(word, names)}', code, nearest=closest(word, names))

    def all(self) -> list[Mistake]:
        """The mistakes, file by file from the top."""
        return sorted(self._seen.values(), key=lambda one: (self._files[one.place.file], one))

    def lines(self) -> list[str]:
        """`file:line:column: what` of the errors, file by file from the top."""
        return [f"{one.place}: {one.what}" for one in self.all() if one.severity == "error"]

    def raise_if_any(self) -> None:
        """Raise a RulebookError with all lines."""
        if self._errors:
            raise RulebookError("\n".join(self.lines()))


def closest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name nearest to a word, or None where none is near.

    Near is a name of which one or two slips of the hand make the word, that begins with it, or that has most of its
    letters.
    """
    names = list(valid)
    slips = {name: _slips(word.casefold(), name.casefold()) for name in names}
    near = [name for name in names if slips[name] <= min(2, len(word) // 3)]
    if near:
        return min(near, key=lambda name: (slips[name], -SequenceMatcher(None, word, name).ratio()))
    longer = [name for name in names if len(word) > 2 and name.startswith(word)]
    return min(longer, key=len) if longer else next(iter(get_close_matches(word, names, n=1, cutoff=0.7)), None)


def _slips(one: str, two: str) -> int:
    """How many letters were left out, put in, mistaken or swapped with their neighbour; 3 for more than two."""
    if abs(len(one) - len(two)) > 2:
        return 3
    rows = [list(range(len(two) + 1))]
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(two, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == two[j - 2] and one[i - 2] == right:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return min(3, rows[-1][-1])


def nearest(word: str, valid: Iterable[str]) -> str:
    """The hint behind an unknown word."""
    names = list(valid)
    close = closest(word, names)
    if close:
        return f'the nearest is "{close}"'
    shown = ", ".join(sorted(names)[:12]) + (", ..." if len(names) > 12 else "")
    return f"expected one of {shown}" if names else "there is none"
