"""The report as a support team's own: settings under [report], every mistake with its place, and what comes of them."""

import base64
import re
import struct
import zlib
from pathlib import Path

import pytest
import report_cases

from dumptriage import report, settings, userfolders
from dumptriage.errors import OutputError, RulebookError
from dumptriage.report.branding import SECTIONS, SHIPPED
from dumptriage.report.page import html
from dumptriage.report.wording import load, shipped

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#246"/></svg>'


def png(width: int = 2, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x80" * 2) * 2)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a logo, a wording and own templates, and no settings of a user."""
    monkeypatch.chdir(tmp_path)
    (userfolders.config() / "triage.toml").unlink(missing_ok=True)
    (tmp_path / "logo.svg").write_text(SVG)
    (tmp_path / "logo.png").write_bytes(png())
    (tmp_path / "wording.de.yaml").write_text("title: Fallbericht\nsection: {chain: Beweiskette}\n")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "wording.yaml").write_text("title: Unser Bericht\nquestion: {sure: Wie sicher}\n")
    (tmp_path / "own" / "screen.css").write_text("body { color: rebeccapurple; }\n")
    return tmp_path


def branding(text: str) -> report.Branding:
    Path("triage.toml").write_text(f"[report]\n{text}\n", encoding="utf-8")
    return settings.load().report


def mistakes(text: str) -> list[str]:
    with pytest.raises(RulebookError) as caught:
        branding(text)
    return str(caught.value).splitlines()


def page(text: str, *, paper: bool = False) -> str:
    with report.using(branding(text)):
        return html(report_cases.leak(), paper=paper)


def anchors(text: str) -> list[str]:
    return re.findall(r'<h2 id="([a-z]+)">', text)


def test_without_settings_all_is_as_shipped() -> None:
    assert settings.load().report == SHIPPED
    assert page("") == html(report_cases.leak())


@pytest.mark.parametrize("name", sorted(report_cases.ALL))
def test_every_section_of_the_page_can_be_named(name: str) -> None:
    assert set(anchors(html(report_cases.ALL[name]()))) <= set(SECTIONS)


def test_company_and_contact_stand_at_the_head_and_are_text() -> None:
    text = page('company = "A & B <Support>"\ncontact = ["cases@ab.example", "+49 30 0"]')
    assert "<b>A &amp; B &lt;Support&gt;</b> · cases@ab.example · +49 30 0" in text


@pytest.mark.parametrize(("file", "kind"), [("logo.svg", "image/svg+xml"), ("logo.png", "image/png")])
def test_the_logo_is_in_the_page(file: str, kind: str) -> None:
    data = base64.b64encode(Path(file).read_bytes()).decode()
    assert f'<img class="logo" src="data:{kind};base64,{data}" alt="AB">' in page(f'company = "AB"\nlogo = "{file}"')


@pytest.mark.parametrize("file", ["logo.svg", "logo.png"])
def test_the_logo_is_in_the_pdf(file: str, tmp_path: Path) -> None:
    target = tmp_path / "out.pdf"
    sizes = []
    for text in ('company = "AB"', f'company = "AB"\nlogo = "{file}"'):
        try:
            with report.using(branding(text)):
                report.write(report_cases.healthy(), target)
        except OutputError as error:
            pytest.skip(str(error))
        sizes.append(target.read_bytes())
    assert sizes[0] != sizes[1]


def test_the_order_of_the_sections_and_no_dead_links() -> None:
    text = page('sections = ["handling", "chain"]')
    assert anchors(text) == ["handling", "chain"]
    assert 'class="page-one' in text
    assert re.findall(r'<li><a href="#(handling|chain|evidence)"', text) == ["handling", "chain"]
    ids = set(re.findall(r'\bid="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= ids


def test_own_sentences_go_over_the_shipped_ones_and_english_fills_the_rest() -> None:
    text = page('language = "de"\nwording = "wording.de.yaml"')
    assert '<html lang="de">' in text
    assert "<title>Fallbericht:" in text
    assert ">Beweiskette</h2>" in text
    assert ">What is wrong</h2>" in text


def test_the_file_named_goes_over_the_one_in_the_folder() -> None:
    text = page('wording = "wording.de.yaml"\ntemplates = "own"')
    assert "<title>Fallbericht:" in text
    assert ">Wie sicher</h2>" in text
    assert "rebeccapurple" in text


def test_branding_ends_with_the_block() -> None:
    with report.using(branding('wording = "wording.de.yaml"')):
        assert load()("title") == "Fallbericht"
    assert load() is shipped()


def test_the_settings_of_the_folder_go_over_those_of_the_user(project: Path) -> None:
    user = userfolders.config() / "triage.toml"
    user.parent.mkdir(parents=True, exist_ok=True)
    user.write_text('[report]\ncompany = "User"\ncontact = ["one"]\n')
    try:
        found = branding('company = "Folder"')
    finally:
        user.unlink()
    assert (found.company, found.contact) == ("Folder", ("one",))


def test_an_own_template_runs_in_a_sandbox(project: Path) -> None:
    (project / "own" / "chain.html.j2").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(RulebookError, match=r"chain\.html\.j2|unsafe"):
        page('templates = "own"')


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('compny = "x"', ['triage.toml:2:1: unknown key of report "compny"; the nearest is "company"']),
        ("company = 3", ["triage.toml:2:1: report.company: expected one line of text, at most 200 characters"]),
        ('contact = "x"', ["triage.toml:2:1: report.contact: expected a list of at most 8 lines"]),
        (
            'contact = ["a", ""]',
            ["triage.toml:2:1: report.contact[2]: expected one line of text, at most 200 characters"],
        ),
        ('logo = "none.png"', ['triage.toml:2:1: report.logo: "none.png" cannot be read: No such file or directory']),
        ('logo = "wording.de.yaml"', ['triage.toml:2:1: report.logo: "wording.de.yaml" is neither PNG nor valid SVG']),
        ('language = "German!"', ['triage.toml:2:1: report.language: expected a language tag such as "de" or "pt-BR"']),
        (
            'sections = ["chain", "chian", "chain"]',
            [
                'triage.toml:2:1: report.sections[2]: unknown section "chian"; the nearest is "chain"',
                'triage.toml:2:1: report.sections[3]: section "chain" stands twice',
            ],
        ),
        ('templates = "none"', ['triage.toml:2:1: report.templates: there is no folder "none"']),
        ('wording = ["a"]', ["triage.toml:2:1: report.wording: expected the name of a file"]),
    ],
)
def test_mistakes_in_the_settings(text: str, lines: list[str]) -> None:
    found = mistakes(text)
    assert len(found) == len(lines)
    assert all(line.startswith(expected) for line, expected in zip(found, lines, strict=True)), found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tile: x", 'wording.de.yaml:1:7: unknown key "tile"; the nearest is "title"'),
        ("section: x", 'wording.de.yaml:1:10: "section" is a group of sentences, not one'),
        ("title: [x]", 'wording.de.yaml:1:8: "title" must be a text'),
        ("- x", "wording.de.yaml:1:1: expected a mapping of keys to sentences, as in reports/wording.yaml"),
        ('hedge: {low: "{% if"}', "wording.de.yaml:1:14: hedge.low: unexpected 'end of template'"),
        ('title: "{{ name }}"', 'wording.de.yaml:1:8: title: the sentence has no "name"; it has none'),
        ('machine: {build: "{{ x }}"}', 'wording.de.yaml:1:18: machine.build: the sentence has no "x"; it has build'),
        ('machine: {build: "{{ build | foo }}"}', "wording.de.yaml:1:18: machine.build: No filter named 'foo'."),
        ("title: a\ntitle: b", 'wording.de.yaml:2:1: duplicate key "title", first given in line 1'),
    ],
)
def test_mistakes_in_the_wording(text: str, line: str) -> None:
    Path("wording.de.yaml").write_text(text)
    assert mistakes('wording = "wording.de.yaml"') == [line]


def test_mistakes_in_the_folder_of_templates() -> None:
    Path("own", "chian.html.j2").write_text("x")
    Path("own", "chain.html.j2").write_text("a\n{% if %}")
    found = mistakes('templates = "own"')
    assert len(found) == 2
    unknown = 'report.templates: "own/chian.html.j2" stands for no shipped file; the nearest is "chain.html.j2"'
    assert any(line.endswith(unknown) for line in found)
    assert any(line.startswith("own/chain.html.j2:2:1: report.templates: ") for line in found)


NAMESPACE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<script>alert(1)</script>", "holds <script>"),
        ('<rect onclick="x()"/>', "holds a script in onclick"),
        ("<foreignObject/>", "holds <foreignObject>"),
        ('<image href="http://x.example/a.png"/>', "holds <image>"),
        ('<use xlink:href="http://x.example/a.svg#b"/>', "outside itself in href"),
        ('<rect fill="url(http://x.example/a)"/>', "outside itself in fill"),
        ("<style>@import url(x.css);</style>", "outside itself in <style>"),
        ("<style>rect { fill: url('//x') }</style>", "outside itself in <style>"),
        ('<animate href="#a"/>', "holds <animate>"),
    ],
)
def test_a_logo_with_scripts_or_references_is_refused(inside: str, fault: str) -> None:
    Path("bad.svg").write_text(f"<svg {NAMESPACE}>{inside}</svg>")
    (line,) = mistakes('logo = "bad.svg"')
    assert fault in line


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "document type"),
        (b"<html/>", "neither PNG nor SVG"),
        (b"\xff\xfe", "neither PNG nor SVG"),
        (b"\x89PNG\r\n\x1a\nnothing", "damaged PNG"),
        (png(5000, 2), "5000 by 2 pixels; expected at most 4096"),
        (b"\x89PNG" + b"\0" * 300_000, "larger than 262,144 bytes"),
    ],
)
def test_what_is_no_logo_is_refused(content: bytes, fault: str) -> None:
    Path("bad.svg").write_bytes(content)
    (line,) = mistakes('logo = "bad.svg"')
    assert fault in line


def test_an_svg_that_refers_to_itself_is_a_logo() -> None:
    text = f'<svg {NAMESPACE}><defs><g id="a"/></defs><use href="#a"/><rect fill="url(#a)"/></svg>'
    Path("good.svg").write_text(text)
    assert branding('logo = "good.svg"').logo


def test_every_word_of_the_verdict_can_be_translated() -> None:
    words = "word: {confidence: {certain: sicher, high: hoch}, status: {stable: bewährt}, severity: {info: Hinweis}}\n"
    Path("wording.de.yaml").write_text(f"{words}who: '{{{{ name }}}} (Prozess {{{{ pid }}}})'\n", encoding="utf-8")
    text = page('wording = "wording.de.yaml"')
    assert "</span> sicher</span>" in text
    assert "xxxxxx.EXE (Prozess 2280)" in text
    assert "(bewährt" in text
