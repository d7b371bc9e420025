"""Events in XML: what `wevtutil qe ... /f:xml` prints, with or without a root, and what Event Viewer copies or saves.

Each event is parsed by itself, so that a broken or cut one costs only itself. No document type is accepted, and with
it no entity other than the five of XML.
"""

import re
from collections.abc import Iterator
from xml.parsers import expat

from .event import Event, Leaf, count, moment, take

MAX_DEPTH = 16
MAX_LEAVES = 2000
MAX_EVENT = 1 << 20
"""Characters of one event."""

_ENDS = re.compile(r"<Event(?=[\s>])|</Event>")
_TREE_MARK = re.compile(r"^[ \t]*[-+][ \t]?(?=<)", re.MULTILINE)
"""The minus signs that come along when the tree of a browser or of Event Viewer is copied."""


class _Unreadable(Exception):  # noqa: N818 - not an error to the user: the event is counted as not read
    """An event deeper or larger than any Windows writes."""


def events(text: str) -> Iterator[Event | None]:
    """The events of a text, None for each that cannot be read."""
    line, counted = 1, 0
    start: int | None = None
    for found in _ENDS.finditer(text):
        if found.group() != "</Event>":
            if start is not None:  # it has no end
                yield None
            start = found.start()
        elif start is not None:
            line += text.count("\n", counted, start)
            counted = start
            whole = found.end() - start <= MAX_EVENT
            yield _event(_TREE_MARK.sub("", text[start : found.end()]), line) if whole else None
            start = None
    if start is not None:
        yield None


def _event(text: str, line: int) -> Event | None:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, _Unreadable, ValueError):
        return None
    return _made(reader, line)


def _refuse(*_: object) -> None:
    raise _Unreadable


class _Reader:
    """Collects the leaves and attributes of an event."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self.leaves: list[Leaf] = []
        self.attributes: dict[tuple[str, str], str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        self._text = []
        if len(self._path) > MAX_DEPTH:
            raise _Unreadable
        for key, value in list(attributes.items())[:8]:
            self.attributes.setdefault((self._path[-1], key), value)

    def end(self, _: str) -> None:
        name = self._path.pop()
        value = "".join(self._text).strip()
        if value:
            self.leaves.append(Leaf(tuple(self._path), name, value))
        if len(self.leaves) > MAX_LEAVES:
            raise _Unreadable
        self._text = []

    def characters(self, text: str) -> None:
        self._text.append(text)


def _made(reader: _Reader, line: int) -> Event:
    event = Event(line)
    event.provider = reader.attributes.get(("Provider", "Name"), "")[:260]
    event.time = moment(reader.attributes.get(("TimeCreated", "SystemTime"), ""))
    event.zoned = True
    for leaf in reader.leaves:
        if leaf.parents[-1:] == ("System",) and leaf.name == "EventID":
            event.number = count(leaf.value)
        elif leaf.parents[-1:] == ("System",) and leaf.name == "Computer":
            event.computer = leaf.value[:260]
        elif leaf.name == "Message":
            event.text = leaf.value
        elif leaf.name == "Data" and not event.text:
            event.text = leaf.value  # of a message box, all it said
    take(event, reader.leaves)
    event.complete()
    return event
