"""Facts and the case that holds them: the words every other part of the program speaks."""

from .case import Case, Casefile
from .fact import Fact, Quality, Value, address, new, note
from .vocabulary import KINDS

__all__ = ["KINDS", "Case", "Casefile", "Fact", "Quality", "Value", "address", "new", "note"]
