"""What was read more than once on one machine: counters at several moments, before anything is worked out of them.

Sources fill a history, `derivation.growth` makes growth facts of it. The figures stay in arrays: a log of poolmon has
hundreds of snapshots of more than a thousand tags.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from .fact import Quality, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moment:
    """When one snapshot was taken, as far as its source tells: `time` in UTC, `uptime_s` seconds since boot.

    `source` is `file` or `file:line`.
    """

    source: str
    time: datetime | None = None
    uptime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The counters of one quantity (see `growth.quantity`) over all moments of a history.

    `subjects` are the identifying fields of the growth fact of each (subject, tag, pool, pid, image, type), `values`
    the counters by name, each of shape (moments, subjects), float64, NaN where it was not read. The counter that
    `change` is of is named `counter`, its unit `unit`; beside it there may be `bytes`, `allocs` and `frees`. `bits` is
    the width of the counters where it is known, 32 or 64; those of 32 may wrap. Counts up to 2**53 are exact. `quotes`
    are the raw lines of the first and last reading of each subject, for sources that have them at hand.
    """

    quantity: str
    counter: str
    unit: str
    subjects: tuple[Mapping[str, Value], ...]
    values: Mapping[str, "NDArray[np.float64]"]
    verify: str | None = None
    quality: Quality = "exact"
    bits: int | None = None
    quotes: tuple[str | None, ...] = ()


@dataclass(slots=True)
class History:
    """All readings of a case, oldest first. No moment lies before a restart of the machine."""

    moments: list[Moment] = field(default_factory=list)
    readings: list[Readings] = field(default_factory=list)
