"""Events of the Windows event log that speak of memory, as XML or as text, read into cases."""

from .cases import read
from .recognise import HEAD, binary_log, is_events

__all__ = ["HEAD", "binary_log", "is_events", "read"]
