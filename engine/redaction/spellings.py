"""The ways a name is spelt in dumps and logs: letter case, short file name, escapes and the hex of a memory window."""

import re
import unicodedata

from .pseudonyms import compact

MIN_ENCODED = 4
"""Letters from which the bytes of a name are told from other bytes."""
_GAP = r"[\s-]?[\s-]?"


def pattern(name: str) -> str:
    """A regular expression, to be used without regard to case, for a name in all its spellings."""
    plain = " ".join(name.split())
    forms = dict.fromkeys(unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))
    found = ["".join(map(_letter, form)) for form in forms]
    if len(plain) >= MIN_ENCODED:
        found += _encoded(plain)
    base = compact(plain)
    if len(base) > 8 or base != plain:
        found.append(re.escape(base[:6]) + r"~\d{1,2}")
    return "|".join(found)


def _letter(letter: str) -> str:
    """A letter as itself and, where it is not ASCII, as the escapes of JSON and HTML."""
    if letter == " ":
        return r"\s+"
    if letter.isascii():
        return re.escape(letter)
    code = ord(letter)
    return rf"(?:{letter}|\\u{code:04x}|&#{code};|&#x{code:x};)"


def _encoded(name: str) -> list[str]:
    """As UTF-16 and ASCII in the hex and in the text column of a memory window, and as escapes."""
    cases = [sorted({ord(form) for form in (letter.lower(), letter.upper()) if len(form) == 1}) for letter in name]
    if any(not codes or codes[-1] > 0xFFFF for codes in cases):
        return []
    low = "{0:02x}" + _GAP + "00" if all(codes[-1] < 0x100 for codes in cases) else None
    writings = [("{0:04x}", _GAP), (r"\\{{1,4}}u{0:04x}", ""), ("&#0{{0,4}}{0};", ""), ("&#x0{{0,4}}{0:x};", "")]
    if low:
        writings.append((low, _GAP))
    if all(codes[-1] < 0x80 for codes in cases):
        writings += [("{0:02x}", _GAP), (r"\\{{1,4}}x{0:02x}", ""), ("%{0:02x}", "")]
    found = [between.join(_any(write, codes) for codes in cases) for write, between in writings]
    found.append(r"[.\x00]".join(map(re.escape, name)))
    # Little-endian double words: two letters each, the second one first; a last single one stands behind another.
    words = [cases[place : place + 2] for place in range(0, len(cases), 2)]
    swapped = [(_any("{0:04x}", word[1]) if word[1:] else "[0-9a-f]{4}") + _any("{0:04x}", word[0]) for word in words]
    found.append(_GAP.join(swapped))
    return found


def _any(write: str, codes: list[int]) -> str:
    return "(?:" + "|".join(write.format(code) for code in codes) + ")"
