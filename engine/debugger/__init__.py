"""Debuggers on Windows: what they print is read like a debugger log. Not needed for any casefile."""

from .target import LIVE, Choice, fill, live, only

__all__ = ["LIVE", "Choice", "fill", "live", "only"]
