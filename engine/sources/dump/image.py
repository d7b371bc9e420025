"""Bounded reads over a mapped dump: outside the file every read answers None instead of raising."""

import mmap
import struct

Buffer = bytes | bytearray | memoryview | mmap.mmap
"""What a dump is read from. It is never copied whole."""

MAX_NAME = 260
"""Longest name read, in characters: MAX_PATH of the Windows headers."""

_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")


class Image:
    """A file of `size` bytes with little-endian reads at file offsets."""

    def __init__(self, data: Buffer) -> None:
        self._data = data
        self.size = len(data)

    def holds(self, offset: int, size: int) -> bool:
        """True if all of these bytes lie in the file."""
        return offset >= 0 and size >= 0 and offset + size <= self.size

    def _number(self, form: struct.Struct, offset: int) -> int | None:
        if not self.holds(offset, form.size):
            return None
        value: int = form.unpack_from(self._data, offset)[0]
        return value

    def u8(self, offset: int) -> int | None:
        """The byte at an offset."""
        return self._data[offset] if self.holds(offset, 1) else None

    def u16(self, offset: int) -> int | None:
        """The 16-bit number at an offset."""
        return self._number(_U16, offset)

    def u32(self, offset: int) -> int | None:
        """The 32-bit number at an offset."""
        return self._number(_U32, offset)

    def u64(self, offset: int) -> int | None:
        """The 64-bit number at an offset."""
        return self._number(_U64, offset)

    def word(self, offset: int, bits: int) -> int | None:
        """A pointer-sized number: 32 or 64 bits."""
        return self.u64(offset) if bits == 64 else self.u32(offset)

    def bytes(self, offset: int, size: int) -> bytes | None:
        """A copy of these bytes; the caller bounds the size."""
        return bytes(self._data[offset : offset + size]) if self.holds(offset, size) else None

    def text16(self, offset: int, characters: int) -> str | None:
        """UTF-16 text of at most MAX_NAME characters; None where it is empty, outside the file or not printable."""
        raw = self.bytes(offset, 2 * min(characters, MAX_NAME))
        return printable(raw.decode("utf-16-le", "replace")) if raw else None


def printable(text: str) -> str | None:
    """The text up to its terminating zero, or None if that is empty or holds characters no name has."""
    text = text.partition("\0")[0]
    return text if text and text.isprintable() and "\ufffd" not in text else None


def is_kernel_address(address: int, bits: int) -> bool:
    """In the upper half of the address space: 0x80000000 and up, or canonical with the high bits set."""
    return address >= 0xFFFF_0000_0000_0000 if bits == 64 else 0x8000_0000 <= address <= 0xFFFF_FFFF
