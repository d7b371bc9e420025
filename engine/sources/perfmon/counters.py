r"""What a counter of Performance Monitor is: `\\HOST\Object(instance)\Counter` to the words of the facts.

Names of objects and counters are translated on every Windows in another language than English. The translations here
are those of German, French and Spanish that public lists of counters give; where the names of a log are lost, Windows
writes their index numbers instead, which are the same in every language (counter list of HKLM\...\Perflib\009).
"""

import re
from dataclasses import dataclass

_PATH = re.compile(r"(?:\\\\(?P<host>[^\\]{1,255}))?\\(?P<rest>[^\\].{0,2000})$", re.DOTALL)

_OBJECTS = {
    "arbeitsspeicher": "memory",
    "speicher": "memory",
    "mémoire": "memory",
    "memoria": "memory",
    "4": "memory",
    "prozess": "process",
    "processus": "process",
    "proceso": "process",
    "230": "process",
    "système": "system",
    "sistema": "system",
    "2": "system",
    "objekte": "objects",
    "objets": "objects",
    "objetos": "objects",
    "260": "objects",
}
_NAMES = {
    "verfügbare bytes": "available bytes",
    "octets disponibles": "available bytes",
    "bytes disponibles": "available bytes",
    "24": "available bytes",
    "verfügbare kb": "available kbytes",
    "kilo-octets disponibles": "available kbytes",
    "1380": "available kbytes",
    "verfügbare mb": "available mbytes",
    "mégaoctets disponibles": "available mbytes",
    "megabytes disponibles": "available mbytes",
    "1382": "available mbytes",
    "zugesicherte bytes": "committed bytes",
    "octets validés": "committed bytes",
    "bytes confirmados": "committed bytes",
    "26": "committed bytes",
    "zusagegrenze": "commit limit",
    "limite de mémoire dédiée": "commit limit",
    "límite de confirmación": "commit limit",
    "30": "commit limit",
    "auslagerungsseiten (bytes)": "pool paged bytes",
    "octets de réserve paginée": "pool paged bytes",
    "bytes de bloque paginado": "pool paged bytes",
    "56": "pool paged bytes",
    "nicht-auslagerungsseiten (bytes)": "pool nonpaged bytes",
    "octets de réserve non paginée": "pool nonpaged bytes",
    "bytes de bloque no paginado": "pool nonpaged bytes",
    "58": "pool nonpaged bytes",
    "freie seitentabelleneinträge": "free system page table entries",
    "entrées libres en table des pages système": "free system page table entries",
    "678": "free system page table entries",
    "octets de la liste des pages modifiées": "modified page list bytes",
    "handleanzahl": "handle count",
    "nombre de handles": "handle count",
    "número de identificadores": "handle count",
    "952": "handle count",
    "threadanzahl": "thread count",
    "nombre de threads": "thread count",
    "número de subprocesos": "thread count",
    "680": "thread count",
    "private bytes": "private bytes",
    "octets privés": "private bytes",
    "bytes privados": "private bytes",
    "186": "private bytes",
    "prozesskennung": "id process",
    "784": "id process",
    "process id": "id process",  # Process V2, from Windows 11 and Server 2022 on
    "verstrichene zeit": "elapsed time",
    "684": "elapsed time",
    "systembetriebszeit": "system up time",
    "temps d'activité système": "system up time",
    "674": "system up time",
    "prozesse": "processes",
    "processus": "processes",
    "procesos": "processes",
    "248": "processes",
    "250": "threads",
    "ereignisse": "events",
    "252": "events",
    "semaphore": "semaphores",
    "254": "semaphores",
    "mutexe": "mutexes",
    "256": "mutexes",
    "abschnitte": "sections",
    "258": "sections",
}

MEMORY = {
    "available bytes": ("available_bytes", 1),
    "available kbytes": ("available_bytes", 2**10),
    "available mbytes": ("available_bytes", 2**20),
    "committed bytes": ("committed_bytes", 1),
    "commit limit": ("commit_limit_bytes", 1),
    "modified page list bytes": ("modified_bytes", 1),
    "free system page table entries": ("free_system_ptes", 1),
}
"""Field of the memory facts and factor, by counter of the object Memory."""
POOLS = {"pool nonpaged bytes": "nonpaged", "pool paged bytes": "paged"}
PROCESS = {
    "id process": "pid",
    "handle count": "handle_count",
    "thread count": "threads",
    "private bytes": "private_bytes",
    "elapsed time": "elapsed_s",
}
"""Field of the process facts by counter of the object Process."""
OBJECT_TYPES = {"events": "Event", "semaphores": "Semaphore", "mutexes": "Mutant", "sections": "Section"}
"""Object type by counter of the object Objects. Its Processes and Threads are those that run, not the objects."""

_RATE = re.compile(r"%|/s(?:ec)?\b|\bper sec|/sek\b|^avg\b|pourcentage|^mittlere|durchschnitt|promedio|priorit|basis")
_NO_COUNTS = frozenset({"thread", "processor", "processor information", "physicaldisk", "logicaldisk"})
"""Objects whose counters count nothing that can leak."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One column: machine, object and counter in English and lower case where known, instance without its number.

    `path` is the path without the machine, as printed. `number` is that of `#n`, which Windows gives to instances of
    the same name anew in every sample; `pid` the process id that Process V2 has in the name of the instance.
    """

    host: str
    object: str
    instance: str
    number: int
    name: str
    path: str
    pid: int | None = None

    @property
    def known(self) -> bool:
        """Whether the facts have a word for it."""
        return (
            (self.object == "memory" and (self.name in MEMORY or self.name in POOLS))
            or (self.object == "process" and (self.name in PROCESS or self.name in POOLS))
            or (self.object == "objects" and self.name in OBJECT_TYPES)
            or (self.object, self.name) == ("system", "system up time")
            or self.ram
        )

    @property
    def ram(self) -> bool:
        """Whether it is physical memory, which Performance Monitor gives by node and in MB only."""
        return (self.object, self.instance.casefold(), self.name) == ("numa node memory", "_total", "total mbytes")

    @property
    def counts(self) -> bool:
        """Whether it counts what is there at a moment: no rate, percentage, average or time."""
        return self.object not in _NO_COUNTS and _RATE.search(self.name) is None and "time" not in self.name.split()


def parse(path: str) -> Counter | None:
    r"""The counter of a path; None for a text that is none.

    >>> found = parse(r"\\SRV01\Process(svchost#12)\Handle Count")
    >>> found.host, found.object, found.instance, found.number, found.name
    ('SRV01', 'process', 'svchost', 12, 'handle count')
    """
    match = _PATH.match(path.strip())
    if match is None:
        return None
    rest = match["rest"]
    opened, bar = rest.find("("), rest.find("\\")
    instance = ""
    if 0 < opened < bar:
        closed = rest.rfind(")\\")
        if closed < opened:
            return None
        shown, instance, name = rest[:opened], rest[opened + 1 : closed], rest[closed + 2 :]
    else:
        shown, _, name = rest.partition("\\")
    if not name:
        return None
    kind = " ".join(shown.casefold().split())
    pid = None
    if kind == "process v2":
        kind = "process"
        image, _, digits = instance.rpartition(":")
        if image and digits.isdecimal() and len(digits) <= 10:
            instance, pid = image, int(digits)
    base, mark, digits = instance.rpartition("#")
    numbered = bool(mark) and digits.isdecimal() and len(digits) <= 6 and pid is None
    words = " ".join(name.casefold().replace("\u2019", "'").split())
    return Counter(
        match["host"] or "",
        _OBJECTS.get(kind, kind),
        base if numbered else instance,
        int(digits) if numbered else 0,
        _NAMES.get(words, words),
        f"\\{rest}",
        pid,
    )
