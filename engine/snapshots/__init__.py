"""Several casefiles of one machine made one case: are they of one boot, in which order, and what was read when."""

from .join import MAX_CASEFILES, joined

__all__ = ["MAX_CASEFILES", "joined"]
