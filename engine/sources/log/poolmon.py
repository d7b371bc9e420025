"""One screen or `-n` snapshot of poolmon pasted into a log: tags, and the memory header above them."""

import re
from collections.abc import Sequence

from .block import Line, Log, Parser
from .numbers import WHOLE, count
from .text import is_cut

_MEMORY = re.compile(r"\s*Memory:\s*(?P<memory>\d{1,15})K\s+Avail:\s*(?P<available>\d{1,15})K\b", re.IGNORECASE)
_COMMIT = re.compile(
    r"\s*Commit:\s*(?P<commit>\d{1,15})K\s*Limit:\s*(?P<limit>\d{1,15})K\s*Peak:\s*(?P<peak>\d{1,15})K\s+"
    r"Pool N:\s*(?P<nonpaged>\d{1,15})K\s*P:\s*(?P<paged>\d{1,15})K",
    re.IGNORECASE,
)
_CHANGE = r"(?:\s*\(\s*-?\d{1,15}\s*\))?"
_ROW = re.compile(
    rf"\s*(?P<tag>\S(?:.{{0,2}}\S)?)\s+(?P<pool>Nonp|Paged)\s+(?P<allocs>{WHOLE}){_CHANGE}\s+"
    rf"(?P<frees>{WHOLE}){_CHANGE}\s+(?P<diff>-?{WHOLE})\s+(?P<bytes>{WHOLE}){_CHANGE}\s+"
    rf"{WHOLE}(?![\d.,' ]*\d)(?P<rest>.*)$",
    re.IGNORECASE,
)
_COLUMNS = re.compile(r"[\s#]*Tag\s+Type\s+Allocs\s+Frees\s+Diff\s+Bytes", re.IGNORECASE)
_SCOPE = re.compile(r"\s*(?:System|All sessions|(?P<session>Session \d+)) pool information", re.IGNORECASE)
_RULE = re.compile(r"\s*-{5,}\s*$")
_DRIVER = re.compile(r"\[(?P<driver>[\w.+-]{1,40})(?:\s*-+\s*(?P<description>[^\]]{0,80}))?\]?\s*$")

KB = 1024


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one screen, or rows of one."""
    if not _begins(lines[start].text):
        return start
    pool = ""
    end = index = start
    memory = commit = cut = False
    rows: list[Line] = []
    while index < len(lines):
        line = lines[index]
        text = line.text
        if text:
            if match := _MEMORY.match(text):
                if memory or rows:
                    break
                memory = True
                _add_memory(match, lines[index : index + 3], log)
            elif match := _COMMIT.match(text):
                if commit or rows:
                    break
                commit = True
                _add_pools(match, line, log)
            elif match := _ROW.match(text):
                rows.append(line)
                _add_tag(match, pool, line, log)
            elif match := _SCOPE.match(text):
                pool = "" if "system pool" in text.lower() else "session"
            elif is_cut(text):
                cut = True
            elif not (_COLUMNS.match(text) or _RULE.match(text)):
                break
            end = index + 1
        index += 1
    if rows and (cut or len(rows) < 20):
        log.note("cut-list", "tags", f"The poolmon list is cut; rows found: {len(rows)}.", rows[0])
    return end


def _begins(text: str) -> bool:
    if "K" in text and (_MEMORY.match(text) or _COMMIT.match(text)):
        return True
    lowered = text.lower()
    if "nonp" in lowered or "paged" in lowered:
        return _ROW.match(text) is not None
    return "tag" in lowered and _COLUMNS.match(text) is not None


def _add_memory(match: re.Match[str], near: Sequence[Line], log: Log) -> None:
    commit = next((found for line in near if (found := _COMMIT.match(line.text))), None)
    log.add(
        "memory",
        [near[0]],
        verify="poolmon",
        physical_bytes=int(match["memory"]) * KB,
        available_bytes=int(match["available"]) * KB,
        committed_bytes=int(commit["commit"]) * KB if commit else None,
        commit_limit_bytes=int(commit["limit"]) * KB if commit else None,
        peak_commit_bytes=int(commit["peak"]) * KB if commit else None,
    )


def _add_pools(match: re.Match[str], line: Line, log: Log) -> None:
    for pool in ("nonpaged", "paged"):
        log.add("pool", [line], verify="poolmon", type=pool, used_bytes=int(match[pool]) * KB)


def _add_tag(match: re.Match[str], pool: str, line: Line, log: Log) -> None:
    allocs, frees, diff, used = (count(match[name]) for name in ("allocs", "frees", "diff", "bytes"))
    if not (allocs or used) or diff < 0:
        return
    blanks = any(" " in match[name] for name in ("allocs", "frees", "diff", "bytes"))
    if blanks and allocs - frees != diff:
        text = f"The row of tag {match['tag']} was left out, as its numbers do not fit the columns."
        log.note("not-understood", "tags", text, line, severity="warning")
        return
    driver = _DRIVER.search(match["rest"])
    log.add(
        "tag",
        [line],
        verify=f"poolmon -i{match['tag']}",
        quality="suspect" if (allocs - frees - diff) % 2**32 else "exact",
        tag=match["tag"].ljust(4),
        pool=pool or ("nonpaged" if match["pool"].lower() == "nonp" else "paged"),
        allocs=allocs,
        frees=frees,
        outstanding=diff,
        bytes=used,
        description=" ".join((driver["description"] or "").split()) or None if driver else None,
        owner=driver["driver"] if driver else None,
    )


PARSERS: tuple[Parser, ...] = (parse,)
