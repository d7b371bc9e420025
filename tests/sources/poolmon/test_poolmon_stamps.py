"""The dates scripts put above snapshots, by locale, and how day and month are told apart."""

from datetime import datetime, timedelta

import pytest

from dumptriage.sources.poolmon.stamps import settled, stamp_of

NOON = datetime(2026, 11, 23, 15, 4, 5)


@pytest.mark.parametrize(
    "line",
    [
        "Mon 11/23/2026 15:04:05.12",
        "11/23/2026  3:04:05 PM",
        "23.11.2026 15:04:05,12",
        "Mo 23.11.2026 15:04:05,12",
        "23/11/2026 15:04:05.12",
        "23-11-2026 15:04:05",
        "23. 11. 2026 15:04:05",
        "11/23/26 15:04:05",
        "2026-11-23 15:04:05",
        "2026/11/23 15:04:05.12",
        "2026-11-23T16:04:05.1234567+01:00",
        "2026-11-23T15:04:05Z",
        "20261123_150405",
        "Monday, November 23, 2026 3:04:05 PM",
        "Monday, 23 November 2026 15:04:05",
        "Montag, 23. November 2026 15:04:05",
        "lundi 23 novembre 2026 15:04:05",
        "lunes, 23 de noviembre de 2026 15:04:05",
        "lunedì 23 novembre 2026 15:04:05",
        "segunda-feira, 23 de novembro de 2026 15:04:05",
        "poniedziałek, 23 listopada 2026 15:04:05",
        "maanantai 23. marraskuuta 2026 15.04.05",
        "23 ноября 2026 г. 15:04:05",
        "2026年11月23日 15:04:05",
        "2026年11月23日 下午 3:04:05",
        "Mon Nov 23 15:04:05 2026",
        "Mon, 23 Nov 2026 15:04:05 GMT",
        "=== snapshot 3 at 2026-11-23 15:04:05 ===",
        "[2026-11-23 15:04:05,123] poolmon",
        r"11\23\2026 15:04:05.0781 (GMT)",
    ],
)
def test_a_date_with_its_time(line: str) -> None:
    stamp = stamp_of(line)
    assert stamp is not None
    (time,), told = settled([stamp])
    assert told
    assert time is not None
    assert abs(time.replace(tzinfo=None) - NOON) < timedelta(seconds=1)


@pytest.mark.parametrize(("line", "dated", "timed"), [
    ("The current date is: Mon 11/23/2026", True, False),
    ("The current time is: 15:04:05.12", False, True),
    ("03:04 PM", False, True),
])  # fmt: skip
def test_half_a_stamp(line: str, dated: bool, timed: bool) -> None:
    stamp = stamp_of(line)
    assert stamp is not None
    assert (stamp.dated, stamp.timed) == (dated, timed)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "snapshot 17",
        "99/99/2026 10:00",
        "2026-13-45 10:00",
        "23.11.2026 25:00:00",
        r"C:\tools> poolmon -n 5",
        "The machine was restarted on 23.11.2026 at 10:15 and has leaked since, see ticket 4711 and the log beside it",
        "9" * 4000,
        "1/" * 60,
    ],
)
def test_no_stamp(line: str) -> None:
    assert stamp_of(line) is None


@pytest.mark.parametrize(
    ("lines", "days", "told"),
    [
        # A weekday tells: 3 April 2026 was a Friday, 4 March a Wednesday.
        (["Fri 03/04/2026 10:00"], ["2026-04-03"], True),
        (["Wed 03/04/2026 10:00"], ["2026-03-04"], True),
        # A day above 12 tells for the whole file.
        (["12/01/2026 10:00", "13/01/2026 10:00"], ["2026-01-12", "2026-01-13"], True),
        # Snapshots of one series lie days apart, not months.
        (["03/04/2026 10:00", "04/04/2026 10:00"], ["2026-04-03", "2026-04-04"], True),
        (["03/04/2026 10:00", "03/05/2026 10:00"], ["2026-03-04", "2026-03-05"], True),
        # Nothing tells: American only where the clock has AM and PM.
        (["03/04/2026 10:00 AM"], ["2026-03-04"], False),
        (["03/04/2026 10:00"], ["2026-04-03"], False),
    ],
)
def test_day_and_month(lines: list[str], days: list[str], told: bool) -> None:
    stamps = [stamp for line in lines if (stamp := stamp_of(line))]
    times, sure = settled(stamps)
    assert [f"{time:%Y-%m-%d}" for time in times if time] == days
    assert sure is told
