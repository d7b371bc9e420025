r"""Events as text: `wevtutil qe ... /f:text`, `Get-WinEvent | fl`, and what Event Viewer copies.

    Log Name:      System
    Source:        Microsoft-Windows-Resource-Exhaustion-Detector
    Date:          4/1/2026 5:18:53 PM
    Event ID:      2004
    Computer:      SRV01
    Description:
    Windows successfully diagnosed a low virtual memory condition. ... app.exe (5120) consumed 11282399232 bytes, ...

The tree that Event Viewer shows of the details is read too (`SystemCommitLimit 12839264256`).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from .event import Event, Leaf, count, moment, take

MAX_TEXT = 8000
"""Characters kept of a description."""
MAX_LEAVES = 2000

_KEYS = {
    "source": "provider",
    "event source": "provider",
    "providername": "provider",
    "provider name": "provider",
    "quelle": "provider",
    "origen": "provider",
    "event id": "id",
    "eventid": "id",
    "id": "id",
    "instanceid": "id",
    "ereignis-id": "id",
    "id de l'événement": "id",
    "id. del evento": "id",
    "id. de evento": "id",
    "date": "time",
    "timecreated": "time",
    "timegenerated": "time",
    "timewritten": "time",
    "datum": "time",
    "fecha": "time",
    "computer": "computer",
    "computer name": "computer",
    "machinename": "computer",
    "ordinateur": "computer",
    "equipo": "computer",
    "description": "text",
    "message": "text",
    "beschreibung": "text",
    "descripción": "text",
}
_FIRST = frozenset({"log name", "protokollname", "nom du journal", "nombre de registro", "event type"})
"""Keys a record begins with."""

_KEY = re.compile(r"\s*(?P<key>[^\W\d_][\w .'’-]{0,30}?)\s{0,20}:(?:\s+(?P<value>.{0,4000}))?$")
_NUMBERED = re.compile(r"\s*Event\s?\[\d{1,9}\]:?\s*$", re.IGNORECASE)
_XML_BEGINS = re.compile(r"\s*(?:Event Xml|Ereignis-XML|XML.{1,30})\s*:\s*$", re.IGNORECASE)
_TREE = re.compile(r"[\s+-]*(?P<name>[A-Za-z][\w]{1,40})(?:\s+(?P<value>\S.{0,260}))?$")
_ATTRIBUTE = re.compile(r"[\s+-]*\[\s*(?P<name>\w{1,40})\]\s*(?P<value>\S.{0,260})$")
_SECTIONS = re.compile(
    r"(?:System|UserData|EventData|SystemInfo|PagedPoolInfo|NonPagedPoolInfo|ProcessInfo|Process_\d{1,4}|Tag_\d{1,4})$"
)
_LOCAL = re.compile(
    r"(?P<a>\d{1,2})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<year>\d{4})[ ,]\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2}))?(?:\s?(?P<half>[AP])\.?M\.?)?\s*$",
    re.IGNORECASE,
)


def events(text: str) -> Iterator[Event]:
    """The events of a text, in its order."""
    record = _Record(1)
    for number, line in enumerate(text.splitlines(), 1):
        if _NUMBERED.match(line) or record.begins(line):
            yield from record.made()
            record = _Record(number)
        record.take(line)
    yield from record.made()


class _Record:
    """One event while its lines are read."""

    def __init__(self, line: int) -> None:
        self._event = Event(line)
        self._fields: dict[str, str] = {}
        self._keys: set[str] = set()
        self._text: list[str] = []
        self._leaves: list[Leaf] = []
        self._path: list[str] = []
        self._in_text = self._over = False
        self._length = 0

    def begins(self, line: str) -> bool:
        """Whether the next event begins with this line."""
        if not self._fields and not self._leaves:
            return False
        match = _KEY.match(line)
        key = _plain(match["key"]) if match else line.strip().lstrip("+- ")
        if key == "System" and self._leaves:
            return True
        if _KEYS.get(key) == "id":  # `Get-EventLog | fl *` gives an EventID and an InstanceId for each
            return key in self._keys or ("id" in self._fields and key != "instanceid")
        if key == "timecreated":  # first of `Get-WinEvent | fl`, far behind in `fl *`
            return "time" in self._fields
        if key == "message":  # first of `fl *`
            return "id" in self._fields and key in self._keys and line[:1].strip() != ""
        return key in _FIRST and bool(self._fields)

    def take(self, line: str) -> None:
        """Read one line."""
        if self._over or not line.strip():
            return
        if _XML_BEGINS.match(line):  # the same once more, read as XML
            self._over = True
            return
        match = _KEY.match(line)
        meaning = _KEYS.get(_plain(match["key"])) if match else None
        if match and meaning and meaning not in self._fields:
            self._fields[meaning] = (match["value"] or "").strip()
            self._keys.add(_plain(match["key"]))
            self._in_text = meaning == "text"
        elif self._in_text and not (match and line[:1].strip() and not match["value"]):
            if self._length < MAX_TEXT:
                self._text.append(line.strip())
                self._length += len(line)
        elif not match:
            self._take_tree(line)

    def _take_tree(self, line: str) -> None:
        attribute = _ATTRIBUTE.match(line)
        if attribute:
            if attribute["name"] == "SystemTime":
                self._event.time, self._event.zoned = moment(attribute["value"]), True
            elif attribute["name"] == "Name" and "provider" not in self._fields:
                self._fields["provider"] = attribute["value"].strip()
            return
        match = _TREE.match(line)
        if match is None or len(self._leaves) >= MAX_LEAVES:
            return
        name, value = match["name"], match["value"]
        if value is None:
            if _SECTIONS.match(name):
                keep = 1 if name.startswith(("Process_", "Tag_")) else 0
                self._path = [*[part for part in self._path if part.endswith("Info")][-1:], name] if keep else [name]
        elif name == "EventID" and "id" not in self._fields:
            self._fields["id"] = value.split()[0]
            self._leaves.append(Leaf((), name, value))
        elif name == "Computer" and "computer" not in self._fields:
            self._fields["computer"] = value
        else:
            self._leaves.append(Leaf(tuple(self._path), name, value.strip()))

    def made(self) -> Iterator[Event]:
        """The event, where the lines name one."""
        event = self._event
        number = count(self._fields.get("id", "").split(" ")[0])
        event.number = number & 0xFFFF if number is not None else None  # InstanceId has severity bits above the id
        event.provider = self._fields.get("provider", "")[:260]
        event.computer = self._fields.get("computer", "")[:260]
        event.text = " ".join([self._fields.get("text", ""), *self._text]).strip()[:MAX_TEXT]
        if event.time is None:
            event.time, event.zoned = _time(self._fields.get("time", ""))
        take(event, self._leaves)
        if not event.provider and event.figures:
            event.provider, event.number = "Microsoft-Windows-Resource-Exhaustion-Detector", 2004
        if event.provider and event.number is not None:
            event.complete()
            yield event


def _plain(key: str) -> str:
    return " ".join(key.casefold().replace("’", "'").split())


def _time(text: str) -> tuple[datetime | None, bool]:
    """A time of a text, and whether its offset from UTC is known."""
    try:
        zoned = datetime.fromisoformat(text.strip()).tzinfo is not None
    except ValueError:
        return _local(text), False
    return moment(text), zoned


def _local(text: str) -> datetime | None:
    """A time as a country writes it; None where 4/5 may be of April or of May."""
    match = _LOCAL.match(text.strip())
    if match is None:
        return None
    first, second, hour = int(match["a"]), int(match["b"]), int(match["hour"])
    half = (match["half"] or "").upper()
    if match["mark"] == "/":
        if not half and first <= 12 and second <= 12 and first != second:
            return None
        month, day = (second, first) if first > 12 else (first, second)
    else:
        day, month = first, second
    if half:
        hour = hour % 12 + (12 if half == "P" else 0)
    try:
        return datetime(
            int(match["year"]), month, day, hour, int(match["minute"]), int(match["second"] or 0), tzinfo=UTC
        )
    except ValueError:
        return None
