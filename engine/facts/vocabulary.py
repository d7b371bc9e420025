"""The vocabulary of facts: every kind, its fields, their types and units.

A rule can only speak of what stands here, and every source must deliver in these words. The page docs/facts.md is
generated from this table.
"""

from dataclasses import dataclass
from typing import Literal

FieldType = Literal["text", "int", "float", "bool", "address"]
"""`address` is text: lower-case hex without 0x, at least eight digits (see `fact.address`)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a fact kind: its type, its unit (`bytes`, `percent`, `seconds`, `count`, ``) and meaning.

    `values` are all the values a text can have; empty where there is no such list.
    """

    name: str
    type: FieldType
    unit: str
    doc: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fact: what there is one of it per, the fields that identify it, and all its fields."""

    name: str
    one_per: str
    key: tuple[str, ...]
    fields: dict[str, Field]
    single: bool


def _text(name: str, doc: str) -> Field:
    return Field(name, "text", "", doc)


def _word(name: str, values: tuple[str, ...], doc: str) -> Field:
    return Field(name, "text", "", doc, values)


def _address(name: str, doc: str) -> Field:
    return Field(name, "address", "", doc)


def _flag(name: str, doc: str) -> Field:
    return Field(name, "bool", "", doc)


def _count(name: str, doc: str) -> Field:
    return Field(name, "int", "count", doc)


def _number(name: str, doc: str) -> Field:
    return Field(name, "int", "", doc)


def _bytes(name: str, doc: str) -> Field:
    return Field(name, "int", "bytes", doc)


def _percent(name: str, doc: str) -> Field:
    return Field(name, "float", "percent", doc)


def _seconds(name: str, doc: str) -> Field:
    return Field(name, "float", "seconds", doc)


def _ratio(name: str, doc: str) -> Field:
    return Field(name, "float", "ratio", doc)


def _kind(name: str, one_per: str, key: str, *fields: Field, single: bool = False) -> Kind:
    return Kind(name, one_per, tuple(key.split()), {field.name: field for field in fields}, single)


QUALITIES = ("exact", "lower-bound", "rounded", "suspect")
"""How good a fact is. A lower bound comes from a cut list, a rounded figure from a table in MB or percent, a suspect
one from a counter or tool that other evidence contradicts."""

_POOLS = ("nonpaged", "paged", "session")
_ROLES = ("system", "broker", "host", "user")
_PROBLEMS = (
    "cut-list",
    "impossible-counter",
    "debugger-error",
    "not-understood",
    "several-machines",
    "low-precision",
    "not-in-dump",
    "not-recorded",
    "broken",
    "not-read",
    "coverage",
    "missing-symbols",
    "second-hand",
    "restart",
    "wrapped-counter",
    "undated",
    "debugger",
)
_PARTS = ("quality", "resource", "step", "kind", "holder", "culprit", "known", "normal", "next")

_KINDS = (
    _kind(
        "system",
        "case",
        "",
        _text("os", "name of the operating system as the source gives it"),
        _number("build", "Windows build number, 2195 for Windows 2000"),
        _word(
            "product_type", ("workstation", "server", "domain controller"), "workstation, server or domain controller"
        ),
        _word("architecture", ("x86", "x64", "arm64"), "x86, x64 or arm64"),
        _count("processors", "logical processors"),
        _bytes("ram_bytes", "physical memory"),
        _seconds("uptime_s", "time since boot"),
        _text("crash_time", "moment of the snapshot, ISO 8601 UTC"),
        _text("dump_type", "full, kernel, kernel bitmap, automatic, triage, ..., or 'debugger log'"),
        _number("bugcheck_code", "bugcheck code"),
        _text("bugcheck_name", "symbolic name of the bugcheck"),
        _text("bugcheck_parameters", "the four parameters, hex, separated by blanks"),
        _flag("live_dump", "made without a crash: a live dump or a live kernel"),
        _text("debugger_version", "debugger that wrote the log"),
        _text("computer", "name of the machine as the source gives it"),
        _address("kernel_base", "base address of the kernel"),
        _word(
            "pool_limits",
            ("fixed", "dynamic", "unknown"),
            "fixed (x86 up to Server 2003), dynamic (Vista and later), or unknown",
        ),
        single=True,
    ),
    _kind(
        "memory",
        "case",
        "",
        _bytes("physical_bytes", "physical memory"),
        _bytes("available_bytes", "available memory"),
        _bytes("resident_available_bytes", "resident available memory"),
        _bytes("locked_io_bytes", "pages locked for I/O"),
        _bytes("modified_bytes", "modified pages"),
        _bytes("committed_bytes", "committed memory"),
        _bytes("commit_limit_bytes", "commit limit"),
        _bytes("peak_commit_bytes", "highest commitment since boot"),
        _count("free_system_ptes", "free system page table entries"),
        _bytes("mdl_bytes", "pages allocated for memory descriptor lists"),
        _bytes("awe_bytes", "pages of Address Windowing Extensions"),
        _bytes("contiguous_bytes", "contiguous memory"),
        _bytes("kernel_stack_bytes", "kernel stacks"),
        _bytes("private_bytes", "private memory of all processes"),
        _bytes("shared_commit_bytes", "shared commit"),
        _bytes("session_commit_bytes", "session commit"),
        _bytes("driver_commit_bytes", "driver commit"),
        _bytes("nonpaged_commit_bytes", "nonpaged pool commit"),
        _bytes("paged_commit_bytes", "paged pool commit"),
        _bytes("page_table_bytes", "system page tables"),
        _bytes("page_file_bytes", "current size of all page files"),
        _bytes("page_file_free_bytes", "free space in all page files"),
        _percent("available_percent", "available memory in percent of RAM (derived)"),
        _percent("commit_percent", "committed memory in percent of the commit limit (derived)"),
        _percent("mdl_percent", "pages for MDLs in percent of RAM (derived)"),
        _percent("awe_percent", "AWE pages in percent of RAM (derived)"),
        _percent("contiguous_percent", "contiguous memory in percent of RAM (derived)"),
        _percent("locked_io_percent", "locked I/O pages in percent of RAM (derived)"),
        _percent("private_percent", "private memory in percent of RAM (derived)"),
        _count("kernel_stacks", "kernel stacks, estimated from their pages (derived)"),
        single=True,
    ),
    _kind(
        "pool",
        "pool type",
        "type",
        _word("type", _POOLS, "nonpaged, paged or session"),
        _bytes("used_bytes", "bytes in use"),
        _bytes("max_bytes", "maximum, where the source gives one that can be true"),
        _word(
            "limit",
            ("fixed", "dynamic", "none", "unknown"),
            "fixed: a maximum that percentages can be taken of; dynamic: by RAM; none; unknown",
        ),
        _percent("percent_of_max", "use in percent of a fixed maximum (derived); unknown without one"),
        _percent("percent_of_ram", "use in percent of physical memory (derived)"),
        _percent("percent_of_commit_limit", "use in percent of the commit limit (derived)"),
    ),
    _kind(
        "tag",
        "pool tag and pool type",
        "tag pool",
        _text("tag", "four characters with their blanks"),
        _word("pool", _POOLS, "nonpaged, paged or session"),
        _count("allocs", "allocations since boot; unknown where the layout counts only live ones"),
        _count("frees", "frees since boot"),
        _count("outstanding", "allocations not freed"),
        _bytes("bytes", "bytes not freed"),
        _ratio("bytes_each", "bytes per outstanding allocation (derived)"),
        _percent("share_of_pool", "share of the pool's bytes (derived)"),
        _word("share_basis", ("pool", "list"), "what the share is of: pool (its total) or list (only the tags listed)"),
        _count("rank_bytes", "rank by bytes within its pool, 1 is the largest (derived)"),
        _count("rank_outstanding", "rank by outstanding allocations within its pool (derived)"),
        _ratio("times_next", "bytes compared with the next largest tag of its pool (derived)"),
        _count("listed_tags", "tags listed of its pool (derived)"),
        _percent("listed_percent", "bytes of all tags listed of its pool in percent of the pool (derived)"),
        _percent("percent_of_ram", "bytes in percent of physical memory (derived)"),
        _percent("freed_percent", "frees in percent of allocations (derived)"),
        _text("description", "what the debugger's tag list says"),
        _text("owner", "component that owns the tag, from the known tags or the debugger's list"),
        _text("owner_source", "the user's own list of tags that owner and holds are from; absent for known tags"),
        _word(
            "tag_class",
            ("object", "companion", "generic", "specific", "cache", "reservation", "unknown"),
            "object, companion, generic, specific, cache, reservation or unknown (known tags)",
        ),
        _text("object_type", "object type the tag holds, from the known tags"),
        _text("holds", "what the allocations are, from the known tags"),
        _text("leak", "what usually leaks the tag, from the known tags"),
        _text("normal", "where a large figure is in order, from the known tags"),
        _text("mistaken_for", "what the tag is easily mistaken for, from the known tags"),
        _flag("owner_loaded", "the driver that owns the tag is among the modules listed (derived)"),
        _flag("known", "the tag is in the known tags"),
        _flag("third_party", "the known owner is not Microsoft"),
        _text("group_lead", "the tag that explains its lockstep group; absent outside a group (derived)"),
        _count("group_size", "tags in its lockstep group (derived)"),
    ),
    _kind(
        "tag_group",
        "set of tags whose outstanding counts agree within 2 percent, or in a small integer ratio",
        "lead",
        _text("tags", "the tags, separated by ' + '"),
        _count("size", "tags in the group"),
        _count("count", "outstanding allocations of the lead"),
        _text("lead", "the tag with the most specific owner"),
        _text("lead_owner", "its owner"),
        _text("lead_class", "its class"),
        _text("followers_owner", "owner of the largest cache among the other tags"),
        _bytes("bytes", "bytes of the whole group"),
        _percent("spread_percent", "largest difference between the counts after the ratio"),
        _word("basis", ("outstanding", "growth"), "outstanding or growth: which counts agree"),
    ),
    _kind(
        "object_type",
        "object type",
        "type",
        _text("type", "name of the object type"),
        _count("objects", "objects in existence"),
        _count("handles", "handles to them"),
        _text("tag", "pool tag"),
    ),
    _kind(
        "process",
        "process",
        "pid address",
        _number("pid", "process id"),
        _text("image", "image name"),
        _address("address", "EPROCESS"),
        _number("parent_pid", "process id of the creator"),
        _number("session", "session id"),
        _count("handle_count", "handles the process has open (HandleCount)"),
        _count("table_size", "TableSize as older debuggers print it: entries of the handle table"),
        _count("threads", "live threads"),
        _text("thread_states", "live threads by state and wait reason: waiting UserRequest 12, running 1"),
        _flag("exited", "the process has ended and only its object remains"),
        _flag("crashed", "the process in whose context the machine crashed"),
        _word("role", _ROLES, "system, broker, host or user (derived from the image name)"),
        _address("object_table", "handle table; 00000000 when the process has none"),
        _bytes("private_bytes", "private commit"),
        _percent("share_of_commit", "private commit in percent of all committed memory (derived)"),
        _seconds("elapsed_s", "time since the process was created"),
    ),
    _kind(
        "handles",
        "process and object type",
        "pid address type",
        _number("pid", "process id"),
        _text("image", "image name"),
        _address("address", "EPROCESS"),
        _text("type", "object type, or * for all handles of the process"),
        _count("count", "handles"),
        _count("distinct_objects", "different objects they point to"),
        _count("dead_targets", "handles whose object has ended"),
        _flag("kernel", "in the kernel handle table: opened by kernel code"),
        _percent("share_of_type", "count in percent of the outstanding objects of that type (derived)"),
        _percent("share_of_process", "count in percent of the handles of its process (derived)"),
        _word("role", _ROLES, "role of the process (derived)"),
        _text("dominant_type", "type of all entries shown, where the list was cut"),
        _text("tag", "pool tag of the object type (derived)"),
        _count("type_total", "handles of that type in all processes listed (derived)"),
        _percent("total_share_of_type", "type_total in percent of the outstanding objects of that type (derived)"),
    ),
    _kind(
        "dead_objects",
        "object type, owner and start module",
        "type owner_pid owner_image start_module",
        _text("type", "Thread or Process"),
        _number("owner_pid", "process the ended threads belonged to"),
        _text("owner_image", "its image; of ended processes their own image"),
        _address("owner_address", "its EPROCESS"),
        _text("start_module", "module of the start address"),
        _count("count", "ended objects still in memory"),
        _count("with_handles", "of these, kept by handles"),
        _count("references_only", "of these, kept by references alone"),
        _count("sampled", "objects looked at, where the figures are of a sample"),
        _number("holder_pid", "process that holds the handles, where the source says so"),
        _text("holder_image", "its image"),
        _number("parent_pid", "process that started nearly all of the ended processes (derived)"),
        _text("parent_image", "its image, where it is alive (derived)"),
        _flag("start_third_party", "the start module is not Microsoft's (derived)"),
    ),
    _kind(
        "module",
        "loaded or unloaded module",
        "name base",
        _text("name", "module name as the debugger prints it"),
        _text("file", "file name"),
        _text("path", "image path"),
        _address("base", "load address"),
        _bytes("size", "size of the image"),
        _text("version", "file version"),
        _text("company", "company of the version resource"),
        _text("product", "product of the version resource"),
        _text("description", "description of the version resource"),
        _text("timestamp", "link time stamp, ISO 8601 UTC, or hex where the build is reproducible"),
        _text("checksum", "checksum of the image, hex"),
        _flag("third_party", "not Microsoft's (derived)"),
        _flag("unloaded", "was unloaded before the snapshot"),
        _flag("imports_pool", "imports a pool allocation routine"),
        _flag("on_stack", "has a frame on the crashing stack"),
        _text("vendor", "vendor, from the vendor list or the version resource (derived)"),
        _text("report_to", "where its vendor takes reports, from the vendor list (derived)"),
        _text("asks", "what its vendor asks for beside the report, from the vendor list (derived)"),
    ),
    _kind(
        "tag_module",
        "pool tag and module",
        "tag module how",
        _text("tag", "four characters with their blanks"),
        _text("module", "module name"),
        _count("hits", "places the tag was found"),
        _text("section", "section of the image"),
        _word(
            "how",
            ("string scan", "allocation stack", "driver name", "verifier", "framework object"),
            "string scan, allocation stack, driver name, verifier, or framework object",
        ),
        _flag("plausible", "not the kernel, not a scanner, not a table of tags, not data where code of another has it"),
        _flag("in_code", "found in a section with code, where drivers have their tags; false for data alone"),
        _flag("third_party", "the module is not Microsoft's (derived)"),
    ),
    _kind(
        "stack",
        "module on a call stack",
        "purpose module",
        _word("purpose", ("crash", "allocation", "thread", "reference"), "crash, allocation, thread or reference"),
        _text("module", "module name"),
        _text("symbol", "innermost symbol of the module on that stack"),
        _count("frame", "index of its innermost frame, 0 is the top"),
        _text("tag", "pool tag the stack allocates, where it is an allocation stack"),
        _flag("third_party", "the module is not Microsoft's (derived)"),
        _flag("wrapper", "the module allocates on behalf of its callers (derived)"),
        _flag("caller", "innermost module of an allocation stack that is neither a wrapper nor Microsoft's (derived)"),
    ),
    _kind(
        "census",
        "pool tag and pool type, from an enumeration of blocks",
        "tag pool",
        _text("tag", "four characters with their blanks"),
        _word("pool", _POOLS, "nonpaged, paged or session"),
        _count("blocks", "blocks seen, free ones left out"),
        _bytes("bytes", "their bytes"),
        _bytes("main_size", "most frequent block size"),
        _percent("main_share", "blocks of that size in percent of all"),
        _flag("complete", "the search ran to its end"),
        _address("range_start", "start of the searched range"),
        _address("range_end", "end of the searched range"),
        _text("first_blocks", "a few block addresses, separated by blanks"),
    ),
    _kind(
        "sample",
        "sampled object",
        "type address",
        _text("type", "object type, or blank for a plain block"),
        _address("address", "object body"),
        _address("block", "pool block"),
        _bytes("block_size", "size of the pool block"),
        _bytes("body_offset", "object body minus pool block"),
        _text("tag", "pool tag of the block"),
        _text("state", "terminated, exited, waiting, running, allocated, free"),
        _count("handle_count", "handles to the object"),
        _count("pointer_count", "pointer count as stored, bias included"),
        _count("references", "references other than those of handles, the bias of 8.1 and later taken out"),
        _text("cid", "client id, hex process.thread"),
        _number("owner_pid", "process the object belongs to"),
        _address("owner_address", "its EPROCESS"),
        _text("owner_image", "its image"),
        _address("start_address", "start address of a thread"),
        _address("win32_start_address", "Win32 start address of a thread"),
        _text("start_module", "module of the start address"),
        _seconds("ended_s", "seconds since it ended, where the source dates it"),
        _text("name", "object name"),
    ),
    _kind(
        "defect",
        "publicly documented defect of a driver that is loaded or whose tag is there (derived)",
        "defect",
        _text("defect", "its name in the known defects"),
        _text("module", "driver, without ending and in lower case"),
        _text("version", "its file version, where it is known"),
        _word(
            "match",
            ("certain", "possible", "fixed"),
            "certain: this version has it; possible: it may; fixed: this version has it no more",
        ),
        _text("what", "what is leaked, and when"),
        _text("tag", "of its tags, the one with most bytes here; unknown where none is listed"),
        _text("pool", "pool of that tag"),
        _text("tags", "the tags it shows in, separated by ' + '"),
        _text("first", "first version with the defect, where it is documented"),
        _text("fixed_in", "first version without it, where it is documented"),
        _text("reported", "versions it was reported with, separated by commas"),
        _text("reference", "where it is documented"),
    ),
    _kind(
        "unfreed",
        "driver and tag, from a verifier or framework check at unload",
        "driver tag",
        _text("driver", "driver the allocations belong to"),
        _text("tag", "four characters with their blanks"),
        _count("allocations", "allocations not freed"),
        _bytes("bytes", "bytes not freed"),
        _text("caller", "symbol that allocated, as printed"),
        _text("caller_module", "its module"),
        _flag("unloaded", "the driver has unloaded: what is left can no longer be freed"),
        _word("checker", ("verifier", "wdf"), "verifier or wdf"),
    ),
    _kind(
        "claim",
        "warning the debugger prints",
        "subject",
        _text("subject", "nonpaged pool, paged pool, system ptes, kernel stack ptes, kernel stacks, commit, ..."),
        _text("text", "the warning as printed"),
        _count("count", "figure in it, where it can be true"),
    ),
    _kind(
        "gap",
        "pair of counters that must agree",
        "name",
        _text("name", "what is compared"),
        _text("counter_a", "first counter"),
        _count("value_a", "its value"),
        _text("counter_b", "second counter"),
        _count("value_b", "its value"),
        _count("difference", "a minus b"),
        _percent("difference_percent", "difference in percent of the larger"),
    ),
    _kind(
        "growth",
        "quantity over two or more snapshots",
        "quantity subject type pool pid unit",
        _word(
            "quantity",
            ("tag", "process", "handles", "pool", "object type", "memory", "counter"),
            "tag, process, handles, pool, object type, memory, or counter (of Performance Monitor)",
        ),
        _text("subject", "which one: tag, image, object type, field of the memory facts, name of the counter"),
        _text("tag", "pool tag, where it is one"),
        _word("pool", _POOLS, "pool of the tag, or the pool itself"),
        _number("pid", "process it is of, where it is one"),
        _text("image", "its image"),
        _text("type", "object type, where it is one or of one"),
        _word(
            "unit",
            ("allocations", "bytes", "handles", "objects", "threads", "count"),
            "allocations, bytes, handles, objects, threads or count: what change and readings are in",
        ),
        _count("first", "what the first snapshot shows"),
        _count("last", "what the last snapshot shows"),
        _count("lowest", "lowest reading"),
        _count("highest", "highest reading"),
        _count("change", "last minus first"),
        _bytes("bytes_change", "bytes of the last minus those of the first"),
        _count("allocs_change", "allocations made in between, freed or not"),
        _count("frees_change", "frees in between"),
        _percent("freed_percent", "frees in between in percent of the allocations in between (derived)"),
        _seconds("span_s", "time between first and last"),
        _ratio("per_hour", "change per hour (derived)"),
        _ratio("bytes_per_hour", "bytes per hour (derived)"),
        _flag("monotonic", "never fell in between"),
        _count("snapshots", "snapshots it rests on: readings that differ from the one before"),
        _count("readings_count", "readings, whether they differ or not"),
        _word(
            "course",
            ("rising", "rising lows", "stepped", "level", "fell back", "falling", "two readings"),
            "rising: all along; rising lows: falls between, but to higher lows; stepped: rose for a part of the time "
            "only; level; fell back: rose and came back by half or more; falling; two readings: no course to speak of "
            "(derived)",
        ),
        _ratio("hours_left", "time to the limit at this rate (derived)"),
        _word("left_of", ("pool", "commit limit", "RAM"), "which limit that is (derived)"),
        _text("activity", "counter that it grows in step with: processes started, threads started, ... (derived)"),
        _ratio("per_activity", "change per unit of that activity (derived)"),
        _flag("wrapped", "a 32-bit counter of it went through its end and the figures were put right (derived)"),
        _text("readings", "what was read, oldest first, separated by blanks: seconds=value, or value where undated"),
    ),
    _kind(
        "snapshot",
        "casefile of several, or series of snapshots in one",
        "number",
        _number("number", "1 is the oldest"),
        _text("name", "name of the casefile"),
        _text("sha256", "its SHA-256"),
        _word(
            "source_kind",
            ("dump", "log", "poolmon", "perfmon", "events", "table", "facts"),
            "dump, log, poolmon, perfmon, events, table or facts",
        ),
        _text("time", "moment of the snapshot, or of the first of a series, ISO 8601 UTC"),
        _text("until", "moment of the last of a series, ISO 8601 UTC"),
        _seconds("uptime_s", "time since boot"),
        _count("readings", "snapshots in it: 1, or those of a series"),
        _seconds("interval_s", "usual time between the snapshots of a series"),
        _text("placed_by", "what its place in time rests on: clock, uptime, order given, order in the file"),
    ),
    _kind(
        "data_quality",
        "flaw of the evidence",
        "problem subject line",
        _word(
            "problem",
            _PROBLEMS,
            "cut-list, impossible-counter, debugger-error, not-understood, several-machines, low-precision, "
            "not-in-dump, not-recorded, broken, not-read, coverage, missing-symbols, second-hand, restart, "
            "wrapped-counter, undated, debugger",
        ),
        _text("subject", "what it touches: pool, tags, handles, processes, modules, memory, objects, stacks"),
        _word("severity", ("info", "warning"), "info or warning"),
        _text("text", "one sentence for the report"),
        _count("line", "line of the log"),
    ),
    _kind(
        "finding",
        "conclusion of a rule",
        "name tag pid module subject",
        _text("name", "name of the finding, its part first: kind.handle-leak"),
        _word("part", _PARTS, "quality, resource, step, kind, holder, culprit, known, normal or next"),
        _number("confidence", "0 unknown, 1 low, 2 medium, 3 high, 4 certain"),
        _word("severity", ("info", "warning", "critical"), "info, warning or critical"),
        _text("tag", "tag it is about"),
        _text("pool", "pool it is about"),
        _text("object_type", "object type it is about"),
        _number("pid", "process id it is about"),
        _text("image", "image it is about"),
        _address("address", "object or process it is about"),
        _text("module", "module it is about"),
        _text("subject", "anything else it is about: which counter, which note"),
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""Every kind of fact by name."""
