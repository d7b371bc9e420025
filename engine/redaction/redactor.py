"""The redactor: finds what must go in all cases of a casefile, then replaces it in every text of their facts."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ..diagnosis import Condition, Diagnosis
from ..facts import KINDS, Case, Fact
from ..facts.fact import Value, fact_id
from ..facts.history import History
from ..knowledge import Knowledge, module_stem
from . import paths
from .addresses import Addresses
from .finders import PSEUDONYM, domains_of, find
from .images import Images
from .levels import LEVELS, Level, Redaction, level_of
from .pseudonyms import Pseudonyms
from .spellings import pattern
from .words import RESERVED, WORD_FIELDS

MAP_SCHEMA = "dumptriage/redaction/1"

_MIN_INSIDE = 5
"""Letters from which a name is replaced even inside another word."""
_ENDINGS = (".log", ".txt", ".dmp", ".mdmp", ".kdmp", ".hdmp", ".json")
_KIND_ENDINGS: Mapping[str, str] = {"dump": ".dmp", "log": ".log", "poolmon": ".log", "facts": ".json"}


class Redactor:
    """Redacts the cases of one casefile to one level. The same secret gets the same pseudonym in all of them."""

    def __init__(self, redaction: Redaction, knowledge: Knowledge) -> None:
        self.redaction = redaction
        self.level = redaction.level
        self._pseudonyms = Pseudonyms()
        self._knowledge = knowledge
        self._images = Images(self._pseudonyms, knowledge)
        self._addresses = Addresses(self._pseudonyms)
        self._files: dict[str, str] = {}
        self._names: re.Pattern[str] | None = None
        self._named: dict[str, str] = {}
        self._modules: set[str] = set()

    def cases(self, cases: Sequence[Case], *files: str) -> list[Case]:
        """The cases redacted; `files` are further names of the file they were read from.

        Raises CasefileError where the casefile holds more names than can be looked for.
        """
        for case in cases:
            self._take_files(case, files)
        self._files = dict(sorted(self._files.items(), key=lambda each: -len(each[0])))  # a.log.1 before a.log
        computers = [name for case in cases for system in case.of("system") if (name := system.text("computer"))]
        for name in computers:
            if not PSEUDONYM.fullmatch(name):
                self._pseudonyms.of("host", name)
        texts = [text for case in cases for text in _texts(case)]
        found = [(one.kind, text[one.start : one.end].strip()) for text in texts for one in find(text)]
        # Short file names find their long form only where that is known already.
        for kind, name in sorted(dict.fromkeys(found), key=lambda each: "~" in each[1]):
            self._pseudonyms.of(kind, name)
        hosts = {name for kind, name in found if kind == "host"}
        for name in dict.fromkeys(domain for text in texts for domain in domains_of(hosts, text)):
            self._pseudonyms.of("domain", name)
        self._pseudonyms.check()
        self._prepare()
        for case in cases:
            self._modules.update(module_stem(str(fact.get("name"))) for fact in case.of("module"))
        if self.level >= Level.IMAGES:
            self._images.collect(fact for case in cases for fact in case.facts)
        if self.level >= Level.ADDRESSES:
            self._addresses.collect(fact for case in cases for fact in case.facts)
        return [self._case(case) for case in cases]

    def text(self, text: str) -> str:
        """A text with everything replaced that the level hides."""
        for file, given in self._files.items():
            text = re.sub(rf"(?<!\w){re.escape(file)}(?!\w)", given, text, flags=re.IGNORECASE)
        text = self._without_names(text)
        if self.level >= Level.PATHS:
            text = paths.replaced(text, self._pseudonyms)
        if self.level >= Level.IMAGES:
            text = self._images.replaced(text)
        if self.level >= Level.ADDRESSES:
            text = self._addresses.replaced(text)
        return text

    def diagnosis(self, diagnosis: Diagnosis) -> Diagnosis:
        """A diagnosis without the folders on this machine that own rules are from; the rest is of redacted facts."""

        def origin(name: str | None) -> str | None:
            return None if name is None else self.text(name)

        def asked(one: Condition) -> Condition:
            needed = tuple(self.text(each) if isinstance(each, str) else each for each in one.needed)
            return replace(one, needed=needed, origin=origin(one.origin))

        conditions = {finding: tuple(map(asked, found)) for finding, found in diagnosis.conditions.items()}
        return replace(
            diagnosis,
            conditions=conditions,
            findings=tuple(replace(each, origin=origin(each.origin)) for each in diagnosis.findings),
            outcomes=tuple(
                replace(each, origin=origin(each.origin), near=asked(each.near) if each.near else None)
                for each in diagnosis.outcomes
            ),
            rulebook=replace(diagnosis.rulebook, changes=tuple(map(self.text, diagnosis.rulebook.changes))),
        )

    def document(self) -> dict[str, object]:
        """The map: every pseudonym that was given, with the spellings it stands for."""
        given: dict[str, list[str]] = {}
        for name, pseudonym in self._files.items():
            given.setdefault(pseudonym, []).append(name)
        return {"schema": MAP_SCHEMA, "level": self.level.word, "pseudonyms": {**given, **self._pseudonyms.document()}}

    def _case(self, case: Case) -> Case:
        file = case.casefile
        name = self._files.get(file.name, file.name)
        redacted = Case(
            replace(file, name=name),
            (self._fact(fact) for fact in case.facts),
            None if case.machine is None else self.text(case.machine),
            case.number,
        )
        before = case.redaction
        redacted.history = None if case.history is None else self._history(case.history)
        redacted.redaction = max(self.level, level_of(before) if before in LEVELS else self.level).word
        return redacted

    def _history(self, history: History) -> History:
        return History(
            [replace(moment, source=self.text(moment.source)) for moment in history.moments],
            [
                replace(
                    readings,
                    subjects=tuple(
                        {name: self._value("growth", name, value) for name, value in subject.items()}
                        for subject in readings.subjects
                    ),
                    verify=None if readings.verify is None else self.text(readings.verify),
                )
                for readings in history.readings
            ],
        )

    def _fact(self, fact: Fact) -> Fact:
        fields = {name: self._value(fact.kind, name, value) for name, value in fact.fields.items()}
        return Fact(
            fact.kind,
            fact_id(fact.kind, fields) if fact.kind in KINDS else self.text(fact.id),
            fields,
            self.text(fact.source),
            None if fact.verify is None else self.text(fact.verify),
            fact.quality,
            None if fact.quote is None else self.text(fact.quote),
        )

    def _value(self, kind: str, name: str, value: Value) -> Value:
        if not isinstance(value, str) or _is_word(kind, name) or _is_microsoft(name, value):
            return value
        spec = KINDS[kind].fields.get(name) if kind in KINDS else None
        if spec is not None and spec.type == "address":
            return self._addresses.field(value) if self.level >= Level.ADDRESSES else value
        if (kind, name) == ("system", "computer") and not PSEUDONYM.fullmatch(value):
            return self._pseudonyms.of("host", value)
        return self.text(value)

    def _take_files(self, case: Case, files: Iterable[str]) -> None:
        """The names of the casefile, or of each of several that were compared."""
        snapshots = case.of("snapshot")
        named = [fact.text("name") or "" for fact in snapshots]
        if len(snapshots) < 2:
            self._take_file("casefile", case.casefile.kind, [case.casefile.name, *named, *files])
            return
        for number, (name, fact) in enumerate(zip(named, snapshots, strict=True), 1):
            given = [file for file in files if file == name or name.endswith(f" in {file}")]
            self._take_file(f"casefile-{number}", fact.text("source_kind") or "log", [name, *given])
        self._take_file("casefile", case.casefile.kind, [case.casefile.name, *files])

    def _take_file(self, given: str, kind: str, names: Iterable[str]) -> None:
        """A file's own name, that of the archive it lay in, and stems that are no plain word."""
        forms: list[str] = []
        for name in names:
            inner, _, outer = name.partition(" in ")
            forms += [name, inner, outer]
        ending = next((each for each in _ENDINGS if forms[1].lower().endswith(each)), _KIND_ENDINGS.get(kind, ".log"))
        for file in dict.fromkeys(forms):
            stem = file.partition(".")[0]
            for form in (file, stem if len(stem) >= _MIN_INSIDE and not stem.isalpha() else ""):
                if form:
                    self._files.setdefault(form, f"{given}{ending if form == file else ''}")

    def _prepare(self) -> None:
        """One expression for all names in all spellings, longest first."""
        names = [
            (secret, given)
            for given, secrets in self._pseudonyms.document().items()
            for secret in secrets
            if len(secret) > 1 and secret.casefold() not in RESERVED
        ]
        names.sort(key=lambda each: -len(each[0]))
        self._named = {f"n{number}": given for number, (_, given) in enumerate(names)}
        if names:
            groups = (f"(?P<n{number}>{pattern(secret)})" for number, (secret, _) in enumerate(names))
            self._names = re.compile("|".join(groups), re.IGNORECASE)

    def _without_names(self, text: str) -> str:
        spans = sorted(((one.start, one.end, one.kind) for one in find(text)), key=lambda each: (each[0], -each[1]))
        pieces: list[str] = []
        at = 0
        for start, end, kind in spans:
            if start >= at:
                name = text[start:end]
                pieces += [text[at:start], self._pseudonyms.of(kind, name.strip()) + name[len(name.rstrip()) :]]
                at = end
        text = "".join([*pieces, text[at:]])
        return self._names.sub(self._name, text) if self._names else text

    def _name(self, match: re.Match[str]) -> str:
        """The pseudonym of a name, unless what was found is a piece of a word that means something else."""
        text, (start, end) = match.string, match.span()
        left, right = start, end
        while left > 0 and text[left - 1].isalnum():
            left -= 1
        while right < len(text) and text[right].isalnum():
            right += 1
        if (left, right) != (start, end):
            word = text[left:right].lower()
            inside = end - start >= _MIN_INSIDE and word not in RESERVED and word not in self._modules
            if not inside or self._knowledge.is_common(f"{word}.exe") or self._knowledge.is_microsoft(word):
                return match[0]
        return self._named[str(match.lastgroup)]


def _is_microsoft(name: str, value: str) -> bool:
    """Whether it is the company the rules know system drivers by, whatever a domain or user is called."""
    return name in ("company", "vendor") and value.lower().startswith("microsoft")


def _is_word(kind: str, name: str) -> bool:
    """Whether a field holds words that are no secrets; of kinds that are not known here nobody can tell."""
    return kind in KINDS and name in WORD_FIELDS and name in KINDS[kind].fields


def _texts(case: Case) -> Iterator[str]:
    """Every text of a case that may hold a name."""
    if case.machine is not None:
        yield case.machine
    for fact in case.facts:
        for name, value in fact.fields.items():
            if isinstance(value, str) and not _is_word(fact.kind, name):
                yield value
        yield from (text for text in (fact.source, fact.verify, fact.quote) if text)
