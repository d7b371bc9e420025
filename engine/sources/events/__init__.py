"""Events of the Windows event log that speak of memory, as XML or as text, read into cases."""

from .cases import EXPORT, read
from .recognise import HEAD, binary_log, is_events

__all__ = ["EXPORT", "HEAD", "binary_log", "is_events", "read"]
