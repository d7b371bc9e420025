"""The table [report] of triage.toml: company, contact, logo, wording, own templates and order of the sections."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .mistakes import Mistakes, Place, closest, nearest
from .report import Branding
from .report.branding import SECTIONS

KEYS = ("company", "contact", "logo", "language", "sections", "wording", "templates", "pdf")
PDF = ("pdf/ua-1", "pdf/a-3")
"""Kinds of PDF: for every reader, or for the archive too, with the JSON report embedded."""
MAX_LINE = 200
MAX_CONTACT = 8
MAX_LOGO = 256 * 1024
MAX_TEXT = 1 << 20
MAX_PIXELS = 4096

WORDING = "wording.yaml"
_TEMPLATES = (
    "report.html.j2", "page_one.html.j2", "chain.html.j2", "evidence.html.j2", "closing.html.j2", "pictures.html.j2",
    "macros.html.j2", "style.css", "screen.css",
)  # fmt: skip

_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWING = """
    svg g path rect circle ellipse line polyline polygon text tspan defs linearGradient radialGradient stop clipPath
    mask title desc use symbol pattern style metadata
"""
_SVG_ELEMENTS = frozenset(_DRAWING.split())
_ELSEWHERE = re.compile(r"url\s*\(\s*['\"]?(?!#)|@import|javascript:|expression\s*\(|\\", re.IGNORECASE)


class ReportSettings:
    """Reads the table of one settings file; what is wrong is noted with its key path."""

    def __init__(self, folder: Path, place: Callable[[str], Place], mistakes: Mistakes) -> None:
        self._folder = folder
        self._place = place
        self._mistakes = mistakes

    def read(self, value: Any, before: Branding) -> Branding:
        """What the table says, over what another settings file said before."""
        if not isinstance(value, dict):
            self._wrong("", f"expected a table with {', '.join(KEYS)}")
            return before
        readers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "company": self._company,
            "contact": self._contact,
            "logo": self._logo,
            "language": self._language,
            "sections": self._sections,
            # Own sentences of the folder of templates, then those of the file named: the latter go over the former.
            "templates": self._templates,
            "wording": self._wording,
            "pdf": self._pdf,
        }
        found = before
        for key in value:
            if key not in readers:
                self._mistakes.unknown(self._place(key), "key of report", key, KEYS, "unknown-key")
        for key, reader in readers.items():
            if key in value:
                given = reader(value[key])
                if "wording" in given:
                    given["wording"] = _over(found.wording, given["wording"])
                found = replace(found, **given)
        return found

    def _company(self, value: Any) -> dict[str, Any]:
        line = self._line("company", value)
        return {} if line is None else {"company": line}

    def _contact(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, list) or len(value) > MAX_CONTACT:
            self._wrong("contact", f"expected a list of at most {MAX_CONTACT} lines")
            return {}
        lines = [self._line(f"contact[{number}]", line) for number, line in enumerate(value, 1)]
        return {"contact": tuple(line for line in lines if line is not None)}

    def _language(self, value: Any) -> dict[str, Any]:
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}", value):
            return {"language": value}
        self._wrong("language", 'expected a language tag such as "de" or "pt-BR"')
        return {}

    def _pdf(self, value: Any) -> dict[str, Any]:
        if value in PDF:
            return {"archived": value == "pdf/a-3"}
        self._wrong("pdf", f"expected {' or '.join(PDF)}")
        return {}

    def _sections(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, list) or not value:
            self._wrong("sections", f"expected a list of some of {', '.join(SECTIONS)}, in the order of the report")
            return {}
        found: list[str] = []
        for number, name in enumerate(value, 1):
            path = f"sections[{number}]"
            if name not in SECTIONS:
                hint = nearest(str(name), SECTIONS)
                self._wrong(path, f'unknown section "{name}"; {hint}', near=closest(str(name), SECTIONS))
            elif name in found:
                self._wrong(path, f'section "{name}" stands twice')
            else:
                found.append(name)
        return {"sections": tuple(found)}

    def _logo(self, value: Any) -> dict[str, Any]:
        data = self._file("logo", value, MAX_LOGO)
        if data is None:
            return {}
        if data.startswith(_PNG):
            fault, kind = _png_fault(data), "image/png"
        else:
            fault, kind = _svg_fault(data), "image/svg+xml"
        if fault:
            self._wrong("logo", f'"{value}" {fault}')
            return {}
        return {"logo": f"data:{kind};base64,{base64.b64encode(data).decode()}"}

    def _wording(self, value: Any) -> dict[str, Any]:
        data = self._file("wording", value, MAX_TEXT)
        return {} if data is None else {"wording": self._sentences(self._folder / str(value), data)}

    def _templates(self, value: Any) -> dict[str, Any]:
        folder = self._folder / Path(value).expanduser() if isinstance(value, str) and value.strip() else None
        if folder is None or not folder.is_dir():
            self._wrong("templates", f'there is no folder "{value}"')
            return {}
        texts: list[tuple[str, str]] = []
        given: dict[str, Any] = {}
        for file in sorted(folder.iterdir()):
            if file.name.startswith(".") or file.suffix not in (".j2", ".css", ".yaml"):
                continue
            name = f"{value}/{file.name}"
            if file.name not in (*_TEMPLATES, WORDING):
                hint = nearest(file.name, [*_TEMPLATES, WORDING])
                self._wrong("templates", f'"{name}" stands for no shipped file; {hint}')
                continue
            data = self._file("templates", name, MAX_TEXT)
            if data is None:
                continue
            if file.name == WORDING:
                given["wording"] = self._sentences(file, data)
            elif (text := self._text("templates", name, data)) is not None:
                texts.append((file.name, text))
                self._check_template(file, text)
        return {**given, "templates": tuple(texts)}

    def _sentences(self, file: Path, data: bytes) -> tuple[tuple[str, str, str], ...]:
        from .report.catalogue import sentences

        text = self._text("wording", file.name, data)
        return () if text is None else sentences(file, text, self._mistakes)

    def _check_template(self, file: Path, text: str) -> None:
        if file.suffix == ".j2":
            from jinja2 import Environment, TemplateSyntaxError

            try:
                Environment(autoescape=True).parse(text)
            except TemplateSyntaxError as error:
                self._mistakes.add(
                    Place(str(file), error.lineno, 1), f"report.templates: {error.message}", "bad-template"
                )

    def _line(self, path: str, value: Any) -> str | None:
        if isinstance(value, str) and value.strip() and len(value) <= MAX_LINE and "\n" not in value.strip():
            return " ".join(value.split())
        self._wrong(path, f"expected one line of text, at most {MAX_LINE} characters")
        return None

    def _file(self, key: str, name: Any, size: int) -> bytes | None:
        """The content of a file beside the settings, or None after noting why there is none."""
        if not isinstance(name, str) or not name.strip():
            self._wrong(key, "expected the name of a file")
            return None
        path = self._folder / Path(name).expanduser()
        try:
            with path.open("rb") as file:
                data = file.read(size + 1)
        except OSError as error:
            self._wrong(key, f'"{name}" cannot be read: {error.strerror}')
            return None
        if len(data) > size:
            self._wrong(key, f'"{name}" is larger than {size:,} bytes')
            return None
        return data

    def _text(self, key: str, name: str, data: bytes) -> str | None:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._wrong(key, f'"{name}" is not UTF-8 text in line {line}')
            return None

    def _wrong(self, path: str, what: str, near: str | None = None) -> None:
        key = re.split(r"[.\[]", path)[0]
        full = f"report.{path}" if path else "report"
        self._mistakes.add(self._place(key), f"{full}: {what}", nearest=near)


def _over(
    before: tuple[tuple[str, str, str], ...], after: tuple[tuple[str, str, str], ...]
) -> tuple[tuple[str, str, str], ...]:
    keyed = {key: (key, text, file) for key, text, file in (*before, *after)}
    return tuple(keyed.values())


def _png_fault(data: bytes) -> str | None:
    if data[12:16] != b"IHDR" or len(data) < 33:
        return "is a damaged PNG"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if not (0 < width <= MAX_PIXELS and 0 < height <= MAX_PIXELS):
        return f"is {width} by {height} pixels; expected at most {MAX_PIXELS} each way"
    return None


def _svg_fault(data: bytes) -> str | None:
    """Why a file is no SVG that may stand in a report: scripts and what is fetched have no place there."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "is neither PNG nor SVG"
    if re.search(r"<!DOCTYPE|<!ENTITY|<\?xml-stylesheet", text, re.IGNORECASE):
        return "has a document type, entities or a style sheet of its own; save it as plain SVG"
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no entities, as just made sure of
    except ElementTree.ParseError as error:
        return f"is neither PNG nor valid SVG ({error})"
    if _local(root.tag) != "svg":
        return "is neither PNG nor SVG"
    for element in root.iter():
        name = _local(element.tag)
        if name not in _SVG_ELEMENTS and not _of_editor(element.tag):
            return f"holds <{name}>, which a logo must not; save it as plain SVG"
        fault = _attribute_fault(name, element.attrib)
        if fault or _ELSEWHERE.search(element.text or ""):
            return fault or f"refers to something outside itself in <{name}>; embed it or leave it out"
    return None


def _attribute_fault(element: str, attributes: Mapping[str, str]) -> str | None:
    for key, value in attributes.items():
        name = _local(key).lower()
        if name.startswith("on"):
            return f"holds a script in {name} of <{element}>; save it as plain SVG"
        if _ELSEWHERE.search(value) or (name in ("href", "src") and not value.startswith("#")):
            return f"refers to something outside itself in {name} of <{element}>; embed it or leave it out"
    return None


def _local(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _of_editor(tag: Any) -> bool:
    """Elements drawing programs leave in, of name spaces of their own, which nothing renders."""
    space = str(tag).partition("}")[0]
    return space.startswith("{") and not space.startswith(
        ("{http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xhtml")
    )
