"""How much is redacted. Each level hides what those before it hide, and more."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from ..errors import UsageError


class Level(IntEnum):
    """`names`: users, machines, domains, their addresses and security ids, and the name of the casefile. `paths`: also
    folders and files that are not Windows' own. `images`: also programs and libraries that are neither Windows' own nor
    kernel modules. `addresses`: also addresses in memory.

    Drivers, their versions and companies, pool tags and Windows' own images stay: the vendor has to act on them.
    """

    NAMES = 1
    PATHS = 2
    IMAGES = 3
    ADDRESSES = 4

    @property
    def word(self) -> str:
        """The word of the command line."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Redaction:
    """What a user asks for: the level, and the file for the map of pseudonyms, if it is wanted."""

    level: Level
    map: Path | None = None


LEVELS = tuple(level.word for level in Level)


def level_of(word: str) -> Level:
    """The level of a word. Raises UsageError for another word."""
    if word not in LEVELS:
        raise UsageError(f"{word!r} is not a level of redaction; expected one of {', '.join(LEVELS)}")
    return Level[word.upper()]
