"""Damaged dumps: flipped bits and cut files end in a kernel or a clear no, in bounded time, never in an exception."""

import time

import numpy as np
import pytest
from test_memory_kernel import BASE, MODULES, PROCESSES, block, encoded, machine
from tiny import Tiny

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.kernel import describe, open_kernel

BLOCK = 0x9040


def whole(mode: str, kind: str) -> bytes:
    def encode(found: Tiny, base: int) -> None:
        found.put(base + BLOCK, encoded(block(base, 64), 77, 99, base))

    base = BASE[mode]
    found = machine(mode, encode if mode == "la57" else None)
    return found.dump(kind, modules=base + MODULES, processes=base + PROCESSES, block=base + BLOCK)


def survives(data: bytes) -> None:
    layout = layout_of(data[:8])
    if layout is None or len(data) < layout.size:
        return
    begun = time.perf_counter()
    problems: list[str] = []
    kernel = open_kernel(data, read_header(Image(data), layout), problems=problems)
    if kernel is None:
        assert problems
        assert all("\n" not in text for text in problems)
    else:
        assert describe(kernel)
        vas, offsets = kernel.memory.resident(0, 1 << kernel.bits)
        assert (offsets >= 0).all()
        assert (offsets <= len(data) - 4096).all()
        assert (np.diff(vas.astype(np.float64)) >= 0).all()
        kernel.memory.gather(vas[:50] + np.uint64(4090), 32)
        for name in ("PoolTrackTable", "PsInitialSystemProcess", "MmAvailablePages"):
            found = kernel.symbol(name)
            if found is not None:
                kernel.memory.pointer(found)
                kernel.user_directory(found)
    assert time.perf_counter() - begun < 20


@pytest.mark.parametrize("mode", list(BASE))
@pytest.mark.parametrize("kind", ["runs", "summary", "bitmap"])
def test_flipped_bits(mode: str, kind: str) -> None:
    data = whole(mode, kind)
    rng = np.random.default_rng(len(mode) * 100 + len(kind))
    header = 0x1000 if mode in ("x86", "pae") else 0x2000
    for number in range(40):
        broken = bytearray(data)
        # Half of the flips hit the first kilobyte of header and bitmap, the others the pages.
        spans = [(8, 0x400), (header, header + 0x100)] if number % 2 else [(header, len(data))]
        for low, high in spans:
            for at in rng.integers(low, min(high, len(data)), 4):
                broken[at] ^= 1 << int(rng.integers(8))
        survives(bytes(broken))


@pytest.mark.parametrize("mode", list(BASE))
def test_page_tables_of_noise(mode: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        found = machine(mode)
        for pfn in rng.choice(list(found.pages), 4, replace=False).tolist():
            noise = rng.integers(0, 256, 4096, dtype=np.uint8)
            noise[0 :: found.width] |= 1
            if found.width == 8:
                # Frames the dump has, so that the tables lead on.
                noise.view("<u8")[:] = (rng.integers(1, len(found.pages), 512) << 12 | 3).astype(np.uint64)
            found.pages[pfn][:] = noise.tobytes()
        base = BASE[mode]
        survives(found.dump("bitmap", modules=base + MODULES, processes=base + PROCESSES, block=base + BLOCK))


@pytest.mark.parametrize("mode", ["pae", "x64"])
@pytest.mark.parametrize("kind", ["runs", "summary", "bitmap"])
def test_cut_files(mode: str, kind: str) -> None:
    data = whole(mode, kind)
    for size in [*range(0x1000, 0x3100, 0x3F), *range(0x3000, len(data), 0x1777)]:
        survives(data[:size])
