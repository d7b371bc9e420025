import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log import objects, thread
from dumptriage.sources.log.thread import PARSERS

ENDED = """\
THREAD 81098620Cid 8e8.a391c  Teb: 00000000  Win32Thread: 00000000 TERMINATED

Not impersonating

Owning Process 886f5020

Wait Start TickCount    1949088       Elapsed Ticks: 64000

Context Switch Count    2

Start Address 0x7c57b740

Win32 Start Address 0x20003474

Stack Init 0 Current bca4fc44 Base bca50000 Limit bca4d000 Call 0
"""


def test_an_ended_thread() -> None:
    fact = only(read(ENDED, PARSERS), "sample")
    assert dict(fact.fields) == {
        "type": "Thread",
        "address": "81098620",
        "cid": "8e8.a391c",
        "owner_pid": 0x8E8,
        "owner_address": "886f5020",
        "state": "terminated",
        "ended_s": 1000.0,
        "start_address": "7c57b740",
        "win32_start_address": "20003474",
    }


def test_the_time_in_parentheses_is_better_than_ticks() -> None:
    text = ENDED.replace("Elapsed Ticks: 64000", "Ticks: 64000 (0:00:16:40.500)")
    assert only(read(text, PARSERS), "sample").number("ended_s") == 1000.5


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("TERMINATED", "terminated"),
        ("WAIT: (WrEventPairLow) KernelMode Non-Alertable", "waiting"),
        ("RUNNING on processor 0", "running"),
        ("READY", "ready"),
        ("STANDBY", "standby"),
        ("????", None),
    ],
)
def test_states(state: str, expected: str | None) -> None:
    text = f"THREAD ffffcb088f0a4480  Cid 0e34.3814  Teb: 0000001a27ca6000 Win32Thread: 0000000000000000 {state}\n"
    assert only(read(text, PARSERS), "sample").text("state") == expected


def test_state_without_teb() -> None:
    fact = only(read("        THREAD fffffa800a358b50  Cid 1490.2704  TERMINATED\n", PARSERS), "sample")
    assert shown(fact, "state", "owner_pid") == ("terminated", 0x1490)


@pytest.mark.parametrize(
    ("lines", "module"),
    [
        ("Start Address nt!ExpWorkerThread (0x80417a9a)", "nt"),
        ("Start Address leaky+0x1234 (0xfffff80384da1234)", "leaky"),
        ("Win32 Start Address leaky!Worker (0x00007ff6f3b21000)", "leaky"),
        ("Start Address ntdll!RtlUserThreadStart (0x0000000077a1)\nWin32 Start Address app!Main (0x1000)", "app"),
        ("Start Address kernel32!BaseThreadStartThunk (0x7c810856)\nWin32 Start Address 0x20003474", None),
        ("Start Address Phase1Initialization (0x801aab44)", None),
    ],
)
def test_start_module(lines: str, module: str | None) -> None:
    text = f"THREAD 8904a180  Cid 8.18  Teb: 0 Win32Thread: 0 TERMINATED\n{lines}\n"
    assert only(read(text, PARSERS), "sample").text("start_module") == module


def test_owner_image_and_wait_objects() -> None:
    text = (
        "THREAD ffffcb088f0a4480  Cid 0e34.3814  Teb: 0000001a27ca6000 Win32Thread: 0 WAIT: (X) UserMode\n"
        "    ffffcb0890000060  SynchronizationEvent\n"
        "    ffffcb0890000070  NotificationTimer\n"
        "Not impersonating\n"
        "Owning Process            ffffcb08905397c0       Image:         MsMpEng.exe\n"
        "Attached Process          N/A            Image:         N/A\n"
        "Wait Start TickCount      182835891      Ticks: 12\n"
    )
    fact = only(read(text, PARSERS), "sample")
    assert shown(fact, "owner_image", "owner_address", "ended_s") == ("MsMpEng.exe", "ffffcb08905397c0", None)


def test_object_and_thread_of_one_address_are_one_sample() -> None:
    counts = "Object: 81098620  Type: (89075900) Thread\n ObjectHeader: 81098608\n HandleCount: 1  PointerCount: 1\n"
    for text in (ENDED + counts, counts + ENDED):
        fact = only(read(text, thread.PARSERS, objects.PARSERS), "sample")
        assert shown(fact, "state", "handle_count", "owner_pid") == ("terminated", 1, 0x8E8)


def test_a_long_list_keeps_some_threads_of_each_state() -> None:
    live = "".join(f"THREAD 8{n:07x}  Cid 8.{n:x}  Teb: 0 Win32Thread: 0 READY\n" for n in range(300))
    ended = "".join(f"THREAD 9{n:07x}  Cid 8.{n:x}  Teb: 0 Win32Thread: 0 TERMINATED\n" for n in range(300))
    states = [fact.text("state") for fact in of(read(live + ended, PARSERS), "sample")]
    assert (states.count("ready"), states.count("terminated")) == (64, 64)
