"""The checksum in a facts.json: against accident and careless editing, not against forgery, which computes it too."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

FIELD = "facts_sha256"
_OUTSIDE = frozenset({FIELD, "writer"})


def facts_sha256(document: Mapping[str, Any]) -> str:
    """SHA-256 over a facts.json without the checksum itself and its writer: its facts, its casefile with the hash of
    that, machine and redaction, as JSON in ASCII with sorted keys and no blanks.

    Raises ValueError or RecursionError for what cannot be written as JSON.
    """
    covered = {key: value for key, value in document.items() if key not in _OUTSIDE}
    text = json.dumps(covered, ensure_ascii=True, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
