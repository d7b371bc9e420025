"""Image names of programs and libraries. Windows' own stay, and so do kernel modules: the vendor has to know them."""

import re
from collections.abc import Iterable

from ..facts import Fact
from ..knowledge import Knowledge, module_stem
from .finders import PSEUDONYM
from .pseudonyms import CUT, Pseudonyms

_FIELDS = ("image", "owner_image", "holder_image", "parent_image", "start_module")
_ENDINGS = ("exe", "com", "scr", "dll", "ocx", "cpl", "ax", "drv")
_FILE = re.compile(r"(?<![\w.$~+-])[\w.$~+-]{0,200}\w\.(?:exe|scr|dll|ocx|cpl)(?![\w-])", re.IGNORECASE)
"""Files that are images by their ending alone; .com is that of domains as well."""
_MIN_STEM = 4


class Images:
    """Replaces image names, those of facts wherever they stand and other file names of programs and libraries."""

    def __init__(self, pseudonyms: Pseudonyms, knowledge: Knowledge) -> None:
        self._pseudonyms = pseudonyms
        self._knowledge = knowledge
        self._drivers: set[str] = set()
        self._given: dict[str, str] = {}
        self._names: re.Pattern[str] | None = None

    def collect(self, facts: Iterable[Fact]) -> None:
        """Take the names of images from facts."""
        names: list[str] = []
        for fact in facts:
            if fact.kind == "module":
                self._drivers.update(module_stem(name) for field in ("name", "file") if (name := fact.text(field)))
            names += [name for field in _FIELDS if (name := fact.text(field))]
            if fact.kind == "growth" and fact.text("quantity") in ("process", "handles"):
                names.append(fact.text("subject") or "")
        for name in sorted(dict.fromkeys(names), key=len, reverse=True):
            if self._is_secret(name):
                self._take(name)
        if self._given:
            found = sorted(self._given, key=len, reverse=True)
            self._names = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, found))})(?![\w-])", re.IGNORECASE)

    def replaced(self, text: str) -> str:
        """A text without image names that are not Windows' own."""
        if self._names:
            text = self._names.sub(lambda match: self._given[match[0].casefold()], text)
        return _FILE.sub(self._file, text)

    def _file(self, match: re.Match[str]) -> str:
        name = match[0]
        return self._pseudonym(name) if self._is_secret(name) else name

    def _take(self, name: str) -> None:
        given = self._pseudonym(name)
        self._given[name.casefold()] = given
        for cut in CUT if len(name) > max(CUT) else ():
            self._given.setdefault(name[:cut].casefold(), given.partition(".")[0])
        stem = name.rpartition(".")[0] or name
        # Symbols carry the name of an image without its ending.
        if len(stem) >= _MIN_STEM and module_stem(name) not in self._drivers and not stem.isdigit():
            self._given.setdefault(stem.casefold(), given.partition(".")[0])

    def _pseudonym(self, name: str) -> str:
        stem, _, ending = name.rpartition(".")
        ending = ending.lower() if stem and ending.lower() in _ENDINGS else ""
        given = self._pseudonyms.of("image", name)
        return f"{given}.{ending}" if ending else given

    def _is_secret(self, name: str) -> bool:
        if not name.strip() or name == "*" or PSEUDONYM.fullmatch(name) or name.lower().endswith(".sys"):
            return False
        stem = module_stem(name)
        if stem in self._drivers and not name.lower().endswith(".exe"):
            return False
        common = self._knowledge.is_common(name) or self._knowledge.is_common(f"{name}.exe")
        return not common and not self._knowledge.is_microsoft(name) and not self._truncated(name)

    def _truncated(self, name: str) -> bool:
        """A name cut to what EPROCESS keeps of it, of an image that is Windows' own."""
        known = self._knowledge.programs | self._knowledge.brokers | self._knowledge.hosts
        return len(name) in CUT and any(each.startswith(name.lower()) for each in known)
