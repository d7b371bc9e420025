"""The course of a counter: what is called a rise, what a load, what a step, what noise."""

import numpy as np
import pytest

from dumptriage.derivation.course import course

HOUR = 3600.0
SAW = [1000, 3000, 5000]
WARM_UP = [round(1000 + 5000 * (1 - 0.5**n)) for n in range(12)]


def of(values: list[int], hours: list[float] | None = None, unit: str = "allocations") -> str:
    places = [hour * HOUR for hour in hours] if hours else [number * HOUR for number in range(len(values))]
    return course(np.array(values, dtype=np.float64), np.array(places), unit)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100, 200], "two readings"),
        ([200, 100], "falling"),
        ([5000, 5040], "level"),
        ([100, 200, 300], "rising"),
        ([100, 200, 400, 800, 1600], "rising"),
        ([5000, 6000, 5990, 7000, 8000], "rising"),  # a fall of 10 in a rise of 3,000
        ([1000, 1000, 2000, 2000, 3000, 3000], "rising"),  # by bursts
        ([100, 100, 300, 300], "stepped"),
        ([100, 300, 300, 310], "stepped"),
        ([100, 101, 100, 101, 100, 400], "stepped"),
        (WARM_UP, "stepped"),
        ([100, 300, 250], "stepped"),
        ([100, 500, 120], "fell back"),
        ([100, 900, 500], "fell back"),
        ([100, 900, 50], "fell back"),
        ([1000, 700, 400, 100], "falling"),
        ([1000, 400, 990], "level"),
        ([9000, 7000, 9000, 7000, 9000, 7000], "fell back"),
        ([5000, 5010, 4990, 5005, 4996], "level"),
        ([50, 58, 45, 60], "level"),  # small whatever it is in percent
        ([5000, 5100, 4950, 5120, 4930, 5080, 4960, 5050], "level"),
        ([100_000, 100_100, 100_200, 100_300, 100_400, 100_500, 100_600], "rising"),  # less than 1 percent, but steady
        ([100_000, 100_300, 100_600], "level"),
        ([1000, 2000, 1500, 3000, 2400, 4000, 3500, 5000], "rising lows"),
        ([low + 10 * step for step in range(12) for low in SAW], "fell back"),  # the lows hardly rise
        ([low + 100 * step for step in range(12) for low in SAW], "rising lows"),
        ([low for _ in range(8) for low in SAW], "fell back"),
        ([1000, 4000, 8000, 12000, 10000, 9000], "stepped"),  # no new peak after the fall: nothing shows it goes on
    ],
)
def test_course(values: list[int], expected: str) -> None:
    assert of(values) == expected


def test_a_rise_is_set_against_the_time_it_took() -> None:
    assert of([100, 101, 103, 400], [0, 0.1, 0.2, 10]) == "rising"
    assert of([100, 101, 103, 400], [0, 9, 9.5, 10]) == "stepped"
    assert of([100, 397, 398, 400], [0, 9, 9.5, 10]) == "rising"


def test_two_different_readings_are_no_course_however_often_they_were_read() -> None:
    assert of([100, 100, 400], [0, 0.1, 10]) == "two readings"


def test_bytes_are_level_within_a_few_pages() -> None:
    assert of([4096, 40_960, 65_536], unit="bytes") == "level"
    assert of([4096, 40_960, 90_112], unit="bytes") == "rising"


def test_readings_without_times_stand_evenly() -> None:
    unknown = np.full(4, np.nan)
    assert course(np.array([100.0, 300, 300, 310]), unknown, "handles") == "stepped"


@pytest.mark.parametrize("count", [6, 8, 12, 24, 100])
def test_noise_hardly_ever_rises(count: int) -> None:
    random = np.random.default_rng(7)
    courses = [
        course(random.uniform(4000, 6000, count).round(), np.arange(count, dtype=np.float64) * HOUR, "count")
        for _ in range(300)
    ]
    assert sum(one in ("rising", "rising lows") for one in courses) <= 300 * 0.07
