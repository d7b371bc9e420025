"""Windows kernel crash dumps as a source of facts."""

from .image import Buffer
from .source import is_dump, read

__all__ = ["Buffer", "is_dump", "read"]
