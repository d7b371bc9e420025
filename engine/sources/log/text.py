"""Bytes of a log to numbered lines: decoding, cleaning a copy of each line for parsing, telling prompts from output.

Logs reach us through mail, tickets and web pages, so the copy loses what those add: no-break and zero-width blanks,
HTML tags and entities, markdown escapes, fences and quote marks, typographic quotes, dashes and dots. The raw line is
kept for quoting.
"""

import html
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass

from ...errors import CasefileError
from .block import Line

MAX_BYTES = 64 * 1024 * 1024
"""Largest log read. A day of `!process 0 7` on a large server stays below this."""

MAX_LINES = 2_000_000
"""Most lines of a log."""

MAX_LINE = 4096
"""Characters kept of one line; no debugger output of interest is wider."""

EXPECTED = "expected the text of a WinDbg or kd session with output such as !vm, !poolused or !process"

_TRANSLATE = (
    {ord(c): " " for c in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"}
    | {ord(c): " " for c in "\u3000\u2028\u2029\x0b\x0c\x85"}
    | {ord(c): "" for c in "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"}
    | {ord(c): "'" for c in "\u2018\u2019\u201a\u201b\u2032"}
    | {ord(c): '"' for c in "\u201c\u201d\u201e\u201f\u2033"}
    | {ord(c): "-" for c in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"}
    | {ord("\u2026"): "..."}
)
_ANSI = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_BREAK_TAG = re.compile(r"</?(?:br|p|div|tr|li|pre)(?:\s[^<>]{0,200})?\s?/?>", re.IGNORECASE)
_CELL_TAG = re.compile(r"</?t[dh](?:\s[^<>]{0,200})?>", re.IGNORECASE)
_INLINE_TAG = re.compile(
    r"</?(?:b|i|u|a|em|tt|code|span|font|strong|small|sub|sup|ul|ol|table|tbody|thead|blockquote|h[1-6])"
    r"(?:\s[^<>]{0,200})?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_MARKDOWN_ESCAPE = re.compile(r"\\([*_\[\]|#`<>~-])")
_FENCE = re.compile(r"\s*(?:```|~~~)\s?\w{0,20}\s*$")
_QUOTE_MARKS = re.compile(r"\s{0,3}>(?:\s?>){0,8}(?:\s|$)")
_PLAIN = re.compile(r"[\x20-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7e\t]*\Z")
_PROMPT = re.compile(
    r"\s*(?P<prompt>(?:\|{1,2}\d{1,4}:)?(?:\d{1,4}(?:\.\d{1,4})?:\s?)?l?kd(?::\w{1,8})?>"
    r"|(?:\|{1,2}\d{1,4}:)?\d{1,4}:\d{3}(?::\w{1,8})?>)(?P<command>.*)",
    re.IGNORECASE,
)
_BANG = re.compile(r"\s*(?P<command>!(?:[a-z]\w{0,20}\.)?[a-z]\w{1,30}(?:\s+\S.{0,120})?)$", re.IGNORECASE)
_TAG_ROW = re.compile(r"\s*!.{0,3}\s+-?\d+\s+-?\d")
_CUT = re.compile(
    r"\s*(?:\.{3,}.*|\[\s*\.{2,}.*|[<\[(]?\s*(?:snip|snipped|truncated|omitted|cut here|break|\^c)\b.{0,60})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command line of the debugger: the prompt as printed (empty where none was pasted) and the command typed."""

    prompt: str
    command: str


def decode(data: bytes) -> str:
    """The text of a log: UTF-16 or UTF-8 by its mark, else UTF-8, else Windows-1252.

    Raises CasefileError for an empty, too large or binary file.
    """
    if len(data) > MAX_BYTES:
        raise CasefileError(
            f"the log has {len(data):,} bytes, more than the {MAX_BYTES:,} read; cut it to the session of interest"
        )
    if not data.strip():
        raise CasefileError(f"the file is empty; {EXPECTED}")
    text = _decoded(data)
    if "\0" in text:
        raise CasefileError(f"the file is binary, not text; {EXPECTED}; a dump must begin with its own header")
    return text


def _decoded(data: bytes) -> str:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if data.startswith(BOM_UTF8):
        return data.decode("utf-8-sig", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 3 and not data[: error.start].isascii()
        if cut:  # within the last character of a UTF-8 file
            return data[: error.start].decode("utf-8")
        return data.decode("cp1252", errors="replace")


def to_lines(text: str) -> list[Line]:
    """Numbered lines with their cleaned copies. An HTML line break makes two lines of the same number."""
    lines: list[Line] = []
    raws = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(raws) > MAX_LINES:
        raise CasefileError(
            f"the log has {len(raws):,} lines, more than the {MAX_LINES:,} read; cut it to the session of interest"
        )
    for number, raw in enumerate(raws, 1):
        kept = raw[:MAX_LINE]
        if _PLAIN.match(kept) and "```" not in kept and "~~~" not in kept:
            lines.append(Line(number, kept, kept.rstrip()))
        elif "<" in kept and _BREAK_TAG.search(kept):
            lines.extend(Line(number, part, clean(part)) for part in _BREAK_TAG.split(kept))
        else:
            lines.append(Line(number, kept, clean(kept)))
    return lines


def clean(raw: str) -> str:
    """The copy of a line that parsers read."""
    text = raw
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "<" in text:
        text = _INLINE_TAG.sub("", _CELL_TAG.sub("  ", text))
    if "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    text = text.translate(_TRANSLATE)
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("", text)
    if ">" in text:
        text = _QUOTE_MARKS.sub("", text, count=1) if _QUOTE_MARKS.match(text) else text
    if "\\" in text and ":\\" not in text and "\\\\" not in text:  # a backslash in a path stays
        text = _MARKDOWN_ESCAPE.sub(r"\1", text)
    return text.replace("\0", "").rstrip()


def command_of(text: str) -> Command | None:
    """The command of a prompt line, or of a line that holds nothing but an extension command; None for output."""
    if ">" in text:
        match = _PROMPT.match(text)
        if match:
            return Command(match["prompt"].strip(), match["command"].strip())
    if "!" in text[:16]:
        match = _BANG.match(text)
        if match and not _TAG_ROW.match(text):
            return Command("", match["command"].strip())
    return None


def is_cut(text: str) -> bool:
    """Whether a line says that output is missing here: dots, [...], snip, Break."""
    return _CUT.match(text) is not None
