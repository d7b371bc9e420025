"""How figures, names and raw lines are written in a report."""

import unicodedata

MISSING = "–"
MAX_CELL = 240
"""Longest name shown in a table or a sentence; the JSON report has it whole."""

_KIB = 1024
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_MAX_ACCENTS = 3


def count(value: float) -> str:
    """A whole number with thousands separators.

    >>> count(326514)
    '326,514'
    """
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """A percentage with one decimal, never rounded to 0 or to 100 when it is neither.

    >>> percent(87.64), percent(0.01), percent(99.98), percent(100)
    ('87.6 %', '< 0.1 %', '> 99.9 %', '100 %')
    """
    if 0 < value < 0.05:
        return "< 0.1 %"
    if 99.95 <= value < 100:
        return "> 99.9 %"
    return f"{value:,.1f}".removesuffix(".0") + " %"


def size(value: float) -> str:
    """Bytes in the largest binary unit that leaves at least one whole.

    >>> size(208968960), size(640)
    ('199.3 MiB', '640 bytes')
    """
    if abs(value) < _KIB:
        return f"{value:,.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        value /= _KIB
        if abs(value) < _KIB:
            return f"{value:,.1f} {unit}"
    return f"{value / _KIB:,.1f} TiB"


def duration(seconds: float) -> str:
    """A span of time in its two largest units.

    >>> duration(93784), duration(59)
    ('1 d 2 h', '59 s')
    """
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((place for place, (_, length) in enumerate(units) if seconds >= length), len(units) - 1)
    rest, parts = int(seconds), []
    for unit, length in units[first : first + 2]:
        amount, rest = divmod(rest, length)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts) or "0 s"


def ratio(value: float) -> str:
    """A quotient to three digits or more, without idle zeros.

    >>> ratio(640.0), ratio(49.83), ratio(2.5), ratio(177992.61)
    ('640', '49.8', '2.5', '177,993')
    """
    if abs(value) >= 1000:
        return count(value)
    text = f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def moment(text: str) -> str:
    """A moment as a log writes it, where it is one of UTC.

    >>> moment("2026-09-08T11:00:15+00:00"), moment("2026-02-11T09:00:00Z")
    ('2026-09-08 11:00:15 UTC', '2026-02-11 09:00:00 UTC')
    """
    for ending in ("+00:00", "Z"):
        if text.endswith(ending) and len(text) > len(ending) + 10:
            return text.removesuffix(ending).replace("T", " ", 1) + " UTC"
    return text


def clip(text: str, length: int) -> str:
    """A text cut in the middle, where names out of casefiles differ least, to at most `length` characters."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[head + 1 - length :]}"


def visible(text: str) -> str:
    """A text with every character that hides, reorders or cannot be encoded spelt out; tab and newline stay.

    Of accents stacked on one letter the first three stay: more of them run over the lines around.

    Names come from the machine that is examined: a right-to-left override in an image name must not turn the line.

    >>> visible("exe.gpj\\u202etxt")
    'exe.gpj[U+202E]txt'
    """
    if text.isascii() and text.isprintable():
        return text
    shown = []
    accents = 0
    for character in text:
        category = unicodedata.category(character)
        accents = accents + 1 if category in ("Mn", "Me") else 0
        hidden = category in _HIDDEN and character not in "\n\t"
        shown.append(f"[U+{ord(character):04X}]" if hidden or accents > _MAX_ACCENTS else character)
    return "".join(shown)
