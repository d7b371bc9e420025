"""Logs of poolmon: one `-n` snapshot or screen, or a series of hundreds in one file."""

from .lines import MAX_BYTES, is_poolmon
from .reader import read

__all__ = ["MAX_BYTES", "is_poolmon", "read"]
