"""What is known of pool tags, modules, process roles and vendors: the files in rules/known, ready to be asked."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import TypeVar

from . import rulefolder
from .defects import Defect, read_defects
from .mistakes import Mistakes, Place
from .rulefolder import MODULE_KEYS, SHIPPED, ParsedFile
from .yamlfile import Mapping, Node, Scalar
from .yamlfile import Sequence as YamlSequence

TAG_CLASSES = ("object", "companion", "generic", "specific", "cache", "reservation")
"""What a tag holds; tags.yaml explains each."""

_TAG_KEYS = ("tag", "owner", "class", "holds", "object", "leak", "normal", "mistaken_for", "third_party")
_VENDOR_KEYS = ("name", "product", "report_to", "asks", "drivers")
_ACTIVITY_KEYS = ("tag", "counter", "counts")
_ENTRY = {"tags": "tag", "vendors": "vendor", "defects": "defect", "activities": "activity"}
"""What one entry of a role is called."""
MAX_NAMED = 12
"""Entries one sentence names."""


@dataclass(frozen=True, slots=True)
class KnownTag:
    """One entry of tags.yaml; `tag` has four characters and may hold `?` for any one of them."""

    tag: str
    owner: str
    holds: str
    tag_class: str
    object: str | None = None
    leak: str | None = None
    normal: str | None = None
    mistaken_for: str | None = None
    third_party: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """One entry of vendors.yaml: drivers are file names without ending, in lower case."""

    name: str
    report_to: str
    drivers: tuple[str, ...]
    product: str | None = None
    asks: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of activities.yaml: every allocation of `of`, if it is a tag, is one of what `counts` names; a counter
    of Performance Monitor, `object\\counter` in lower case, is the number of them since boot."""

    of: str
    counts: str


@dataclass(frozen=True, slots=True)
class ListedTag:
    """What a list of the debugging tools says of a tag: its owner, if known, what it holds, and the list's name.

    A name in such a list is no proof of who leaks: several components may share a tag, and lists are years old.
    """

    owner: str | None
    holds: str
    source: str


@dataclass(frozen=True)
class TagList:
    """A pooltag.txt or localtag.txt: owner and meaning by tag of four characters, which may hold `?`."""

    name: str
    tags: MappingType[str, tuple[str | None, str]]

    @cached_property
    def _patterns(self) -> list[str]:
        return sorted((tag for tag in self.tags if "?" in tag), key=lambda tag: tag.count("?"))

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return _any_of(self._patterns)

    def find(self, tag: str) -> ListedTag | None:
        """What the list says of a tag; an exact entry wins over a pattern, the one with more letters over others."""
        name = tag if tag in self.tags else None
        if name is None and (match := self._expression.fullmatch(tag)) and match.lastindex:
            name = self._patterns[match.lastindex - 1]
        return ListedTag(*self.tags[name], self.name) if name is not None else None


@dataclass(frozen=True)
class Knowledge:
    """The known tags, modules, roles and vendors."""

    tags: tuple[KnownTag, ...]
    vendors: tuple[Vendor, ...]
    microsoft: frozenset[str]
    wrappers: frozenset[str]
    brokers: frozenset[str]
    hosts: frozenset[str]
    system: frozenset[str]
    programs: frozenset[str]
    defects: tuple[Defect, ...] = ()
    activities: tuple[Activity, ...] = ()
    lists: tuple[TagList, ...] = ()
    changes: tuple[str, ...] = ()
    """What is not as shipped, one sentence each."""

    @cached_property
    def _exact(self) -> dict[str, KnownTag]:
        return {entry.tag: entry for entry in self.tags if "?" not in entry.tag}

    @cached_property
    def _patterns(self) -> list[KnownTag]:
        """Patterns, those with most letters first: `GFil` before `G???`."""
        return sorted((entry for entry in self.tags if "?" in entry.tag), key=lambda entry: entry.tag.count("?"))

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return _any_of([entry.tag for entry in self._patterns])

    @cached_property
    def _vendor_of(self) -> dict[str, Vendor]:
        return {driver: vendor for vendor in self.vendors for driver in vendor.drivers}

    def tag(self, tag: str) -> KnownTag | None:
        """What is known of a tag of four characters; an exact entry wins over a pattern."""
        found = self._exact.get(tag)
        if found is not None:
            return found
        match = self._expression.fullmatch(tag)
        return self._patterns[match.lastindex - 1] if match and match.lastindex else None

    def listed(self, tag: str) -> ListedTag | None:
        """What the debugging tools' lists say of a tag, the first that names it."""
        return next((found for one in self.lists if (found := one.find(tag)) is not None), None)

    def object_tag(self, object_type: str) -> str | None:
        """The pool tag of an object type."""
        return next((entry.tag for entry in self.tags if entry.object == object_type), None)

    def vendor(self, module: str) -> Vendor | None:
        """The vendor of a driver by its file name."""
        return self._vendor_of.get(module_stem(module))

    def is_microsoft(self, module: str) -> bool:
        """Whether a module of that name comes with Windows."""
        return module_stem(module) in self.microsoft

    def is_third_party(self, module: str) -> bool | None:
        """Whether a module is another vendor's, by its name alone; None where the name says nothing."""
        if self.vendor(module):
            return True
        return False if self.is_microsoft(module) else None

    def is_common(self, image: str) -> bool:
        """Whether an image name says nothing of who runs it: Windows' own, or one of those rules know by name."""
        name = image.lower()
        return name in self.brokers or name in self.hosts or name in self.system or name in self.programs

    def role(self, image: str) -> str:
        """system, broker, host or user, by image name."""
        name = image.lower()
        if name in self.system or name.removesuffix(".exe") in self.system:
            return "system"
        if name in self.hosts:
            return "host"
        return "broker" if name in self.brokers else "user"


def module_stem(module: str) -> str:
    r"""The name of a module without path and ending, in lower case.

    >>> module_stem(r"\SystemRoot\System32\drivers\Npcap.sys")
    'npcap'
    """
    name = module.replace("/", "\\").rsplit("\\", 1)[-1].lower()
    for ending in (".sys", ".exe", ".dll"):
        name = name.removesuffix(ending)
    return name


def load_knowledge(folder: Traversable | None = None) -> Knowledge:
    """The knowledge in the `*.yaml` of a folder; the shipped one by default.

    Raises RulebookError with one line per mistake.
    """
    mistakes = Mistakes()
    knowledge = build(rulefolder.parse(rulefolder.read([folder or SHIPPED / "known"]), mistakes), (), mistakes)
    mistakes.raise_if_any()
    return knowledge


def build(parsed: Sequence[ParsedFile], lists: Sequence[TagList], mistakes: Mistakes) -> Knowledge:
    """The knowledge of these files: what folders of own rules say of a tag or defect goes over what is shipped.

    `lists` are the debugging tools' lists of tags, the one that goes over the others first. Mistakes are noted; the
    knowledge is then of no use.
    """
    changes: list[str] = []
    tags = _merged(parsed, "tags", _tags, mistakes, changes)
    vendors = _merged(parsed, "vendors", _vendors, mistakes, changes)
    names = _module_names(parsed, mistakes, changes)
    defects = _merged(parsed, "defects", _defects, mistakes, changes)
    activities = _merged(parsed, "activities", _activities, mistakes, changes)
    changes += [
        f"{one.name} with {len(one.tags):,} pool tags is used where the known tags say nothing." for one in lists
    ]
    return Knowledge(
        tags,
        vendors,
        microsoft=names["microsoft"],
        wrappers=names["wrappers"],
        brokers=names["brokers"],
        hosts=names["hosts"],
        system=names["system"],
        programs=names["programs"],
        defects=defects,
        activities=activities,
        lists=tuple(lists),
        changes=tuple(changes),
    )


Entry = TypeVar("Entry", KnownTag, Vendor, Defect, Activity)
Reader = Callable[[Node, Mistakes], Iterator[tuple[str, Place, Entry]]]


def _merged(
    parsed: Sequence[ParsedFile], role: str, read: Reader[Entry], mistakes: Mistakes, changes: list[str]
) -> tuple[Entry, ...]:
    """The entries of all files of a role by their name; one of a later folder replaces that of an earlier one."""
    found: dict[str, tuple[Entry, Place, str | None]] = {}
    counts: dict[str, tuple[list[str], list[str]]] = {}
    for one in parsed:
        origin = one.file.origin
        for name, place, entry in read(one.root, mistakes) if one.role == role else ():
            first = found.get(name)
            if first is not None and first[2] == origin:
                mistakes.add(place, f'{_ENTRY[role]} "{name}" stands at {first[1]} already', "duplicate")
            elif origin is not None:
                counts.setdefault(origin, ([], []))[first is not None].append(name.strip())
            found[name] = (entry, place, origin)
    for origin, (added, replaced) in counts.items():
        said = [f"adds {len(added)}"] if added else []
        said += [f"replaces {len(replaced)} ({', '.join(replaced[:MAX_NAMED])})"] if replaced else []
        changes.append(f"{origin} {' and '.join(said)} of the known {role}.")
    return tuple(entry for entry, _, _ in found.values())


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Tags with `?` for any letter as one expression, each a group, earlier ones first: a log has thousands of tags
    that no exact entry knows."""
    groups = ("".join("." if letter == "?" else re.escape(letter) for letter in one) for one in patterns)
    return re.compile("|".join(f"({group})" for group in groups), re.DOTALL)


def _tags(root: Node, mistakes: Mistakes) -> Iterator[tuple[str, Place, KnownTag]]:
    for row in _rows(root, "tags", mistakes):
        values = _texts(row, _TAG_KEYS, ("tag", "owner", "class", "holds"), mistakes)
        if values is None:
            continue
        tag = values["tag"].ljust(4)
        if len(tag) > 4:
            mistakes.add(row.place, f'tag "{tag}" has more than four characters')
        if values["class"] not in TAG_CLASSES:
            mistakes.unknown(row.place, "class", values["class"], TAG_CLASSES)
        entry = KnownTag(
            tag,
            values["owner"],
            values["holds"],
            values["class"],
            values.get("object"),
            values.get("leak"),
            values.get("normal"),
            values.get("mistaken_for"),
            values.get("third_party") == "true",
        )
        yield tag, row.place, entry


def _vendors(root: Node, mistakes: Mistakes) -> Iterator[tuple[str, Place, Vendor]]:
    for row in _rows(root, "vendors", mistakes):
        drivers = row.get("drivers") if isinstance(row, Mapping) else None
        values = _texts(row, _VENDOR_KEYS, ("name", "report_to"), mistakes, lists=("drivers",))
        if not isinstance(drivers, YamlSequence):
            mistakes.add(row.place, 'a vendor needs "drivers", a list of file names')
        elif values is not None:
            listed = tuple(item.text for item in drivers.items if isinstance(item, Scalar))
            entry = Vendor(values["name"], values["report_to"], listed, values.get("product"), values.get("asks"))
            # A vendor may stand once for each product.
            yield f"{entry.name}, {entry.product}" if entry.product else entry.name, row.place, entry


def _defects(root: Node, mistakes: Mistakes) -> Iterator[tuple[str, Place, Defect]]:
    yield from ((defect.id, place, defect) for place, defect in read_defects(root, mistakes))


def _activities(root: Node, mistakes: Mistakes) -> Iterator[tuple[str, Place, Activity]]:
    for row in _rows(root, "activities", mistakes):
        values = _texts(row, _ACTIVITY_KEYS, ("counts",), mistakes)
        if values is None:
            continue
        if ("tag" in values) == ("counter" in values):
            mistakes.add(row.place, 'an activity needs one of "tag" and "counter"')
            continue
        if len(values.get("tag", "")) > 4:
            mistakes.add(row.place, f'tag "{values["tag"]}" has more than four characters')
        of = values["tag"].ljust(4) if "tag" in values else values.get("counter", "").lower()
        yield of, row.place, Activity(of, values["counts"])


def _module_names(parsed: Sequence[ParsedFile], mistakes: Mistakes, changes: list[str]) -> dict[str, frozenset[str]]:
    names: dict[str, frozenset[str]] = dict.fromkeys(MODULE_KEYS, frozenset())
    for one in parsed:
        if one.role != "modules":
            continue
        # The first folder gives them all; own ones add to what they name.
        values = _texts(one.root, MODULE_KEYS, () if one.file.origin else MODULE_KEYS, mistakes) or {}
        before = sum(map(len, names.values()))
        names.update((key, names[key] | frozenset(text.split())) for key, text in values.items())
        added = sum(map(len, names.values())) - before
        changes += [f"{one.file.origin} adds {added} module names."] if one.file.origin and added else []
    # Names with blanks cannot stand in a list separated by blanks.
    names["system"] |= {"memory compression", "secure system"}
    return names


def _rows(root: Node, key: str, mistakes: Mistakes) -> tuple[Node, ...]:
    listed = root.get(key) if isinstance(root, Mapping) else None
    if not isinstance(listed, YamlSequence):
        mistakes.add(root.place, f'expected the key "{key}" with a list', "structure")
        return ()
    return listed.items


def _texts(
    row: Node, known: tuple[str, ...], needed: tuple[str, ...], mistakes: Mistakes, lists: tuple[str, ...] = ()
) -> dict[str, str] | None:
    """The single values of a mapping; None, after noting it, where one is missing or the row is none."""
    if not isinstance(row, Mapping):
        mistakes.add(row.place, f"expected a mapping with the keys {', '.join(needed)}", "structure")
        return None
    values: dict[str, str] = {}
    for key, place, node in row:
        if key not in known:
            mistakes.unknown(place, "key", key, known)
        elif isinstance(node, Scalar):
            values[key] = node.text
        elif key not in lists:
            mistakes.add(node.place, f'"{key}" needs a single value')
    missing = [key for key in needed if key not in values]
    if missing:
        mistakes.add(row.place, f"lacks {', '.join(missing)}", "missing-key")
        return None
    return values
