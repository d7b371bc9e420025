"""What a counter grows in step with: so many per process started, per file opened, per connection.

A steady leak keeps step with everything steady. So only an activity whose own rate varied can be the measure, and
only where the quotient stays the same while it did.
"""

import re
from collections.abc import Iterator

import numpy as np

from ..knowledge import Knowledge
from .moments import Array, Settled, filled

_INSTANCE = re.compile(r"\([^\\]*\)")
"""The instance in the path of a counter."""
MAX_PARTS = 12
"""Parts of the time that are compared; a single interval of a long series holds too few events."""
MIN_PARTS = 3
MIN_COUNT = 100
"""Growth, and events, below which a constant quotient may be chance."""
SPREAD = 0.03
"""The growth of all parts together may be off from the quotient by so much of itself."""
MIN_VARIATION = 0.2
"""Standard deviation of the activity's rate over the parts, of its mean: below, any steady growth keeps step."""


class Activities:
    """The known activities that a history counts."""

    def __init__(self, found: Settled, knowledge: Knowledge) -> None:
        self._found = found
        self._counted = sorted(self._all(knowledge), key=lambda one: one[0])

    def of(self, number: int, at: int) -> tuple[str | None, float | None]:
        """The activity that subject `at` of readings `number` grew in step with, and the growth per unit of it.

        Both are None where there is none, or where the moments have no times: nothing shows then that rates varied.
        """
        readings = self._found.history.readings[number]
        values, seconds = readings.values[readings.counter][:, at], self._found.seconds
        own = (readings.quantity, readings.subjects[at].get("subject"))
        fits: list[tuple[float, str, float]] = []
        for _, subject, name, counted in self._counted:
            if subject == own:
                continue
            rows = np.flatnonzero(np.isfinite(values) & np.isfinite(counted) & np.isfinite(seconds))
            parts = min(len(rows) - 1, MAX_PARTS)
            if parts < MIN_PARTS:
                continue
            rows = rows[np.linspace(0, len(rows) - 1, parts + 1).round().astype(np.intp)]
            grown, done, took = (np.diff(one[rows]) for one in (values, counted, seconds))
            if min(grown.sum(), done.sum()) < MIN_COUNT or (took <= 0).any():
                continue
            quotient = grown.sum() / done.sum()
            rate = done / took
            off = np.abs(grown - quotient * done).sum() / grown.sum()
            if off <= SPREAD and rate.std() >= MIN_VARIATION * rate.mean():
                fits.append((round(off, 2), name, round(float(quotient), 4)))
        if not fits:
            return None, None
        _, name, quotient = min(fits, key=lambda fit: fit[0])
        return name, quotient

    def _all(self, knowledge: Knowledge) -> Iterator[tuple[int, object, str, Array]]:
        """Each as (its place among the known ones, the subject that counts it, its name, its count at each moment)."""
        known = {activity.of: (rank, activity.counts) for rank, activity in enumerate(knowledge.activities)}
        for readings in self._found.history.readings:
            name = {"tag": "allocs", "counter": readings.counter}.get(readings.quantity, "")
            for at, subject in enumerate(readings.subjects if name in readings.values else ()):
                whose = str(subject.get("subject"))
                of = str(subject.get("tag")) if readings.quantity == "tag" else _INSTANCE.sub("", whose).lower()
                if of in known:
                    rank, counts = known[of]
                    counted = readings.values[name][:, at]
                    if not (np.diff(filled(counted[:, None])[:, 0]) < 0).any():
                        yield rank, (readings.quantity, whose), counts, counted
