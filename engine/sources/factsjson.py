"""facts.json: the facts of a case as written by `triage facts`, read back as a casefile.

Unknown kinds and unknown fields are kept and shown; a fact of a known kind whose value has the wrong type is refused.
Fields that derivation adds are read like all others and computed again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..errors import CasefileError
from ..facts import KINDS, Case, Casefile, Fact, new
from ..facts.case import CasefileKind
from ..facts.fact import MAX_TEXT, RESERVED, Value
from ..facts.vocabulary import QUALITIES

SCHEMA = "dumptriage/facts/1"
MAX_FACTS = 500_000
_KINDS_OF_FILE: tuple[CasefileKind, ...] = ("dump", "log", "poolmon", "facts")
_CONCLUSIONS = ("finding", "gap", "tag_group", "defect")
"""Kinds that inference and derivation make anew; reading them back would double them."""


def is_facts(head: bytes) -> bool:
    """Whether a file begins like facts.json: a JSON object whose schema is named early on."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith(b"{") and b'"dumptriage/facts/' in text


def read(data: bytes, name: str) -> list[Case]:
    """The one case in a facts.json. Raises CasefileError with one line for anything that is not of its form."""
    try:
        loaded = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CasefileError(f"{name} is not valid JSON ({error}); write it again with: triage facts CASEFILE") from None
    if not isinstance(loaded, dict) or loaded.get("schema") != SCHEMA:
        found = loaded.get("schema") if isinstance(loaded, dict) else type(loaded).__name__
        raise CasefileError(f"{name} has schema {found!r}, expected {SCHEMA!r}; use the version that wrote it")
    rows = loaded.get("facts")
    if not isinstance(rows, list) or len(rows) > MAX_FACTS:
        raise CasefileError(f"{name}: 'facts' must be a list of at most {MAX_FACTS:,} facts")
    case = Case(_casefile(loaded.get("casefile"), data, name))
    for number, row in enumerate(rows, 1):
        fact = _fact(row, number, name)
        if fact.kind not in _CONCLUSIONS:
            case.add(fact)
    case.add(
        new(
            "data_quality",
            source=name,
            problem="second-hand",
            subject="casefile",
            severity="info",
            text=f"The facts were read from {name} (SHA-256 {hashlib.sha256(data).hexdigest()}), which somebody could "
            "have edited, not from the casefile it names.",
        )
    )
    machine = loaded.get("machine")
    case.machine = machine if isinstance(machine, str) else None
    redaction = loaded.get("redaction")
    case.redaction = redaction[:MAX_TEXT] if isinstance(redaction, str) else None
    return [case]


def _casefile(given: Any, data: bytes, name: str) -> Casefile:
    """The file the facts were first read from, so that the report names the evidence and not its extract."""
    if isinstance(given, dict) and isinstance(given.get("name"), str) and isinstance(given.get("sha256"), str):
        size, kind = given.get("size"), given.get("kind")
        return Casefile(
            given["name"][:MAX_TEXT],
            given["sha256"][:64],
            size if isinstance(size, int) else 0,
            kind if kind in _KINDS_OF_FILE else "facts",
        )
    return Casefile(name, hashlib.sha256(data).hexdigest(), len(data), "facts")


def _fact(row: Any, number: int, name: str) -> Fact:
    where = f"{name}: fact {number}"
    if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
        raise CasefileError(f"{where} is not an object with a 'kind'")
    kind, quality = row["kind"], row.get("quality", "exact")
    if quality not in QUALITIES:
        raise CasefileError(f"{where} has quality {quality!r}, expected one of {', '.join(QUALITIES)}")
    fields = {str(key): value for key, value in row.items() if key not in RESERVED and value is not None}
    common: dict[str, Any] = {
        "source": _text(row, "source") or f"{name}: fact {number}",
        "verify": _text(row, "verify"),
        "quality": quality,
        "quote": _text(row, "quote"),
    }
    known = {key: value for key, value in fields.items() if kind in KINDS and key in KINDS[kind].fields}
    extra = {key: value for key, value in fields.items() if key not in known}
    try:
        fact = new(kind, **common, **known) if kind in KINDS else Fact(kind, kind, {}, **common)
    except (ValueError, TypeError) as error:
        raise CasefileError(f"{where}: {error}") from None
    return Fact(fact.kind, fact.id, {**fact.fields, **_flat(extra)}, **common)


def _flat(extra: Mapping[str, Any]) -> dict[str, Value]:
    """Fields this version does not know: plain values as they are, anything else as its JSON text."""
    flat: dict[str, Value] = {}
    for key, value in extra.items():
        if isinstance(value, str | bool | int | float):
            flat[key] = value[:MAX_TEXT] if isinstance(value, str) else value
        else:
            flat[key] = json.dumps(value)[:MAX_TEXT]
    return flat


def _text(row: Mapping[str, Any], key: str) -> str | None:
    value = row.get(key)
    return value[:MAX_TEXT] if isinstance(value, str) else None
