"""What is known of pool tags, modules, process roles and vendors: the files in rules/known, ready to be asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from . import yamlfile
from .mistakes import Mistakes, Place
from .yamlfile import Mapping, Node, Scalar, Sequence

TAG_CLASSES = ("object", "companion", "generic", "specific", "cache", "reservation")
"""What a tag holds; tags.yaml explains each."""

_TAG_KEYS = ("tag", "owner", "class", "holds", "object", "leak", "normal", "third_party")
_VENDOR_KEYS = ("name", "report_to", "drivers")
_MODULE_KEYS = ("microsoft", "wrappers", "brokers", "hosts", "system")


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
    third_party: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """One entry of vendors.yaml: drivers are file names without ending, in lower case."""

    name: str
    report_to: str
    drivers: tuple[str, ...]


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

    @cached_property
    def _exact(self) -> dict[str, KnownTag]:
        return {entry.tag: entry for entry in self.tags if "?" not in entry.tag}

    @cached_property
    def _patterns(self) -> list[KnownTag]:
        """Patterns, those with most letters first: `GFil` before `G???`."""
        return sorted((entry for entry in self.tags if "?" in entry.tag), key=lambda entry: entry.tag.count("?"))

    @cached_property
    def _vendor_of(self) -> dict[str, Vendor]:
        return {driver: vendor for vendor in self.vendors for driver in vendor.drivers}

    def tag(self, tag: str) -> KnownTag | None:
        """What is known of a tag of four characters; an exact entry wins over a pattern."""
        found = self._exact.get(tag)
        if found is not None:
            return found
        return next((entry for entry in self._patterns if _matches(entry.tag, tag)), None)

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
    """The knowledge in a folder that holds tags.yaml, vendors.yaml and modules.yaml; the shipped one by default.

    Raises RulebookError with one line per mistake.
    """
    folder = folder or files("dumptriage.rules") / "known"
    mistakes = Mistakes()
    tags = tuple(_tags(folder / "tags.yaml", mistakes))
    vendors = tuple(_vendors(folder / "vendors.yaml", mistakes))
    names = _module_names(folder / "modules.yaml", mistakes)
    mistakes.raise_if_any()
    return Knowledge(tags, vendors, *(names[key] for key in _MODULE_KEYS))


def _matches(pattern: str, tag: str) -> bool:
    return len(pattern) == len(tag) and all(p in ("?", t) for p, t in zip(pattern, tag, strict=True))


def _tags(file: Traversable, mistakes: Mistakes) -> Iterator[KnownTag]:
    first: dict[str, Place] = {}
    for row in _rows(file, "tags", mistakes):
        values = _texts(row, _TAG_KEYS, ("tag", "owner", "class", "holds"), mistakes)
        if values is None:
            continue
        tag = values["tag"].ljust(4)
        if len(tag) > 4 or tag in first:
            what = "has more than four characters" if len(tag) > 4 else f"stands at {first.get(tag)} already"
            mistakes.add(row.place, f'tag "{tag}" {what}')
        if values["class"] not in TAG_CLASSES:
            mistakes.unknown(row.place, "class", values["class"], TAG_CLASSES)
        first.setdefault(tag, row.place)
        yield KnownTag(
            tag,
            values["owner"],
            values["holds"],
            values["class"],
            values.get("object"),
            values.get("leak"),
            values.get("normal"),
            values.get("third_party") == "true",
        )


def _vendors(file: Traversable, mistakes: Mistakes) -> Iterator[Vendor]:
    for row in _rows(file, "vendors", mistakes):
        drivers = row.get("drivers") if isinstance(row, Mapping) else None
        values = _texts(row, _VENDOR_KEYS, ("name", "report_to"), mistakes, lists=("drivers",))
        if not isinstance(drivers, Sequence):
            mistakes.add(row.place, 'a vendor needs "drivers", a list of file names')
        elif values is not None:
            listed = tuple(item.text for item in drivers.items if isinstance(item, Scalar))
            yield Vendor(values["name"], values["report_to"], listed)


def _module_names(file: Traversable, mistakes: Mistakes) -> dict[str, frozenset[str]]:
    root = _root(file, mistakes)
    values = (_texts(root, _MODULE_KEYS, _MODULE_KEYS, mistakes) if root else None) or {}
    names = {key: frozenset(values.get(key, "").split()) for key in _MODULE_KEYS}
    # Names with blanks cannot stand in a list separated by blanks.
    names["system"] |= {"memory compression", "secure system"}
    return names


def _root(file: Traversable, mistakes: Mistakes) -> Node | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        mistakes.add(Place(str(file), 1, 1), f"cannot be read: {error}")
        return None
    return yamlfile.parse(str(file), text, mistakes)


def _rows(file: Traversable, key: str, mistakes: Mistakes) -> tuple[Node, ...]:
    root = _root(file, mistakes)
    listed = root.get(key) if isinstance(root, Mapping) else None
    if root is not None and not isinstance(listed, Sequence):
        mistakes.add(root.place, f'expected the key "{key}" with a list')
    return listed.items if isinstance(listed, Sequence) else ()


def _texts(
    row: Node, known: tuple[str, ...], needed: tuple[str, ...], mistakes: Mistakes, lists: tuple[str, ...] = ()
) -> dict[str, str] | None:
    """The single values of a mapping; None, after noting it, where one is missing or the row is none."""
    if not isinstance(row, Mapping):
        mistakes.add(row.place, f"expected a mapping with the keys {', '.join(needed)}")
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
        mistakes.add(row.place, f"lacks {', '.join(missing)}")
        return None
    return values
