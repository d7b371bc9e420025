"""Modules on the crashing stack.

Only the instruction pointer of the saved context, the exception record and the bugcheck's own parameter are certain.
The rest comes from a raw scan: every pointer-sized value on the saved stack that points into a loaded driver. Without
unwind data (it is in the drivers' images, which a triage dump lacks) what earlier calls left cannot be told from return
addresses.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass

from ...facts import Fact, Quality, new
from .bugchecks import FAULTING_ADDRESS, base_code
from .drivers import Driver
from .triage import MAX_STACK, TriageDump

_INSTRUCTION_POINTER = {"x64": 0xF8, "arm64": 0x108, "x86": 0xB8}
"""CONTEXT.Rip, .Pc and .Eip (winnt.h of the Windows SDK)."""

_EXCEPTION_ADDRESS = {64: 0x10, 32: 0x0C}
"""EXCEPTION_RECORD.ExceptionAddress (winnt.h)."""

_HEADERS = 0x1000
"""The first page of an image holds its PE headers: a pointer there is a base address, not a return address."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An address on the crashing stack that lies in a driver.

    `frame` is 0 for the context's instruction pointer, counts the candidates of the raw scan from 1 at the top, and is
    None for the exception record and the bugcheck parameter.
    """

    driver: Driver
    address: int
    frame: int | None
    quality: Quality
    source: str


def read_stack(dump: TriageDump, drivers: list[Driver]) -> list[Hit]:
    """The topmost hit of every driver on the stack, in the order of the stack."""
    ordered = sorted(drivers, key=lambda driver: driver.base)
    bases = [driver.base for driver in ordered]
    hits: dict[int, Hit] = {}

    def driver_at(where: int) -> Driver | None:
        index = bisect_right(bases, where) - 1
        return ordered[index] if index >= 0 and _HEADERS <= where - bases[index] < ordered[index].size else None

    for number, (value, source) in enumerate(_certain(dump)):
        driver = driver_at(value)
        if driver:
            hits.setdefault(driver.base, Hit(driver, value, None if number else 0, "exact", source))
    width, start, rank = dump.bits // 8, dump.part("call_stack"), 0
    if start is None:
        return list(hits.values())
    size = min(dump.parts.get("call_stack_size", 0), MAX_STACK, dump.image.size - start)
    raw = dump.image.bytes(start, size // width * width) or b""
    for slot, (value,) in enumerate(struct.iter_unpack("<Q" if width == 8 else "<I", raw)):
        driver = driver_at(value)
        if driver:
            rank += 1
            source = f"raw scan of the saved stack @ file 0x{start + slot * width:x}"
            hits.setdefault(driver.base, Hit(driver, value, rank, "suspect", source))
    return list(hits.values())


def _certain(dump: TriageDump) -> list[tuple[int, str]]:
    """Instruction pointer of the saved context first, then where the exception record and the bugcheck point."""
    header = dump.header
    if header.architecture is None:
        return []
    context = header.layout.context + _INSTRUCTION_POINTER[header.architecture]
    exception = header.layout.exception + _EXCEPTION_ADDRESS[dump.bits]
    found = [
        (dump.image.word(context, dump.bits) or 0, f"instruction pointer of the saved context @ file 0x{context:x}"),
        (dump.image.word(exception, dump.bits) or 0, f"exception record @ file 0x{exception:x}"),
    ]
    number = FAULTING_ADDRESS.get(base_code(header.bugcheck_code)) if header.bugcheck_code is not None else None
    if number and len(header.parameters) == 4:
        found.append((header.parameters[number - 1], f"bugcheck parameter {number}"))
    return found


def stack_facts(hits: list[Hit]) -> list[Fact]:
    """One `stack` fact per module; those of the raw scan are of quality suspect."""
    return [
        new(
            "stack",
            source=hit.source,
            verify="k" if hit.quality == "exact" else "dps @rsp L200; k",
            quality=hit.quality,
            purpose="crash",
            module=hit.driver.name,
            symbol=f"{hit.driver.name}+0x{hit.address - hit.driver.base:x}",
            frame=hit.frame,
        )
        for hit in hits
    ]
