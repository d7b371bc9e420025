"""`triage rules list`, `show`, `new` and `doc`: rules as people read them, and rules to start from."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dumptriage.authoring import shown
from dumptriage.authoring.book import Book, read_book
from dumptriage.authoring.check import check
from dumptriage.authoring.page import to_html
from dumptriage.authoring.skeleton import for_kind, for_tag
from dumptriage.authoring.words import sentence
from dumptriage.cli_rules import rules_app
from dumptriage.errors import UsageError
from dumptriage.facts import KINDS
from dumptriage.rulefolder import RuleFolder
from dumptriage.settings import Settings

OWN = """pack: Own <pack>
rules:
  - id: own.rule
    title: Own <b>rule</b>
    status: test
    version: 3
    when:
      - tag t: {tag: Abcd, share_of_pool: ">= @tag.share.suspect", frees: is unknown}
      - any:
          - pool p: {type: "== t.pool", percent_of_max: "< 80 %"}
          - pool p: {type: "== t.pool", used_bytes: ">= 2 * t.bytes"}
    unless:
      - finding: {name: [kind.a, kind.b], confidence: ">= medium", tag: "== t.tag"}
    best: t.bytes
    then: {finding: step.own, severity: info, confidence: high, say: "{% if t.bytes is defined %}{{ t.bytes | size }}{% endif %} <i>"}
    tests:
      - fires_on: ./x.log
  - {id: own.a, title: A, status: test, version: 1, when: [finding f: {name: step.own}], then: {finding: kind.a, severity: info, confidence: high, label: a, say: a}}
  - {id: own.b, title: B, status: test, version: 1, when: [tag t: {}], then: {finding: kind.b, severity: info, confidence: high, label: a, say: a}}
"""  # noqa: E501


@pytest.fixture(scope="module")
def book() -> Book:
    return read_book(Settings())


@pytest.fixture
def own(tmp_path: Path) -> Book:
    text = OWN.replace("finding: {name: [kind.a, kind.b]", "finding: {name: [kind.b]")
    (tmp_path / "own.yaml").write_text(text)
    return read_book(Settings(rules=(RuleFolder(tmp_path, "own"),)))


def test_a_rule_in_words(own: Book, tmp_path: Path) -> None:
    from dumptriage.authoring.listing import to_page

    page = " ".join(to_page(own.rule("own.rule"), own).split())
    for part in (
        "own.rule, version 3, test, pack Own <pack>",
        "from own, not one of the shipped rules",
        "tag t, of which tag is Abcd and share_of_pool is at least 30 % (@tag.share.suspect) and frees is unknown",
        "one of: - pool p, of which type is t.pool and percent_of_max is less than 80 %",
        "used_bytes is at least 2 times t.bytes",
        "finding, of which name is kind.b and confidence is at least medium and tag is t.tag",
        "the one with the largest t.bytes",
        "It says [<t.bytes>] <i>",
        "@tag.share.suspect: 30 %, share of its pool",
        "Silenced by - own.b: B",
        "Built upon by - own.a: A",
        "Tests - fires on ./x.log",
    ):
        assert part in page
    assert "Builds on" not in page
    silencing = to_page(own.rule("own.b"), own).partition("\nSilences\n")[2]
    assert "- own.rule: Own <b>rule</b>" in silencing


def test_unknown_rule(book: Book) -> None:
    with pytest.raises(UsageError, match=r'no finding "tags\.dominate-pool"; the nearest is "tags\.dominates-pool"'):
        book.rule("tags.dominate-pool")


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("{% if t.x %}A {{ t.x | n }},{% endif %}\n {{ share(a.b, c.d) }}", "[A <t.x>,] <share(a.b, c.d)>"),
        ("{{ d.count | n }} {{ 'has' if d.count == 1 else 'have' }} ended", "<d.count> has/have ended"),
        ("{% if d.x is defined %}ended{% else %}of them{% endif %} now", "[ended | of them] now"),
        ("so{% if a.x %} much{% elif a.y %} many{% endif %} more", "so [much | many] more"),
        ("{% if a.x %}A{% if a.y %} B{% endif %}{% endif %}.", "[A [B]]."),
        ("{%- if a.x %} over{% endif %}\n {%- if a.y -%}\n under {% endif %}", "[over][under]"),
        ("handle{{ 's' if h.count != 1 }}", "handle[s]"),
        ("the {{ 'process is' if a.n == 1 else 'processes are' }} gone", "the [process is | processes are] gone"),
        ("{{ (t.a if t.a is defined else t.b) | n }} of {{ 100 * t.a / t.b }}", "<t.a>/<t.b> of <100 * t.a / t.b>"),
        ("!poolused {{ '8' if t.p == 's' else '4' if t.p == 'p' else '2' }}{# x #}", "!poolused 8/4/2"),
        ("{{ {'a': 'x', 'b': 'y'}[r.name] }} < {{ a.b ~ 'c' }}", "x/y < <a.b>c"),
        ("{{ {'a': 'x y'}.get(r.name, 'z') }} {{ '%04x' | format(p.pid) }}", "[x y | z] <p.pid>"),
        ("{% for x in t.tags %}{{ x }} {% endfor %}{{ t.a is defined }}", "[<x>] <t.a>"),
    ],
)
def test_sentence_leaves_values_open(source: str, read: str) -> None:
    assert sentence(source) == read


def test_sentences_of_all_rules_can_be_read(book: Book) -> None:
    for rule in book.rules:
        then = rule.then
        for one in (then.say, then.disprove, then.label, *then.next):
            shown_as = sentence(one.source) if one else ""
            assert not re.search(r"[{}]|<>|\[]|%\d", shown_as), rule.id


def test_show_of_a_finding_lists_the_rules_that_draw_it(book: Book) -> None:
    run = CliRunner().invoke(rules_app, ["show", "holder.process"])
    makers = book.makers("holder.process")
    assert run.exit_code == 0 and len(makers) > 1
    assert f"holder.process is a finding; {len(makers)} rules may draw it" in run.output
    assert all(f"  {rule.id} " in run.output for rule in makers)


def test_list_of_an_unknown_pack_names_the_nearest() -> None:
    run = CliRunner().invoke(rules_app, ["list", "--pack", "Culprit causes"])
    assert isinstance(run.exception, UsageError)
    assert 'no pack with "Culprit causes" in its name; the nearest is "Culprits"' in str(run.exception)


def test_long_titles_of_the_list_have_the_line(book: Book) -> None:
    run = CliRunner().invoke(rules_app, ["list"])
    assert all(rule.title in run.output for rule in book.rules if len(rule.title) <= 76)


def test_list_fits_eighty_columns_and_filters(book: Book) -> None:
    run = CliRunner().invoke(rules_app, ["list"])
    assert run.exit_code == 0 and max(map(len, run.output.splitlines())) <= 80
    run = CliRunner().invoke(rules_app, ["list", "--status", "stable", "--pack", "tags", "--format", "json"])
    listed = json.loads(run.output)
    assert [one["id"] for one in listed] == [
        rule.id for rule in book.rules if rule.status == "stable" and "tags" in book.pack(rule).lower()
    ]
    assert listed[0].keys() >= {"id", "version", "status", "title", "pack"}


class _Page(HTMLParser):
    """Collects what a page refers to and defines."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def test_rule_book_page(own: Book) -> None:
    text = to_html(own)
    page = _Page()
    page.feed(text)
    assert len(set(page.ids)) == len(page.ids)
    assert {f"rule-{rule.id}" for rule in own.rules} < set(page.ids)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert all(link.startswith(("#", "https://")) for link in page.links)
    assert not page.elements & {"script", "img", "link", "b", "i"}
    assert "Own &lt;b&gt;rule&lt;/b&gt;" in text and "default-src &#39;none&#39;" not in text
    assert "prefers-color-scheme: dark" in text and text == to_html(own)
    for name in own.thresholds:
        assert f"@{name}</td>" in text


def test_doc_writes_html_only(tmp_path: Path) -> None:
    for name in ("book.pdf", "book.doc", "book"):
        run = CliRunner().invoke(rules_app, ["doc", str(tmp_path / name)])
        assert isinstance(run.exception, UsageError)
        assert str(run.exception).endswith("the rule book is an HTML page; give the file the ending .html")
    run = CliRunner().invoke(rules_app, ["doc", str(tmp_path / "book.html")])
    assert run.exit_code == 0 and (tmp_path / "book.html").read_text().startswith("<!DOCTYPE html>")


def passes(path: Path, text: str) -> None:
    """Check and test a file as its author would."""
    path.write_text(text, encoding="utf-8")
    assert shown.to_text(check([path], Settings())) == "1 file checked: no mistakes\n"
    run = CliRunner().invoke(rules_app, ["test", str(path)])
    assert run.exit_code == 0 and re.search(r"^[1-9]\d* tests of [12] rule", run.output, re.MULTILINE), run.output


@pytest.mark.parametrize("tag", ["Xyz1", "Thre", "Key", "AB", 'a"\\c', "Wi-F", "{{t}", "NpFi"])
def test_new_rule_for_a_tag_passes(book: Book, tmp_path: Path, tag: str) -> None:
    text = for_tag(tag, None, book, tmp_path / "new.yaml")
    passes(tmp_path / "new.yaml", text)
    assert text.startswith("# yaml-language-server: $schema=")


def test_new_rules_for_all_kinds_pass(book: Book, tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / f"{kind}.yaml").write_text(for_kind(kind, None, book, None), encoding="utf-8")
    assert shown.to_text(check([tmp_path], Settings())) == f"{len(KINDS)} files checked: no mistakes\n"
    run = CliRunner().invoke(rules_app, ["test", str(tmp_path)])
    assert run.exit_code == 0, run.output


def test_new_rule_says_what_is_known(book: Book) -> None:
    assert "class object: thread objects" in for_tag("Thre", None, book, None)
    assert "Not among the known tags" in for_tag("Xyz1", None, book, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one of --tag TAG and --kind KIND"),
        (["--tag", "Abcd", "--kind", "tag"], "expected one of --tag TAG and --kind KIND"),
        (["--tag", "Abcde"], "is not a pool tag"),
        (["--tag", ""], "is not a pool tag"),
        (["--kind", "handle"], 'there is no kind of fact "handle"; the nearest is "handles"'),
        (["--kind", "tag", "--id", "Own"], "is not lower-case words"),
        (["--kind", "tag", "--id", "tags.small"], 'there is a rule "tags.small" already'),
    ],
)
def test_new_rule_refused(arguments: list[str], message: str) -> None:
    run = CliRunner().invoke(rules_app, ["new", *arguments])
    assert isinstance(run.exception, UsageError) and message in str(run.exception)


def test_new_rule_never_replaces_a_file(tmp_path: Path) -> None:
    to = tmp_path / "own/new.yaml"
    assert CliRunner().invoke(rules_app, ["new", "--tag", "Xyz1", "--to", str(to)]).exit_code == 0
    before = to.read_text()
    run = CliRunner().invoke(rules_app, ["new", "--tag", "Xyz2", "--to", str(to)])
    assert isinstance(run.exception, UsageError) and to.read_text() == before


def test_the_worked_example_of_the_page_passes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/writing-rules.md").read_text(encoding="utf-8")
    example = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0]
    passes(tmp_path / "xyz1.yaml", example)
