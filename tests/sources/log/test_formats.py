"""Every real sample of debugger output: the key figures of what is read, or that it is listed as not understood.

The samples are no part of the project; without them these tests are skipped.
"""

from pathlib import Path

import pytest

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Value
from dumptriage.sources.log.reader import read

PAGE = 4096
KB = 1024

Expected = dict[str, dict[str, Value | None]]
"""Fact id to some of its fields; None is a field that must be unknown."""


def tag(outstanding: int, used: int, **more: Value | None) -> dict[str, Value | None]:
    return {"outstanding": outstanding, "bytes": used, **more}


READ: dict[str, Expected] = {
    "errors/poolmon-xp-no-tagging": {"data_quality:debugger-error:tags:1": {}},
    "errors/w2003-sysptes": {"data_quality:debugger-error:memory:1": {}},
    "errors/win10-1809-pool-heapkey": {"data_quality:debugger-error:pool:1": {}},
    "errors/win7-vm-unimplemented": {"data_quality:debugger-error:memory:1": {}},
    "handle/usermode-type-histogram": {"handles:Event": {"count": 222742}, "handles:*": {"count": 273020}},
    "handle/w2k-type-histogram": {"handles:Thread": {"count": 323155}, "handles:*": {"count": 388386}},
    "handle/wdk-handle-2": {"handles:Event": {"count": 3}, "handles:*": {"count": 6}},
    "handle/wdk-handle-4": {"process:0:80559800": {"image": "Idle", "table_size": 380}},
    "handle/wdk-handle-5": {"handles:0:80559800:Key": {"count": 1}, "sample:Key:e12751d0": {"handle_count": 1}},
    "handle/wdk-handle-6": {"handles:312:fffffa8004f48940:*": {"count": 39}},
    "handle/win10-handle-1": {"process:4:ffffa604f24ec040": {"handle_count": 3279, "exited": False}},
    "handle/win10-handle-2": {"process:912:ffffa604f683b180": {"handle_count": 1144, "image": "lsass.exe"}},
    "handle/win10-handle-file-4": {"handles:File": {"count": 17}},
    "mex-tasklist/win10-mex-10": {
        "process:4:ffffc983ebceb040": {"image": "System"},
        "dead_objects:Process": {"count": 5},
    },
    "mex-tasklist/win10-mex-11": {
        "process:4:ffff988d77adb080": {"image": "System"},
        "dead_objects:Process": {"count": 91},
    },
    "mex-tasklist/win10-mex-13": {"process:12652": {"threads": 28, "handle_count": 495}},
    "mex-tasklist/win10-mex-3": {
        "process:564:ffffc983ef15f040": {"image": "smss.exe"},
        "dead_objects:Process": {"count": 5},
    },
    "mex-tasklist/win10-mex-6": {"process:0:fffff8054df49f40": {"image": "Idle"}},
    "mex-tasklist/win10-mex-9": {"process:3132:ffffc983f20760c0": {"threads": 1}},
    "object/w2k-x86-object": {"sample:Thread:81098620": {"handle_count": 1, "pointer_count": 1}},
    "object/wdk-failed-unload-0": {"sample:Device:81a578c0": {"handle_count": 0, "pointer_count": 3}},
    "object/wdk-object-1": {"sample:Directory:ffffc00b074166a0": {"handle_count": 0, "pointer_count": 224}},
    "object/wdk-object-2": {"sample:Device:ffffe0083b85d060": {"handle_count": None}},
    "object/wdk-object-3": {"sample:Device:ffffe0083b85d060": {"handle_count": 0, "pointer_count": 6}},
    "object/wdk-object-4": {"sample:Device:ffffe0083b85d060": {"handle_count": None}},
    "object/wdk-object-6": {"sample:SymbolicLink:ffffc00b07628fb0": {"pointer_count": 1}},
    "obtrace/wdk-obtrace-tags-0": {"stack:reference:leakydrv": {"frame": 1, "tag": "Lky8"}},
    "pool/wdk-xp-pool-1": {"sample": {"block": "e1001050", "block_size": 0x10, "tag": "ObDi", "address": None}},
    "pool/wdk-xp-pool-2": {"sample": {"block": "e1001050", "block_size": 0x10, "tag": "ObDi"}},
    "pool/win10-pool-bad_pool_h-7": {"sample": {"block_size": 0x8020, "state": "free", "tag": None}},
    "pool/win10-pool-bad_pool_h-9": {"data_quality:debugger-error:pool:6": {}},
    "pool/win10-pool-kernel_mod-5": {"sample": {"block": "ffffe2809abee000", "block_size": 0x880, "tag": "MmSt"}},
    "pool/win10-x64-pool-binary-tags": {"sample": {"block_size": 0xD00, "tag": "Proc", "state": "allocated"}},
    "pool/win10-x64-pool-corrupt": {"sample": {"state": "free", "tag": None}},
    "pool/win10-x64-pool-free-paren": {"sample": {"block_size": 0x210, "tag": "Hack"}},
    "poolfind/w2k-x86-poolfind-thre": {
        "census:Thre:nonpaged": {"blocks": 2, "main_size": 0x280, "complete": False, "range_end": "89093000"}
    },
    "poolfind/wdk-xp-poolfind-1": {
        "census:SeSd:nonpaged": {"blocks": 17, "main_size": 0xA0, "complete": True},
        "census:SeSd:paged": {"blocks": 4, "main_size": 0xD0, "complete": False},
    },
    "poolfind/win10-x64-poolfind-proc": {"census:Proc:nonpaged": {"blocks": 4, "main_size": 0xB70, "complete": False}},
    "poolfind/win11-x64-poolfind-nonpaged": {
        "census:amda:nonpaged": {"blocks": 31, "main_size": 0x140, "complete": False, "range_start": "ffffda0000000000"}
    },
    "poolmon/wdk-poolmon-display-0": {
        "memory": {"physical_bytes": 260620 * KB, "commit_limit_bytes": 640916 * KB},
        "pool:nonpaged": {"used_bytes": 8332 * KB, "max_bytes": None, "limit": None},
        "tag:Wait:nonpaged": tag(30, 8456, allocs=3971107, frees=3971077),
        "tag:Io  :nonpaged": tag(127, 91912),
    },
    "poolmon/wdk-poolmon-examples-10": {"tag:NtFB:paged": tag(10, 252088, owner="ntfs.sys", description="BitmpSup.c")},
    "poolmon/wdk-poolmon-examples-12": {"tag:2MEM:nonpaged": tag(1, 3944, owner=None)},
    "poolmon/wdk-poolmon-examples-15": {"tag:IpSI:nonpaged": tag(1027, 53272, owner="ipsec.sys")},
    "poolmon/wdk-poolmon-examples-18": {"tag:Drsd:paged": tag(21, 17472)},
    "poolmon/wdk-poolmon-examples-19": {"tag:Drsd:paged": tag(27, 22464)},
    "poolmon/wdk-poolmon-examples-21": {"tag:Gcac:session": tag(55, 288968), "tag:Dh 1:session": tag(0, 0)},
    "poolmon/wdk-poolmon-examples-23": {"tag:Gcac:session": tag(55, 283632)},
    "poolmon/wdk-poolmon-examples-27": {"pool:paged": {"used_bytes": 20648 * KB}},
    "poolmon/wdk-poolmon-nt4-2": {"tag:CM  :paged": tag(281, 1377312), "tag:Strg:paged": tag(3727, 317952)},
    "poolmon/wdk-poolmon-using-0": {"tag:Fat :paged": tag(1691, 174560), "memory": {"physical_bytes": 16224 * KB}},
    "poolmon/wdk-poolmon-using-1": {"tag:HidC:nonpaged": tag(119, 19808), "tag:HidC:paged": tag(8, 896)},
    "poolused/vista-x64-poolused3-nonpaged-only": {
        "tag:File:nonpaged": tag(11978, 3752928, allocs=32630649, frees=32618671),
        "tag:RaRS:nonpaged": tag(1000, 960000, description=None, owner=None),
    },
    "poolused/w2k-x86-poolused2": {"tag:Thre:nonpaged": tag(326514, 208968960, frees=None)},
    "poolused/wdk-poolused4-0": {"tag:Abc :paged": tag(36405, 33930272), "tag:Gla5:nonpaged": tag(1, 128)},
    "poolused/wdk-xp-poolused0-1": {
        "tag:1394:nonpaged": tag(1, 520),
        "tag:  rx:nonpaged": tag(3, 1248),
        "tag:ohci:nonpaged": tag(1, 136, description="1394 OHCI host controller driver"),
        "tag:hSVD:paged": tag(1, 40, owner="mrxdav.sys"),
        "pool:nonpaged": {"used_bytes": 209120008},
        "pool:paged": {"used_bytes": 13066104},
    },
    "poolused/win10-poolused-verbose-0": {
        "tag:-UMD:nonpaged": tag(1, 48, allocs=2, frees=1),
        "tag:APpt:paged": tag(2342, 255952, allocs=109457, frees=107115),
    },
    "poolused/win10-x64-poolused2-and-4-qemu": {
        "tag:Cont:nonpaged": tag(1094, 6525216),
        "tag:CM31:paged": tag(19797, 91705344),
    },
    "poolused/win11-x64-poolused2-live-dump": {
        "tag:amda:nonpaged": tag(5768754, 1938325232, owner=None),
        "tag:IoWI:nonpaged": tag(5769999, 646239888, owner="nt!io"),
    },
    "process/w2k-process-glued": {"process:2280:886f5020": {"image": "xxxxxx.EXE", "table_size": 391189}},
    "process/wdk-nt4-process-1": {
        "process:2:80a02a60": {"image": "System"},
        "process:41:8094c020": {"image": "lsass.exe"},
    },
    "process/wdk-nt4-process-2": {"process:2:fb667a00": {"table_size": 112}},
    "process/win10-process-1-1": {"process:836:ffffa604f6820080": {"handle_count": 282, "session": 1}},
    "process/win10-process-1": {"process:4:ffffa604f24ec040": {"handle_count": 3279}},
    "process/win10-process-2": {"process:912:ffffa604f683b180": {"handle_count": 1144}},
    "process/win10-x64-sessionid-next-line": {
        "process:608:ffffd48ca64e7180": {"handle_count": 1155, "parent_pid": 496}
    },
    "process/win11-x64-zombie-full": {"process:9380:ffffe28ff5408080": {"exited": True, "handle_count": 0}},
    "session/vista-x64-session-sprocess": {"process:6516:fffffa800fcee630": {"handle_count": 532, "session": 6}},
    "thread/w2k-x86-terminated": {"sample:Thread:81098620": {"state": "terminated", "owner_address": "886f5020"}},
    "thread/wdk-win10-thread-1": {"sample:Thread:ffffcb088f0a4480": {"owner_image": "MsMpEng.exe"}},
    "token/wdk-token-2": {"process:956:81464da8": {"table_size": 275, "image": "MSMSGS.EXE"}},
    "verifier/wdk-verifier-2": {"unfreed:videoprt.sys": {"allocations": 21, "bytes": 2292, "unloaded": False}},
    "verifier/wdk-verifier-3": {"stack:allocation:ndis": {"frame": 1}},
    "vm/w2003-x86-vm-pte-exhausted": {
        "memory": {"free_system_ptes": 500, "available_bytes": 265887 * PAGE},
        "pool:nonpaged": {"used_bytes": 8814 * PAGE, "max_bytes": 32351 * PAGE, "limit": "fixed"},
        "claim:system ptes": {"count": 416179544},
    },
    "vm/w2k-x86-vm": {
        "pool:nonpaged": {"used_bytes": 59613 * PAGE, "max_bytes": 69377 * PAGE, "limit": "fixed"},
        "pool:paged": {"used_bytes": 38980 * PAGE, "max_bytes": 86016 * PAGE, "limit": "fixed"},
        "system": {"ram_bytes": 655219 * PAGE, "pool_limits": "fixed"},
        "claim:nonpaged pool": {},
    },
    "vm/wdk-xp-vm1-1": {
        "pool:nonpaged": {"used_bytes": 877 * PAGE, "max_bytes": 6252 * PAGE, "limit": "fixed"},
        "memory": {"committed_bytes": 21949 * PAGE, "commit_limit_bytes": 36256 * PAGE, "free_system_ptes": 45089},
    },
    "vm/win10-1803-x64-vm": {
        "pool:nonpaged": {"used_bytes": 14108 * PAGE, "max_bytes": None, "limit": "none"},
        "process:2076": {"image": "MsMpEng.exe", "private_bytes": 112764 * KB},
        "memory": {"mdl_bytes": 1378 * PAGE, "page_file_bytes": (1179648 + 16384) * KB},
    },
    "vm/win10-2004-x64-vm21": {
        "pool:nonpaged": {"used_bytes": (230 + 45874) * PAGE, "limit": "none"},
        "claim:kernel stacks": {"count": 247785920},
    },
    "vm/win10-bugcheck7e-23": {
        "pool:nonpaged": {"used_bytes": (227 + 31727) * PAGE},
        "memory": {"paged_commit_bytes": None, "committed_bytes": 1345720 * PAGE},
        "data_quality:impossible-counter:pool:38": {"severity": "warning"},
    },
    "vm/win10-triage-12": {
        "pool:paged": {"used_bytes": 68600 * PAGE, "max_bytes": None},
        "memory": {"paged_commit_bytes": None, "private_bytes": 1073332 * PAGE},
    },
    "vm/win7-x64-4gb-new-debugger": {
        "pool:nonpaged": {"used_bytes": 9217 * PAGE, "max_bytes": 774140 * PAGE, "limit": "dynamic"},
        "pool:paged": {"used_bytes": 37057 * PAGE, "max_bytes": None, "limit": "none"},
    },
    "vm/xp-x86-vm": {"pool:nonpaged": {"used_bytes": 3481 * PAGE, "max_bytes": 32768 * PAGE, "limit": "fixed"}},
}
"""Samples that give facts."""

LISTED = {
    "filecache/wdk-filecache-1",
    "handle/wdk-handle-3",
    "htrace/wdk-htrace-2",
    "lookaside/wdk-lookaside-1",
    "memusage/wdk-memusage-0",
    *(f"ndiskd/wdk-nblpool-{number}" for number in range(4)),
    *(f"ndiskd/wdk-nbpool-{number}" for number in range(1, 4)),
    "ndiskd/wdk-pktpools-1",
    "obtrace/wdk-obtrace-1",
    "process/win10-process-1-3",
    "sysptes/wdk-sysptes-1",
    "wdfpoolusage/wdk-wdfpoolusage-2",
}
"""Samples whose command is listed as not understood, and that give no fact."""

EMPTY = {"mex-tasklist/win10-mex-8"}
"""A heading without rows, below a prompt."""

REFUSED = {
    "filecache/wdk-filecache-0",
    "handle/wdk-handle-0",
    "handle/wdk-handle-1",
    "htrace/wdk-htrace-0",
    "htrace/wdk-htrace-1",
    "lookaside/wdk-lookaside-0",
    "memusage/wdk-memusage-1",
    "ndiskd/wdk-nbpool-0",
    "ndiskd/wdk-pktpools-0",
    "obtrace/wdk-obtrace-0",
    "obtrace/wdk-obtrace-tags-1",
    "poolfind/win7-x64-irpfind-quotes",
    "session/wdk-session-0",
    "sysptes/wdk-sysptes-0",
    "token/wdk-token-0",
    "token/wdk-token-1",
    "verifier/wdk-verifier-0",
    "verifier/wdk-verifier-1",
    "wdfpoolusage/wdk-wdfpoolusage-0",
    "wdfpoolusage/wdk-wdfpoolusage-1",
}
"""A command line, a syntax or a text without the output of any command read here."""


def one_case(shared: Path, name: str) -> Case:
    data = (shared / "formats" / f"{name}.txt").read_bytes()
    (case,) = read(data, Casefile(f"{name}.txt", "0" * 64, len(data), "log"))
    return case


def test_every_sample_stands_in_one_of_the_tables(shared: Path) -> None:
    tables = [*READ, *LISTED, *EMPTY, *REFUSED]
    samples = [f"{path.parent.name}/{path.stem}" for path in (shared / "formats").glob("*/*.txt")]
    assert sorted(tables) == sorted(samples)


@pytest.mark.parametrize("name", READ)
def test_key_figures(shared: Path, name: str) -> None:
    facts = {fact.id: fact for fact in one_case(shared, name).facts}
    for fact_id, fields in READ[name].items():
        assert fact_id in facts, sorted(facts)
        assert {field: facts[fact_id].get(field) for field in fields} == fields


@pytest.mark.parametrize("name", sorted(LISTED))
def test_not_understood_is_listed(shared: Path, name: str) -> None:
    facts = one_case(shared, name).facts
    assert [fact.get("problem") for fact in facts] == ["not-understood"] * len(facts)
    assert facts


@pytest.mark.parametrize("name", sorted(EMPTY))
def test_a_heading_without_rows(shared: Path, name: str) -> None:
    assert not one_case(shared, name).facts


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(shared: Path, name: str) -> None:
    with pytest.raises(CasefileError, match="nothing a debugger printed"):
        one_case(shared, name)


def test_figures_of_every_case_can_be_true(shared: Path) -> None:
    """No resident counter above physical memory in any whole case, and the log of several machines is one case."""
    for folder in sorted((shared / "cases").iterdir()):
        path = folder / "transcript.txt"
        if not path.exists():
            continue
        data = path.read_bytes()
        try:
            cases = read(data, Casefile(path.name, "0" * 64, len(data), "log"))
        except CasefileError:
            continue
        assert len(cases) == 1, folder.name
        memory = cases[0].one("memory")
        ram = memory.int("physical_bytes") if memory else None
        if memory and ram:
            for field in ("available_bytes", "mdl_bytes", "kernel_stack_bytes", "awe_bytes", "locked_io_bytes"):
                assert (memory.int(field) or 0) <= ram, (folder.name, field)
        if folder.name.startswith("07"):
            assert cases[0].machine
            assert not cases[0].of("process")
            assert len(list(cases[0].where("data_quality", problem="several-machines"))) == 1
