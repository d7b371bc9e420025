"""Windows kernel crash dumps: the container, and what triage dumps hold beside memory."""

from .image import Buffer
from .source import header_of, holds_memory, is_dump, is_triage, read, unread

__all__ = ["Buffer", "header_of", "holds_memory", "is_dump", "is_triage", "read", "unread"]
