"""What is known of pool tags, modules, process roles and vendors: the files in rules/known, ready to be asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from .errors import RulebookError

Model = TypeVar("Model", bound=BaseModel)

TagClass = Literal["object", "companion", "generic", "specific", "cache", "reservation"]


class KnownTag(BaseModel):
    """One entry of tags.yaml; `tag` may hold `?` for any one character."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)

    tag: str
    owner: str
    holds: str
    object: str | None = None
    leak: str | None = None
    normal: str | None = None
    third_party: bool = False
    tag_class: TagClass


class Vendor(BaseModel):
    """One entry of vendors.yaml: drivers are file names without ending, in lower case."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    report_to: str
    drivers: list[str]


@dataclass(frozen=True)
class Knowledge:
    """The known tags, modules, roles and vendors."""

    tags: tuple[KnownTag, ...]
    vendors: tuple[Vendor, ...]
    microsoft: frozenset[str]
    wrappers: frozenset[str]
    brokers: frozenset[str]
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

    def role(self, image: str) -> str:
        """system, broker or user, by image name."""
        name = image.lower()
        if name in self.system or name.removesuffix(".exe") in self.system:
            return "system"
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
    mistakes: list[str] = []
    tags = [_tag_entry(row) for row in _rows(folder / "tags.yaml", "tags", mistakes)]
    known_tags = _validated(KnownTag, folder / "tags.yaml", tags, mistakes)
    vendor_rows = _rows(folder / "vendors.yaml", "vendors", mistakes)
    vendors = _validated(Vendor, folder / "vendors.yaml", vendor_rows, mistakes)
    modules = _read(folder / "modules.yaml", mistakes)
    _refuse_twice(folder / "tags.yaml", [entry.tag for entry in known_tags], mistakes)
    if mistakes:
        raise RulebookError("\n".join(mistakes))
    return Knowledge(
        tuple(known_tags),
        tuple(vendors),
        microsoft=_names(modules, "microsoft"),
        wrappers=_names(modules, "wrappers"),
        brokers=_names(modules, "brokers"),
        system=_names(modules, "system") | {"memory compression", "secure system"},
    )


def _matches(pattern: str, tag: str) -> bool:
    return len(pattern) == len(tag) and all(p in ("?", t) for p, t in zip(pattern, tag, strict=True))


def _tag_entry(row: Any) -> Any:
    """The row with its tag at four characters and `class` under the name Python allows."""
    if not isinstance(row, dict):
        return row
    entry = {("tag_class" if key == "class" else key): value for key, value in row.items()}
    if isinstance(entry.get("tag"), str):
        entry["tag"] = entry["tag"].ljust(4)
    return entry


def _read(file: Traversable, mistakes: list[str]) -> dict[str, Any]:
    try:
        loaded = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except OSError as error:
        mistakes.append(f"{file.name}: cannot be read: {error.strerror}")
        return {}
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file.name}:{mark.line + 1}:{mark.column + 1}" if mark else file.name
        mistakes.append(f"{where}: {error.problem}")
        return {}
    if not isinstance(loaded, dict):
        mistakes.append(f"{file.name}: holds {type(loaded).__name__}, expected a mapping")
        return {}
    return loaded


def _rows(file: Traversable, key: str, mistakes: list[str]) -> list[Any]:
    loaded = _read(file, mistakes)
    rows = loaded.get(key)
    if loaded and not isinstance(rows, list):
        mistakes.append(f"{file.name}: expected a list under '{key}:'")
    return rows if isinstance(rows, list) else []


def _validated(model: type[Model], file: Traversable, rows: Iterable[Any], mistakes: list[str]) -> list[Model]:
    entries = []
    for number, row in enumerate(rows, 1):
        try:
            entries.append(model.model_validate(row))
        except ValidationError as error:
            name = next(iter(row.values()), "") if isinstance(row, dict) else row
            for problem in error.errors():
                field = ".".join(str(part) for part in problem["loc"])
                mistakes.append(f"{file.name}: entry {number} ({name}): {field}: {problem['msg']}")
    return entries


def _refuse_twice(file: Traversable, tags: list[str], mistakes: list[str]) -> None:
    seen: set[str] = set()
    for tag in tags:
        if tag in seen:
            mistakes.append(f"{file.name}: tag '{tag}' stands there twice")
        seen.add(tag)


def _names(modules: dict[str, Any], key: str) -> frozenset[str]:
    return frozenset(str(modules.get(key, "")).split())
