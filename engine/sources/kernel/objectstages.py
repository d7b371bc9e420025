"""The readers of objects in their order, and what each leaves for the next."""

import numpy as np

from ...facts import Case
from . import endedobjects, handles, objects, objectsamples, processes, sessionpool, threadstacks
from .census import OBJECT_TAGS, blocks_of
from .endedobjects import Ended
from .handles import Held
from .kernel import Kernel
from .modules import module_map
from .objects import ObjectTypes, read_types
from .processes import Processes, find_processes, read_cid_table
from .report import Report
from .threads import find_live, live_threads
from .userimages import UserImages

_TYPES = dict(zip(OBJECT_TAGS, ("Thread", "Process"), strict=True))


class ObjectStages:
    """One dump's objects. Each method is a reader that adds facts; one that failed leaves the next to do without."""

    def __init__(self) -> None:
        self._types: ObjectTypes | None = None
        self._held: Held | None = None
        self._processes: Processes | None = None
        self._ended_threads: Ended | None = None
        self._images: UserImages | None = None

    def object_types(self, kernel: Kernel, case: Case, report: Report) -> None:
        """Add object_type facts."""
        self._types = objects.walk(kernel, case, report)

    def handles(self, kernel: Kernel, case: Case, report: Report) -> None:
        """Add handles facts."""
        self._held = handles.walk(kernel, case, report, self._known(kernel, report))

    def ended_objects(self, kernel: Kernel, case: Case, report: Report) -> None:
        """Add dead_objects and sample facts."""
        if self._held is None:
            report.missing("objects", "Ended objects were not looked for: the handle tables could not be read.")
            return
        types = self._known(kernel, report)
        blocks = {_TYPES[tag]: blocks_of(kernel, tag) for tag in OBJECT_TAGS}
        names = module_map(kernel).name_of
        found: tuple[Processes, Ended, Ended]
        found = endedobjects.walk(kernel, case, report, types, self._held, blocks, names, self._users(kernel, types))
        self._processes, self._ended_threads = found[:2]
        objectsamples.walk(kernel, case, types, self._held, *found)

    def processes(self, kernel: Kernel, case: Case, report: Report) -> None:
        """Add process facts: live and ended processes, with handle counts and live threads; stack and sample facts."""
        types = self._known(kernel, report)
        held = self._held
        cid = held.cid if held else read_cid_table(kernel, types)
        found = self._processes or (held.processes if held else find_processes(kernel, types, cid, report))
        counts = held.counts_of(found) if held else np.full(len(found.addresses), -1)
        live, modules = find_live(kernel, types, found, cid, report), module_map(kernel)
        crashed = threadstacks.crash(kernel, case, modules)
        processes.walk(kernel, case, report, found, counts, live_threads(live, found), crashed)
        users = self._users(kernel, types)
        threadstacks.walk(kernel, case, report, types, found, live, modules, users, self._ended_threads)

    def session_pool(self, kernel: Kernel, case: Case, report: Report) -> None:
        """Add tag and pool facts of session pool."""
        found = self._processes or (self._held.processes if self._held else None)
        if found is not None:
            sessionpool.walk(kernel, case, report, found)

    def _users(self, kernel: Kernel, types: ObjectTypes) -> UserImages:
        if self._images is None:
            self._images = UserImages(kernel, types)
        return self._images

    def _known(self, kernel: Kernel, report: Report) -> ObjectTypes:
        if self._types is None:
            self._types = read_types(kernel, report)
        return self._types
