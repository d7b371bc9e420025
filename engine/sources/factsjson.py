"""facts.json: the facts of a case as written by `triage facts`, read back as a casefile.

Unknown kinds and unknown fields are kept and shown. A fact of a known kind whose value has the wrong type is refused,
unless the file is of a newer form: then what cannot be read is left out, and a note says so. Fields that derivation
adds are read like all others and computed again.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn, get_args

from ..errors import CasefileError
from ..facts import KINDS, Case, Casefile, Fact, digest, new, note
from ..facts.case import CasefileKind
from ..facts.fact import MAX_TEXT, RESERVED, Value
from ..facts.vocabulary import QUALITIES

SCHEMA = "dumptriage/facts/1"
MAX_FACTS = 500_000
MAX_NOTES = 20
_VERSION = 1
_SCHEMA = re.compile(r"dumptriage/facts/([1-9]\d{0,3})")
_CONCLUSIONS = ("finding", "gap", "tag_group", "defect")
"""Kinds that inference and derivation make anew; reading them back would double them."""


def is_facts(head: bytes) -> bool:
    """Whether a file begins like facts.json: a JSON object whose schema is named early on."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith(b"{") and b'"dumptriage/facts/' in text


def read(data: bytes, name: str) -> list[Case]:
    """The one case in a facts.json. Raises CasefileError with one line for anything that is not of its form."""
    loaded, version = _loaded(data, name)
    rows = loaded.get("facts")
    if not isinstance(rows, list) or len(rows) > MAX_FACTS:
        raise CasefileError(f"{name}: 'facts' must be a list of at most {MAX_FACTS:,} facts")
    case = Case(_casefile(loaded.get("casefile"), data, name))
    reader = _Newer(name) if version > _VERSION else _Reader(name)
    for number, row in enumerate(rows, 1):
        fact = reader.fact(row, number)
        if fact is not None and fact.kind not in _CONCLUSIONS:
            case.add(fact)
    case.extend(_notes(loaded, version, data, name))
    case.extend(reader.notes())
    machine = loaded.get("machine")
    case.machine = machine[:MAX_TEXT] if isinstance(machine, str) else None
    redaction = loaded.get("redaction")
    case.redaction = redaction[:MAX_TEXT] if isinstance(redaction, str) else None
    return [case]


def _loaded(data: bytes, name: str) -> tuple[dict[str, Any], int]:
    """The document and the version of its form."""
    try:
        loaded = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise CasefileError(f"{name} is not valid JSON ({error}); write it again with: triage facts CASEFILE") from None
    schema = loaded.get("schema") if isinstance(loaded, dict) else None
    form = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
    if not isinstance(loaded, dict) or form is None:
        found = schema if isinstance(loaded, dict) else type(loaded).__name__
        raise CasefileError(f"{name} has schema {found!r}, expected {SCHEMA!r}; use the version that wrote it")
    return loaded, int(form[1])


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _notes(loaded: Mapping[str, Any], version: int, data: bytes, name: str) -> list[Fact]:
    """That the facts are second-hand, whether they fit their checksum, and that their form is newer."""
    fits = _fits(loaded)
    text = (
        f"The facts were read from {name} (SHA-256 {hashlib.sha256(data).hexdigest()}), which somebody could have "
        "edited, not from the casefile it names."
    )
    notes = [
        _note(name, "second-hand", "info", f"{text} They fit the checksum they were written with." if fits else text)
    ]
    if fits is False:
        changed = f"{name} was changed after it was written: its facts do not fit the checksum in it."
        notes.append(_note(name, "second-hand", "warning", changed))
    if version > _VERSION:
        writer = loaded.get("writer")
        by = writer.get("version") if isinstance(writer, dict) else None
        written = f" (written by version {by[:40]})" if isinstance(by, str) else ""
        notes.append(
            _note(
                name,
                "not-understood",
                "warning",
                f"{name} is of form {version}{written}, this version knows form {_VERSION}: what it does not know is "
                "kept and shown, and no rule judges it.",
            )
        )
    return notes


def _fits(loaded: Mapping[str, Any]) -> bool | None:
    """Whether a document fits its checksum; None where it has none, as files written before there was one."""
    given = loaded.get(digest.FIELD)
    if not isinstance(given, str):
        return None
    try:
        return digest.facts_sha256(loaded) == given.lower()
    except (ValueError, RecursionError):
        return False


def _note(source: str, problem: str, severity: str, text: str) -> Fact:
    return note(problem, "casefile", text, source, severity=severity)


def _casefile(given: Any, data: bytes, name: str) -> Casefile:
    """The file the facts were first read from, so that the report names the evidence and not its extract."""
    if isinstance(given, dict) and isinstance(given.get("name"), str) and isinstance(given.get("sha256"), str):
        size, kind = given.get("size"), given.get("kind")
        return Casefile(
            given["name"][:MAX_TEXT],
            given["sha256"][:64],
            size if isinstance(size, int) else 0,
            next((known for known in get_args(CasefileKind) if known == kind), "facts"),
        )
    return Casefile(name, hashlib.sha256(data).hexdigest(), len(data), "facts")


class _Reader:
    """Reads the facts of a file of the form this version writes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def fact(self, row: Any, number: int) -> Fact | None:
        """The fact of one row. Raises CasefileError where it is none."""
        where = f"{self._name}: fact {number}"
        if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
            self._refused(f"{where} is not an object with a 'kind'")
            return None
        kind, quality = row["kind"][:MAX_TEXT], row.get("quality", "exact")
        if quality not in QUALITIES:
            quality = self._quality(f"{where} has quality {quality!r}, expected one of {', '.join(QUALITIES)}")
        fields = {str(key): value for key, value in row.items() if key not in RESERVED and value is not None}
        common: dict[str, Any] = {
            "source": _text(row, "source") or where,
            "verify": _text(row, "verify"),
            "quality": quality,
            "quote": _text(row, "quote"),
        }
        known = {key: value for key, value in fields.items() if kind in KINDS and key in KINDS[kind].fields}
        extra = {key: value for key, value in fields.items() if key not in known}
        fact = self._known(kind, common, known, where) if kind in KINDS else Fact(kind, kind, {}, **common)
        return Fact(fact.kind, fact.id, {**fact.fields, **_flat(extra)}, **common)

    def notes(self) -> list[Fact]:
        """What was left out."""
        return []

    def _known(self, kind: str, common: Mapping[str, Any], fields: Mapping[str, Any], where: str) -> Fact:
        try:
            return new(kind, **common, **fields)
        except (ValueError, TypeError) as error:
            raise CasefileError(f"{where}: {error}") from None

    def _quality(self, problem: str) -> str:
        raise CasefileError(problem)

    def _refused(self, problem: str) -> None:
        raise CasefileError(problem)


class _Newer(_Reader):
    """Reads a file of a newer form: what does not fit is left out and noted, a quality not known is no good one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._problems: list[str] = []

    def notes(self) -> list[Fact]:
        """What was left out, one note each up to a number."""
        shown = [f"{problem}; it was left out." for problem in self._problems[:MAX_NOTES]]
        more = len(self._problems) - len(shown)
        shown += [f"{more:,} more values or facts of {self._name} were left out."] if more else []
        return [_note(self._name, "not-understood", "info", text) for text in shown]

    def _known(self, kind: str, common: Mapping[str, Any], fields: Mapping[str, Any], where: str) -> Fact:
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            try:
                new(kind, source="", **{name: value})
                kept[name] = value
            except (ValueError, TypeError) as error:
                self._problems.append(f"{where}: {error}")
        return new(kind, **common, **kept)

    def _quality(self, problem: str) -> str:
        self._problems.append(problem)
        return "suspect"

    def _refused(self, problem: str) -> None:
        self._problems.append(problem)


def _flat(extra: Mapping[str, Any]) -> dict[str, Value]:
    """Fields this version does not know: plain values as they are, anything else as its JSON text."""
    flat: dict[str, Value] = {}
    for key, value in extra.items():
        if isinstance(value, str):
            flat[key] = value[:MAX_TEXT]
        elif isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            flat[key] = value
        else:
            flat[key] = json.dumps(value)[:MAX_TEXT]
    return flat


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    return value[:MAX_TEXT] if isinstance(value, str) else None
