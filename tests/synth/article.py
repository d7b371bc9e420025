"""The case of the article: one process with 388,386 handles, 323,155 of them to its own ended threads. Windows 2000.

Figures as in casefiles/thread-handle-leak/casefile.log; `divisor` makes everything that leaks so much smaller.
"""

from .memory import PAGE
from .scenario import Counters, DeadThreads, Handles, Module, Process, Scenario, Tag, Threads

THREADS, HANDLED, KEYS = 326_514, 323_155, 65_110
LEAKER = 0x8E8
_SERVICES = ("svchost.exe", "spoolsv.exe", "msdtc.exe", "snmp.exe", "inetinfo.exe", "dfssvc.exe", "llssrv.exe")
_SMALL = (
    ("Token", 1),
    ("Desktop", 1),
    ("Section", 1),
    ("WindowStation", 2),
    ("Directory", 3),
    ("IoCompletion", 4),
    ("Mutant", 5),
    ("Port", 7),
    ("Semaphore", 9),
    ("File", 15),
    ("Event", 73),
)


def article(divisor: int = 1) -> Scenario:
    """The machine; with a divisor a small one of the same kind, its counters in proportion."""
    handled, live = HANDLED // divisor, max((THREADS - HANDLED) // divisor, 80)
    companions = 40 if divisor == 1 else 6
    each = max(1, (live - 60) // (companions + 1))
    others = tuple(
        Process(
            600 + 8 * number,
            _SERVICES[number % len(_SERVICES)],
            364,
            threads=(Threads(each),),
            handles=(Handles("Event", 60), Handles("File", 20), Handles("Key", 8)),
        )
        for number in range(companions)
    )
    leaker = Process(
        LEAKER,
        "xxxxxx.EXE",
        364,
        threads=(Threads(live - 61 - each * companions),),
        handles=(
            *(Handles(name, count) for name, count in _SMALL),
            Handles("Key", KEYS // divisor),
            Handles("Thread", handled, handled, f"dead {LEAKER}"),
        ),
    )
    system = Process(
        8,
        "System",
        0,
        threads=(Threads(60, start="nt"),),
        handles=(Handles("Event", 40), Handles("File", 30), Handles("Key", 20)),
    )
    services = Process(364, "services.exe", 8, threads=(Threads(1),), handles=(Handles("Event", 50),))
    # Objects of the tag File there are besides: those behind the handles.
    files = 5_863 // divisor - 20 * companions - 30 - 15
    tags = (
        Tag("MmCm", big=(PAGE,) * (647 // divisor)),
        Tag("LSwi", (1, 0, 0), big=(2_293_760 // divisor,)),
        Tag("Npfs", paged=(5_202, 4_000, 208_320), blocks=(1_681 // divisor + 1, 0x2D0)),
        Tag("File", blocks=(max(files, 1), 0x80)),
        Tag("Dmio", blocks=(131 // divisor + 1, 0xFA0 - 0x20)),
        Tag("Irp ", blocks=(1_158 // divisor + 1, 0x1A0)),
    )
    counters = Counters(
        available=303_760 // divisor,
        resident_available=571_159 // divisor,
        committed=400_000 // divisor,
        commit_limit=1_690_000 // divisor,
        peak_commit=410_000 // divisor,
        nonpaged=59_613 if divisor == 1 else 0,
        nonpaged_max=69_377 if divisor == 1 else 0,
        paged=38_980 // divisor,
        paged_max=86_016 // divisor,
    )
    return Scenario(
        2195,
        (system, services, leaker, *others),
        (DeadThreads(LEAKER, handled, 0x7C57B740),),
        tags,
        (
            Module("hal.dll", version="5.0.2195.6691", path="\\WINNT\\System32\\"),
            Module("ntfs.sys", version="5.0.2195.6717"),
        ),
        counters=counters,
        processors=2,
        ram_pages=655_219 // divisor,
        uptime_s=60_000,
        background=60,
        large_pages=divisor == 1,
    )
