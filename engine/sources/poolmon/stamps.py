"""The date and time a script puts before each snapshot: `echo %date% %time%`, `date /t`, `Get-Date`, ISO 8601.

All of them follow the locale of the machine. Whether 03/04 is March or April shows only in the other stamps of the
file, so a stamp holds both readings until `settled` chooses.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

MAX_STAMP = 120
"""Characters of a line with a date; in longer ones the date is part of something else."""
_MAX_WORDS = 60
"""Characters beside the date: the weekday, `The current date is:`, a title."""

_STEMS = (
    "jan ene gen gennaio sty led oca tammi янв",
    "feb fev fév lut uno şub helmi фев",
    "mar mär mrt maa brez břez maalis мар",
    "apr avr abr kwi dub nis huhti апр",
    "may mai mag maj mei kvě touko май мая",
    "jun juin giu cze června haz kesä июн",
    "jul juil lug lip července tem heinä июл",
    "aug aou aoû ago sie srp ağu elo авг",
    "sep set wrz zář eyl syys сен",
    "oct okt out ott paź říj eki loka окт",
    "nov lis kas marras ноя",
    "dec déc dez dic gru pro ara joulu дек",
)
"""How the names of the months begin: English, German, French, Spanish, Italian, Portuguese, Dutch, the Scandinavian
languages, Polish, Czech, Turkish, Finnish, Russian."""

_NO_DAY = datetime(2000, 1, 1)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_YEAR_FIRST = re.compile(
    r"(?<![\d.])(?P<y>(?:19|20)\d\d)(?:[-/.]|年|년 ?)(?P<m>\d{1,2})(?:[-/.]|月|월 ?)(?P<d>\d{1,2})(?:日|일)?(?!\d)"
)
_COMPACT = re.compile(r"(?<!\d)(?P<y>20\d\d)(?P<m>\d\d)(?P<d>\d\d)(?=$|[-_T ]+\d{4,6}(?!\d))")
_NUMERIC = re.compile(
    r"(?<![\d.:])(?P<a>\d{1,2})(?P<mark>[-/.\\])\s?(?P<b>\d{1,2})(?P=mark)\s?(?P<y>(?:19|20)\d\d|\d\d(?![\d.,:]))(?!\d)"
)
_DAY_NAME = re.compile(
    r"(?<![\d:.,])(?P<d>\d{1,2})(?:\.|st|nd|rd|th|er|º|ª)?[\s-](?:\s?de\s)?(?P<month>[^\W\d_]{3,12})\.?,?[\s-](?:\s?de\s)?"
    r"(?P<y>(?:19|20)\d\d)(?!\d)"
)
_NAME_DAY = re.compile(
    r"(?P<month>[^\W\d_]{3,12})\.?\s{1,2}(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<time>\d{1,2}:\d\d:\d\d\s(?:[A-Z]{3,4}\s)?)?"
    r"(?P<y>(?:19|20)\d\d)(?!\d)"
)
_TIME = re.compile(
    r"(?<![\d.,:+-])(?P<h>\d{1,2})[:.](?P<m>\d\d)(?:[:.](?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?)?(?![\d:])"
    r"(?:\s?(?P<half>[AaPp])\.?\s?[Mm]\b\.?)?"
)
_COMPACT_TIME = re.compile(r"(?<=[-_T ])(?P<h>\d\d)(?P<m>\d\d)(?P<s>\d\d)?(?!\d)")
_ZONE = re.compile(
    r"\s?(?:(?P<utc>Z\b|\(?(?:UTC|GMT)\)?(?![+-]))|(?:UTC|GMT)?(?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)\b)"
)
_HALVES = re.compile(r"(?P<pm>下午|午後|오후)|上午|午前|오전")


def _plain(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


_MONTHS = {_plain(stem): number for number, stems in enumerate(_STEMS, 1) for stem in stems.split()}


@dataclass(frozen=True, slots=True)
class Stamp:
    """The readings of a line with a date, a time, or both; a reading that is no date is None.

    `zoned` says that the line gives its zone, so that the times are UTC. `dated` and `timed` say which half is there.
    """

    month_first: datetime | None
    day_first: datetime | None
    dated: bool
    timed: bool
    zoned: bool = False
    weekday: int | None = None
    american: bool = False

    @property
    def open(self) -> bool:
        """Whether the order of day and month matters."""
        return self.month_first is not None and self.day_first is not None and self.month_first != self.day_first


def stamp_of(text: str) -> Stamp | None:
    """The stamp in a line; None where it holds none, or too much beside it."""
    if len(text) > MAX_STAMP or not any(c.isdigit() for c in text):
        return None
    text = text.strip()
    date = _date(text)
    rest, month_first, day_first = date if date else (text, None, None)
    found = _TIME.search(rest) or (_COMPACT_TIME.search(rest) if date else None)
    if found is None and not date:
        return None
    clock, zone = timedelta(), None
    half = ""
    if found:
        groups = found.groupdict()
        half = (groups.get("half") or "").lower()
        far_east = _HALVES.search(rest)
        if far_east:
            half = "p" if far_east["pm"] else "a"
        hour, minute, second = int(groups["h"]), int(groups["m"]), int(groups["s"] or 0)
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        if hour > 23 or minute > 59 or second > 59:
            return None
        clock = timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=_milliseconds(groups.get("f")))
        zone = _ZONE.match(rest, found.end())
        rest = rest[: found.start()] + rest[zone.end() if zone else found.end() :]
    if len(rest.strip()) > _MAX_WORDS or sum(c.isdigit() for c in rest) > 4:
        return None
    if not date:
        month_first = day_first = _NO_DAY  # it is in the line before
    words = re.split(r"\W+", rest.casefold())
    named = (word[:3] for word in words if len(word) == 3 or word.endswith("day"))
    weekday = next((_WEEKDAYS.index(word) for word in named if word in _WEEKDAYS), None)
    offset = _offset(zone) if zone else timedelta()
    return Stamp(
        _moved(month_first, clock - offset),
        _moved(day_first, clock - offset),
        dated=date is not None,
        timed=found is not None,
        zoned=zone is not None,
        weekday=weekday,
        american=half != "",
    )


def joined(date: Stamp, time: Stamp) -> Stamp:
    """A date and a time from two lines, as `date /t` and `time /t` print them."""
    clock = (time.day_first or _NO_DAY) - _NO_DAY
    return replace(
        date,
        month_first=_moved(date.month_first, clock),
        day_first=_moved(date.day_first, clock),
        timed=True,
        zoned=time.zoned,
        american=time.american,
    )


def settled(stamps: Sequence[Stamp]) -> tuple[list[datetime | None], bool]:
    """The times of all stamps of a file, read alike, and whether day and month could be told apart."""
    if not any(stamp.open for stamp in stamps):
        return [_aware(stamp.month_first or stamp.day_first) for stamp in stamps], True
    by_month = [stamp.month_first for stamp in stamps]
    by_day = [stamp.day_first for stamp in stamps]
    for fits in (_all_there, _weekdays_fit, _in_order):
        month, day = fits(by_month, stamps), fits(by_day, stamps)
        if month != day:
            return [_aware(moment) for moment in (by_month if month else by_day)], True
    american = any(stamp.american or stamp.weekday is not None for stamp in stamps)
    return [_aware(moment) for moment in (by_month if american else by_day)], False


def _all_there(moments: Sequence[datetime | None], _: Sequence[Stamp]) -> bool:
    return None not in moments


def _weekdays_fit(moments: Sequence[datetime | None], stamps: Sequence[Stamp]) -> bool:
    pairs = zip(moments, stamps, strict=True)
    return all(stamp.weekday in (None, moment.weekday()) for moment, stamp in pairs if moment)


def _in_order(moments: Sequence[datetime | None], _: Sequence[Stamp]) -> bool:
    """Whether the times rise, and no two snapshots lie a month apart: 01/12 and 02/12 are two days."""
    known = [moment for moment in moments if moment]
    steps = [after - before for before, after in pairwise(known)]
    return all(timedelta() <= step < timedelta(days=27) for step in steps)


def _date(text: str) -> tuple[str, datetime | None, datetime | None] | None:
    """The rest of the line, and the day of both readings."""
    for pattern in (_YEAR_FIRST, _COMPACT):
        if match := pattern.search(text):
            day = _day(int(match["y"]), int(match["m"]), int(match["d"]))
            return (_without(text, match), day, day) if day else None
    for match in _names(text):
        month = _month(match["month"])
        day = _day(int(match["y"]), month, int(match["d"])) if month else None
        if day:
            time = match.groupdict().get("time") or ""
            return f"{text[: match.start()]} {time} {text[match.end() :]}", day, day
    if match := _NUMERIC.search(text):
        year, a, b = int(match["y"]), int(match["a"]), int(match["b"])
        year += 2000 if year < 100 else 0
        # Dots and dashes stand between day and month; a backslash in memsnap's head, which is American.
        month_first = _day(year, a, b) if match["mark"] in "/\\" else None
        day_first = _day(year, b, a) if match["mark"] != "\\" else None
        return (_without(text, match), month_first, day_first) if month_first or day_first else None
    return None


def _names(text: str) -> Iterator[re.Match[str]]:
    yield from _DAY_NAME.finditer(text)
    yield from _NAME_DAY.finditer(text)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _month(name: str) -> int | None:
    plain = _plain(name)
    return next((_MONTHS[plain[:size]] for size in range(len(plain), 2, -1) if plain[:size] in _MONTHS), None)


def _day(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day)
    except ValueError:
        return None


def _moved(moment: datetime | None, by: timedelta) -> datetime | None:
    return moment + by if moment else None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _milliseconds(digits: str | None) -> int:
    return int(f"{digits:0<3}"[:3]) if digits else 0


def _offset(zone: re.Match[str]) -> timedelta:
    if zone["utc"]:
        return timedelta()
    hours = timedelta(hours=int(zone["h"]), minutes=int(zone["m"]))
    return -hours if zone["sign"] == "-" else hours
