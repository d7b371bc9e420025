"""Addresses in memory: one pseudonym for an address however it is written; offsets, counts and small values stay."""

import re
from collections.abc import Iterable

from ..facts import KINDS, Fact
from .pseudonyms import Pseudonyms

SMALLEST = 0x10000
"""Below lies no memory that Windows maps: null and error values."""
_KERNEL = 0x80000000

_NUMBER = re.compile(
    r"(?<![\w`+])(?P<prefix>0x)?(?P<digits>[0-9a-f]{8}`[0-9a-f]{8}|[0-9a-f]{4,16})(?![\w`])", re.IGNORECASE
)


class Addresses:
    """Replaces addresses: those of address fields wherever they stand, and in texts what is written like one."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._known: set[int] = set()
        self._numbers: set[int] = set()
        self._stamps: set[int] = set()

    def collect(self, facts: Iterable[Fact]) -> None:
        """Take the addresses of facts, and the figures that are none."""
        for fact in facts:
            spec = KINDS[fact.kind].fields if fact.kind in KINDS else {}
            for name, value in fact.fields.items():
                if isinstance(value, str):
                    number = _hex(value)
                    if number is not None and name in spec and spec[name].type == "address":
                        self._known.add(number)
                    elif number is not None and name in ("timestamp", "checksum"):
                        self._stamps.add(number)
                elif isinstance(value, int) and not isinstance(value, bool):
                    self._numbers.add(value)

    def field(self, value: str) -> str:
        """The value of an address field."""
        number = _hex(value)
        if number is None:
            return value if value.startswith("addr-") else self._pseudonyms.of("addr", value)
        return value if number < SMALLEST else self._given(number)

    def replaced(self, text: str) -> str:
        """A text without addresses."""
        return _NUMBER.sub(self._number, text)

    def _number(self, match: re.Match[str]) -> str:
        digits = match["digits"].replace("`", "")
        number = int(digits, 16)
        return self._given(number) if number >= SMALLEST and self._is_address(match, digits, number) else match[0]

    def _is_address(self, match: re.Match[str], digits: str, number: int) -> bool:
        if number in self._known:
            # The same digits may be a count; as many as an address has are none.
            return bool(match["prefix"]) or len(digits) >= 8 or not digits.isdecimal()
        if number in self._stamps:
            return False
        if match["prefix"] or "`" in match["digits"] or len(digits) == 16:
            return True
        if digits.isdecimal():
            return len(digits) == 8 and number >= _KERNEL and int(digits) not in self._numbers
        return len(digits) >= 8

    def _given(self, number: int) -> str:
        return self._pseudonyms.of("addr", f"{number:08x}")


def _hex(text: str) -> int | None:
    try:
        return int(text.replace("`", ""), 16)
    except ValueError:
        return None
