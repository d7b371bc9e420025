"""Redaction: names, paths, images and addresses of a case replaced by pseudonyms, before anything is concluded.

The facts are redacted, not the report: what rules, pictures, tables and metadata say later is made from redacted facts,
so that no output can forget to leave something out.
"""

from .levels import LEVELS, Level, Redaction, level_of
from .redactor import Redactor

__all__ = ["LEVELS", "Level", "Redaction", "Redactor", "level_of"]
