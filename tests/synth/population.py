"""Processes, threads and the handles between them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from . import handles, stacks
from .address_space import AddressSpaces
from .kernel import Image
from .layouts import Layout
from .memory import Memory
from .objects import Objects, ObjectSet
from .pool import Pool
from .scenario import DeadThreads, Handles, Process, Scenario, Threads

_TERMINATED = 4
_QUOTA = ("Event", "File", "Token", "Section", "Mutant")


@dataclass(slots=True)
class Population:
    """The processes of a machine with their threads; addresses by process id."""

    memory: Memory
    layout: Layout
    pool: Pool
    objects: Objects
    image: Image
    scenario: Scenario
    modules: dict[str, int]
    time: int
    bodies: dict[int, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    first_thread: int = 0
    """The current thread: of the process that the scenario says was running."""
    stack_pointer: int = 0
    """Its stack pointer, 0 without a stack."""
    spaces: AddressSpaces = field(init=False)
    _stacks: int = 0
    _sets: dict[int, ObjectSet] = field(default_factory=dict)
    _live: dict[int, list[ObjectSet]] = field(default_factory=dict)
    _dead: dict[int, list[ObjectSet]] = field(default_factory=dict)
    _next_id: int = 0
    _cids: dict[int, int] = field(default_factory=dict)

    @property
    def system(self) -> int:
        """Process id of the System process: the first in the scenario."""
        return self.scenario.processes[0].pid

    def live_users(self) -> list[int]:
        """Process ids with page tables of their own."""
        return [process.pid for process in self.scenario.processes if not process.ended and process.pid != self.system]

    def make(self) -> None:
        """All processes and threads, the process list and the id table."""
        self.spaces = AddressSpaces(self.memory, self.layout, self.pool, self.objects)
        self._next_id = max(process.pid for process in self.scenario.processes) + 4
        for process in self.scenario.processes:
            self._process(process)
        at = self.layout.at("_EPROCESS.ActiveProcessLinks")
        links = [self.bodies[process.pid] + at for process in self.scenario.processes if not process.ended]
        self.memory.link(self.image["PsActiveProcessHead"], links)
        self.memory.put(self.image["PsInitialSystemProcess"], self.bodies[self.system])
        for dead in self.scenario.dead_threads:
            self._dead.setdefault(dead.owner, []).append(self._ended(dead))
        self.memory.put(self.image["PspCidTable"], handles.cid_table(self.objects, self._cids))
        self.places |= self.spaces.places
        self.places["EPROCESS"] = self.bodies[self.scenario.processes[-1].pid]

    def dead_summary(self) -> dict[int, tuple[int, int]]:
        """Owner -> ended threads, and those with handles."""
        return {
            owner: (sum(made.handles.size for made in sets), sum(int((made.handles > 0).sum()) for made in sets))
            for owner, sets in self._dead.items()
        }

    def _process(self, process: Process) -> None:
        memory, at = self.memory, self.layout.at
        quota = self.layout.build != 2600
        made = self.objects.make("Process", 1, quota=quota, references=process.references)
        body = self.objects.body(int(made.headers[0]))
        self.bodies[process.pid], self._sets[process.pid] = body, made
        memory.put(body, 3, 1)
        memory.put(body + 4, int(process.ended), 4)
        memory.put(body + at("_EPROCESS.UniqueProcessId"), process.pid)
        memory.put(body + at("_EPROCESS.InheritedFromUniqueProcessId"), process.parent)
        memory.write(body + at("_EPROCESS.ImageFileName"), process.image.encode()[:14] + b"\0")
        memory.put(body + at("_EPROCESS.CreateTime"), self.time - 36_000_000_000 * 20, 8)
        memory.put(body + at("_EPROCESS.CommitCharge"), 0 if process.ended else process.commit_pages)
        if process.ended:
            memory.put(body + at("_EPROCESS.ExitTime"), self.time - 36_000_000_000, 8)
        else:
            self._cids[process.pid] = body
        if self.layout.has("_EPROCESS.SessionId"):
            memory.put(body + at("_EPROCESS.SessionId"), process.session, 4)
        elif process.pid > 300:
            session = self.pool.pages(1, True).start
            # In Server 2003 a pointer lies in front of the fields that begin the structure elsewhere.
            memory.put(session + (0xC if self.layout.build == 3790 else 8), process.session, 4)
            memory.put(body + at("_EPROCESS.Session"), session)
        if self.layout.has("_EPROCESS.SeAuditProcessCreationInfo") and process.pid != self.system:
            text = "\\Device\\HarddiskVolume1\\Windows\\System32\\" + process.image
            information = self.pool.one(2 * memory.width + 2 * len(text) + 2, "SeOn", paged=True)
            memory.unicode(information, information + 2 * memory.width, text)
            memory.put(body + at("_EPROCESS.SeAuditProcessCreationInfo"), information)
        for head in ("_KPROCESS.ThreadListHead", "_EPROCESS.ThreadListHead"):
            if self.layout.has(head):
                memory.link(body + at(head), [])
        memory.link(body + at("_EPROCESS.ActiveProcessLinks"), [])
        self.spaces.make(process.pid, body, process.images, loader=process.loader, names_out=process.names_out)
        self._live[process.pid] = [] if process.ended else [self._threads(process, group) for group in process.threads]
        self._link_threads(process, body)

    def _threads(self, process: Process, group: Threads) -> ObjectSet:
        made = self._thread_objects(process.pid, group.count, group.start, 1 + (group.state == 2))
        made.blocks.put(made.header_at + self._body("_KTHREAD.State"), group.state, 1)
        made.blocks.put(made.header_at + self._body("_KTHREAD.WaitReason"), group.wait_reason, 1)
        # On a live thread the exit time is the head of a list, a pointer to itself.
        exit_time = self._body("_ETHREAD.ExitTime")
        heads = made.headers + np.uint64(exit_time)
        made.blocks.put(made.header_at + exit_time, heads, self.memory.width)
        made.blocks.put(made.header_at + exit_time + self.memory.width, heads, self.memory.width)
        if group.stack:
            parts = (self.memory, self.layout, self.image, self.modules, made, group.stack, self._stacks)
            self._stacks = stacks.give(*parts, group.stack_out)
            pointer = self.objects.body(int(made.headers[0])) + self.layout.at("_KTHREAD.KernelStack")
            self.places["stack"] = self.memory.get(pointer)
        if process.pid == (self.scenario.current or self.system) and not self.first_thread:
            self.first_thread = self.objects.body(int(made.headers[0]))
            if group.stack:
                self.stack_pointer = self.memory.get(self.first_thread + self.layout.at("_KTHREAD.KernelStack"))
        return made

    def _ended(self, dead: DeadThreads) -> ObjectSet:
        made = self._thread_objects(dead.owner, dead.count, dead.start, dead.references)
        put, at = made.blocks.put, made.header_at
        put(at + self._body("_KTHREAD.State"), _TERMINATED, 1)
        put(at + self._body("_ETHREAD.ExitTime"), self.time - 600_000_000_0, 8)
        put(at + self.layout.at("_OBJECT_HEADER.Body") + 4, 1, 4)
        if self.layout.has("_ETHREAD.HasTerminated"):
            put(at + self._body("_ETHREAD.HasTerminated"), 1, 4)
            put(at + self._body("_ETHREAD.DeadThread"), 1, 1)
        if self.layout.has("_ETHREAD.CrossThreadFlags"):
            put(at + self._body("_ETHREAD.CrossThreadFlags"), 3 if self.layout.build < 6000 else 1, 4)
        return made

    def _body(self, name: str) -> int:
        """Offset of a field behind the object header."""
        return self.layout.at("_OBJECT_HEADER.Body") + self.layout.at(name)

    def _thread_objects(self, owner: int, count: int, start: str | int, references: int) -> ObjectSet:
        quota = self.layout.build not in (2195, 2600)
        made = self.objects.make("Thread", count, quota=quota, references=references)
        put, at, width = made.blocks.put, made.header_at, self.memory.width
        process = self.bodies[owner]
        put(at + self.layout.at("_OBJECT_HEADER.Body"), 6, 1)
        ids = (self._next_id + 4 * np.arange(count)).astype(np.uint64)
        self._next_id += 4 * count
        put(at + self._body("_ETHREAD.Cid"), owner, width)
        put(at + self._body("_ETHREAD.Cid") + width, ids, width)
        for name in ("_ETHREAD.ThreadsProcess", "_KTHREAD.Process"):
            if self.layout.has(name):
                put(at + self._body(name), process, width)
        put(at + self._body("_KTHREAD.ApcState") + self.layout.at("_KAPC_STATE.Process"), process, width)
        put(at + self._body("_ETHREAD.CreateTime"), self.time - 36_000_000_000 * 10, 8)
        files = self.spaces.bases.get(owner, {})
        own, win32 = (0x7C810856, files[str(start)] + 0x1020) if start in files else (self._start(start), 0)
        put(at + self._body("_ETHREAD.StartAddress"), own, width)
        put(at + self._body("_ETHREAD.Win32StartAddress"), 0x20003474 if isinstance(start, int) else win32, width)
        for name in ("_KTHREAD.ThreadListEntry", "_ETHREAD.ThreadListEntry"):
            if self.layout.has(name):
                links = made.headers + np.uint64(self._body(name))
                put(at + self._body(name), links, width)
                put(at + self._body(name) + width, links, width)
        return made

    def _start(self, start: str | int) -> int:
        if isinstance(start, int):
            return start
        return self.image.base + 0x17A9A if start == "nt" else self.modules[start] + 0x1020

    def _link_threads(self, process: Process, body: int) -> None:
        headers = [int(header) for made in self._live[process.pid] for header in made.headers]
        for header in headers:
            object_body = self.objects.body(header)
            thread = self.memory.get(object_body + self.layout.at("_ETHREAD.Cid") + self.memory.width)
            self._cids[thread] = object_body
        pairs = (
            ("_KPROCESS.ThreadListHead", "_KTHREAD.ThreadListEntry"),
            ("_EPROCESS.ThreadListHead", "_ETHREAD.ThreadListEntry"),
        )
        for head, entry in pairs:
            if self.layout.has(head):
                self.memory.link(body + self.layout.at(head), [header + self._body(entry) for header in headers])
        if self.layout.has("_EPROCESS.ActiveThreads"):
            self.memory.put(body + self.layout.at("_EPROCESS.ActiveThreads"), len(headers), 4)

    def fill_handles(
        self, per_type: dict[int, dict[str, int]], distinct: dict[int, dict[str, int]], totals: dict[int, int]
    ) -> dict[int, list[int]]:
        """The handle tables, and what is in them by process id; handles in each leaf are returned."""
        tables, leaves = [], {}
        for process in self.scenario.processes:
            if process.ended:
                continue
            picks = [pick for wanted in process.handles for pick in self._picks(wanted)]
            body = self.bodies[process.pid]
            table = handles.build(
                self.objects, process.pid, body, picks, process.leaves_paged_out, process.leaves_in_transition
            )
            self.memory.put(body + self.layout.at("_EPROCESS.ObjectTable"), table.address)
            tables.append(table.address + self.layout.at("_HANDLE_TABLE.HandleTableList"))
            self.places["HANDLE_TABLE"], self.places["leaf"] = table.address, table.leaves[0]
            totals[process.pid], leaves[process.pid] = sum(table.counts), table.counts
            mine, different = per_type.setdefault(process.pid, {}), distinct.setdefault(process.pid, {})
            for made, index in picks:
                mine[made.type] = mine.get(made.type, 0) + index.size
                different[made.type] = different.get(made.type, 0) + np.unique(index).size
        self.memory.link(self.image["HandleTableListHead"], tables)
        return leaves

    def _picks(self, wanted: Handles) -> list[tuple[ObjectSet, NDArray[np.int64]]]:
        kind, _, number = wanted.to.partition(" ")
        sets = {"new": self._new, "dead": self._dead_of, "live": self._live_of, "process": self._process_of}[kind](
            wanted, int(number or 0)
        )
        picks, left = [], wanted.count
        for at, made in enumerate(sets):
            share = left if at == len(sets) - 1 else min(left, made.handles.size)
            picks.append((made, np.arange(share) % made.handles.size))
            left -= share
        return [pick for pick in picks if pick[1].size]

    def _new(self, wanted: Handles, _number: int) -> list[ObjectSet]:
        count = min(wanted.distinct or wanted.count, wanted.count)
        is_file = wanted.type == "File"
        folder, _, name = wanted.name.rpartition("\\")
        directory = self.objects.directory(folder.removeprefix("\\")) if folder and not is_file else 0
        made = self.objects.make(
            wanted.type,
            count,
            name="" if is_file else name,
            directory=directory,
            quota=wanted.type in _QUOTA,
            handle_info=is_file,
        )
        if is_file and wanted.name:
            self._name_files(made, wanted.name)
        return [made]

    def _name_files(self, made: ObjectSet, path: str) -> None:
        """The name of file objects is in their body."""
        text = self.pool.one(2 * len(path) + 2, "IoNm", paged=True)
        self.memory.write(text, path.encode("utf-16-le"))
        width = self.memory.width
        at = made.header_at + self.layout.at("_OBJECT_HEADER.Body") + (0x58 if width == 8 else 0x30)
        for offset, value, size in ((0, 2 * len(path), 2), (2, 2 * len(path) + 2, 2), (width, text, width)):
            made.blocks.put(at + offset, value, size)

    def _dead_of(self, _: Handles, pid: int) -> list[ObjectSet]:
        return self._dead[pid]

    def _live_of(self, _: Handles, pid: int) -> list[ObjectSet]:
        return self._live[pid]

    def _process_of(self, _: Handles, pid: int) -> list[ObjectSet]:
        return [self._sets[pid]]
