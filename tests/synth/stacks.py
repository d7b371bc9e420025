"""Kernel stacks: return addresses into modules between what is no return address."""

import numpy as np

from .drivers import AFTER_CALL
from .kernel import Image
from .layouts import Layout
from .memory import PAGE, PAGED_OUT, Memory
from .objects import ObjectSet

NT_AFTER_CALL = 0x110C
"""Behind a call in the code of the forged kernel."""
_START = {32: 0xBB000000, 64: 0xFFFFF88010000000}
_PAGES = 3


def give(
    memory: Memory,
    layout: Layout,
    image: Image,
    modules: dict[str, int],
    threads: ObjectSet,
    frames: tuple[str, ...],
    number: int,
    out: bool,
) -> int:
    """Give each of the threads a kernel stack of three pages with these frames, innermost first; the next free number.

    A frame is a module, `nt`, or `~module` for an address in its code that no call precedes. `out`: in the page file.
    """
    width, body = memory.width, layout.at("_OBJECT_HEADER.Body")
    count = len(threads.headers)
    starts = _START[memory.bits] + (number + np.arange(count, dtype=np.uint64)) * np.uint64((_PAGES + 1) * PAGE)
    for start in starts.tolist():
        memory.add(start, _PAGES * PAGE)
        pointer = start + 2 * PAGE + 0x200
        for position, frame in enumerate(frames):
            name = frame.removeprefix("~")
            place = image.base + NT_AFTER_CALL if name == "nt" else modules[name] + AFTER_CALL
            memory.put(pointer + position * 0x40 + width, place - (8 if frame.startswith("~") else 0))
            memory.put(pointer + position * 0x40 + 3 * width, start + 2 * PAGE)
        # Left from an earlier call: below the stack pointer nothing counts.
        memory.put(pointer - 0x100, image.base + NT_AFTER_CALL)
        if out:
            memory.set_state(start, _PAGES * PAGE, PAGED_OUT)
    end = starts + np.uint64(_PAGES * PAGE)
    values = {"StackLimit": starts, "StackBase": end, "InitialStack": end, "KernelStack": end - np.uint64(PAGE - 0x200)}
    for name, column in values.items():
        threads.blocks.put(threads.header_at + body + layout.at(f"_KTHREAD.{name}"), column, width)
    return number + count
