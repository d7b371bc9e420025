"""Debugger logs: what WinDbg or kd printed, pasted or logged, read into cases."""

from .reader import read
from .text import MAX_BYTES

__all__ = ["MAX_BYTES", "read"]
