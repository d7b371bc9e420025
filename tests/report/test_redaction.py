"""Redaction: what is hidden at each level, that no output shows it in any spelling, and that the verdict stays."""

import html
import io
import json
import stat
import zipfile
from pathlib import Path

import pytest
from pypdf import PdfReader

from dumptriage import report
from dumptriage.applied import load_rules
from dumptriage.cli import app
from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import CasefileError, OutputError, UsageError
from dumptriage.facts import Case, Casefile, new
from dumptriage.knowledge import load_knowledge
from dumptriage.redaction import LEVELS, Level, Redaction, Redactor, level_of
from dumptriage.redaction.pseudonyms import MAX_NAMES
from dumptriage.sources import Options, read
from dumptriage.triage import diagnose, print_facts, run_casefiles

CASEFILES = Path(__file__).parents[2] / "casefiles"
LOG = CASEFILES / "thread-handle-leak" / "casefile.log"

USER, SHORT, MACHINE, DOMAIN, LOGIN = "Margarete.Özil", "MARGAR~1", "ZWICKAU-WS17", "GLASHAUS", "mözil"
FOLDER, IMAGE = r"D:\Vorhaben Nord\Entwurf", "lagerhaltung.exe"
SECRETS = (USER, SHORT, MACHINE, DOMAIN, LOGIN)


def utf16(text: str) -> str:
    return text.encode("utf-16-le").hex(" ")


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


PLANTED = rf"""
Image path: C:\Users\{USER}\AppData\Local\{IMAGE} and c:\users\{USER.upper()}\x.sys, c:\DOCUME~1\{SHORT}\y.txt
Computer Name: {MACHINE.lower()}   \\{MACHINE}\freigabe\plan.txt  {DOMAIN}\{LOGIN} is logged on
{utf16(USER)} {utf16(MACHINE.lower())}
{escaped(USER)} {USER.replace("Ö", "&#214;")} 004d0061007200670061007200650074
S-1-5-21-3623811015-3361044348-30300820-1013 {MACHINE}.glashaus.example {LOGIN}@glashaus.example
backup_{USER.lower()}.7z \Device\HarddiskVolume3\Users\{USER}\NTUSER.DAT {FOLDER}\plan.docx
"""


def case(text: str, image: str = "worker.exe", address: str = "886f5020") -> Case:
    process = new(
        "process", source="case.log:3", verify="!process 886f5020 0", quote=text, pid=4711, image=image, address=address
    )
    return Case(Casefile("case.log", "ab" * 32, 1000, "log"), [process])


def redacted(text: str, level: str = "names", **fields: str) -> str:
    (done,) = Redactor(Redaction(level_of(level)), load_knowledge()).cases([case(text, **fields)])
    return done.facts[0].quote or ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"C:\Users\jroe\a.txt", r"C:\Users\user-1\a.txt"),
        (r"C:\Users\Jane Roe\a.txt of JANE  ROE", r"C:\Users\user-1\a.txt of user-1"),
        (r"C:/Users/jroe/a.txt jroe2 xjroex", r"C:/Users/user-1/a.txt jroe2 xjroex"),
        (r"C:\Users\Jane Roe", r"C:\Users\user-1"),
        (r"C:\Users\jroe is full", r"C:\Users\user-1 is full"),
        (r"\??\C:\Documents and Settings\jroe\x", r"\??\C:\Documents and Settings\user-1\x"),
        (r"C:\Users\Jane.Roe\x C:\Users\JANERO~1\y", r"C:\Users\user-1\x C:\Users\user-1\y"),
        (r"C:\Users\jane.roe\x of jane.roe_old.exe", r"C:\Users\user-1\x of user-1_old.exe"),
        (r"C:\Users\Public\x C:\Windows\System32\config\systemprofile", None),
        (r"\\SRV07\share\x from srv07", r"\\host-1\share\x from host-1"),
        (r"\Device\Mup\SRV07\share", r"\Device\Mup\host-1\share"),
        (r"\\.\pipe\com_1 \\?\C:\x", None),
        ("Computer Name: SRV07", "Computer Name: host-1"),
        ("COMPUTERNAME=SRV07 USERNAME=jroe", "COMPUTERNAME=host-1 USERNAME=user-1"),
        ("Machine Name:\nKernel base = 0x80400000", None),
        (r"ACME\jroe: ok", r"domain-1\user-1: ok"),
        (r"NT AUTHORITY\SYSTEM SOFTWARE\Classes DRIVERS\tcpip.sys", None),
        ("jroe@acme.example wrote", "user-1@domain-1 wrote"),
        ("S-1-5-21-1-2-3-500 S-1-5-18", "sid-1 S-1-5-18"),
        ("target 192.168.0.10 of 10.0.19041.1", "target ip-1 of 10.0.19041.1"),
        (r"\\SRV07\c$ srv07.corp.example", r"\\host-1\c$ host-1.domain-1"),
        (r"C:\Users\pool\x of the nonpaged pool", r"C:\Users\user-1\x of the nonpaged pool"),
        (r"C:\Users\disk1\x on harddisk1", r"C:\Users\user-1\x on harduser-1"),
        (r"C:\Users\roe9\x in 72 00 6f 00 65 00 39 00", r"C:\Users\user-1\x in user-1"),
    ],
)
def test_names(text: str, shown: str | None) -> None:
    assert redacted(text) == (shown or text)


@pytest.mark.parametrize("level", list(Level))
def test_the_name_of_the_machine_in_a_log(level: Level, tmp_path: Path) -> None:
    path = tmp_path / "case.log"
    path.write_text(f"Machine Name: {MACHINE}\n{LOG.read_text(encoding='utf-8')}", encoding="utf-8")
    (done,) = Redactor(Redaction(level), load_knowledge()).cases(read(path))
    assert [fact.text("computer") for fact in done.of("system") if fact.get("computer")] == ["host-1"]
    assert MACHINE.lower() not in "".join(map(str, done.facts)).lower()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"C:\Program Files\Acme\acme.sys", r"path-1\acme.sys"),
        (r"C:\A\a.sys \??\c:\a\b.dll C:/A/c.exe", r"path-1\a.sys path-1\b.dll path-1\c.exe"),
        (r"D:\Plans\merger.docx", "path-1"),
        (r"\Device\HarddiskVolume2\Plans\a.txt", "path-1"),
        (r"\Plans\a.txt {HarddiskVolume2}", "path-1 {HarddiskVolume2}"),
        (r"\\srv\share\x\a.txt", "path-1"),
        (r"\SystemRoot\system32\drivers\acme.sys C:\WINDOWS\system32\ntdll.dll", None),
        (r"C:\Windows\Temp\x\a.sys", r"path-1\a.sys"),
        (r"\Driver\acme \Device\Afd \BaseNamedObjects\x \??\C:\pagefile.sys", None),
        (r"d:\build\acme\src\queue.c @ 112", r"path-1\queue.c @ 112"),
    ],
)
def test_paths(text: str, shown: str | None) -> None:
    assert redacted(text, "paths") == (shown or text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Image: worker.exe", "Image: image-1.exe"),
        ("WORKER.EXE worker!main+0x10 reworker", "image-1.exe image-1!main+0x10 reworker"),
        ("svchost.exe explorer.exe System acme.sys ntdll!Foo kernel32.dll", None),
        ("other.dll", "image-2.dll"),
    ],
)
def test_images(text: str, shown: str | None) -> None:
    assert redacted(text, "images") == (shown or text)


def test_an_image_name_that_the_kernel_cut_is_the_same_image() -> None:
    text = "averylongprogra averylongprogram.exe"
    assert redacted(text, "images", image="averylongprogram.exe") == "image-1 image-1.exe"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fffff805`4d200000 FFFFF8054D200000 0xfffff8054d200000", "addr-2 addr-2 addr-2"),
        ("886f5020 00000000 0000000000000000", "addr-1 00000000 0000000000000000"),
        ("326514 allocs 208968960 bytes, nt!ExpWorkerThread+0x1a2b3c", None),
        ("0x7c57b740 0x280 c0000005", "addr-2 0x280 addr-3"),
        ("80417a9a 20261122", "addr-2 20261122"),
    ],
)
def test_addresses(text: str, shown: str | None) -> None:
    assert redacted(text, "addresses") == (shown or text)


def test_levels_hide_more_and_more_and_drivers_stay() -> None:
    text = r"C:\Users\jroe\worker.exe 886f5020 C:\Acme\acmeflt.sys acmeflt!Alloc"
    assert [redacted(text, level) for level in LEVELS] == [
        r"C:\Users\user-1\worker.exe 886f5020 C:\Acme\acmeflt.sys acmeflt!Alloc",
        r"path-1\worker.exe 886f5020 path-2\acmeflt.sys acmeflt!Alloc",
        r"path-1\image-1.exe 886f5020 path-2\acmeflt.sys acmeflt!Alloc",
        r"path-1\image-1.exe addr-1 path-2\acmeflt.sys acmeflt!Alloc",
    ]


def test_all_of_a_fact_is_redacted_alike() -> None:
    (done,) = Redactor(Redaction(Level.ADDRESSES), load_knowledge()).cases([case("x", image="jroe.exe")])
    fact = done.facts[0]
    assert (fact.id, fact.verify, fact.source) == ("process:4711:addr-1", "!process addr-1 0", "casefile.log:3")
    assert fact.get("image") == "image-1.exe"
    assert (done.casefile.name, done.redaction) == ("casefile.log", "addresses")


def test_what_was_redacted_may_be_redacted_again() -> None:
    once = redacted(r"C:\Users\jroe\worker.exe at 886f5020", "addresses")
    assert redacted(once, "addresses", image="image-1.exe", address="addr-1") == once


def test_more_names_than_can_be_looked_for_are_refused() -> None:
    with pytest.raises(CasefileError, match=f"more than {MAX_NAMES} different names"):
        redacted("\n".join(rf"C:\Users\u{number}\x" for number in range(MAX_NAMES + 1)))


@pytest.mark.parametrize(
    "piece", ["\\", "\\Users\\", "a ", "a b\\", "a@", "A\\b ", "user: ", "0 ", "a.exe ", "\\\\a", "(", "1.", "- "]
)
def test_hostile_texts_end(piece: str) -> None:
    redacted("C:\\" + piece * (60_000 // len(piece)) + r" C:\Users\Margarete.Roe\x", "addresses")


def test_an_unknown_level_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="names, paths, images, addresses"):
        level_of("all")


# One casefile with secrets in every text, through every output.


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A facts.json whose every quote, source and note has the secrets, under a name that has them too."""
    (read_case,) = read(LOG)
    document = json.loads(report.facts_json(read_case))
    document["casefile"]["name"] = f"{MACHINE} {USER}.log"
    document["machine"] = f"{MACHINE}, lines 1-100"
    for row in document["facts"]:
        row["quote"] = f"{row.get('quote') or ''}\n{PLANTED}"
        row["source"] = row["source"].replace("casefile.log", f"{MACHINE} {USER}.log")
        if row["kind"] == "claim":
            row["text"] += rf", said {DOMAIN}\{LOGIN} on {MACHINE}"
        for name in ("image", "owner_image"):
            if row.get(name):
                row[name] = IMAGE
    document["facts"].append(
        {
            "kind": "module",
            "name": "acmeflt",
            "path": rf"{FOLDER}\{USER}\acmeflt.sys",
            "base": "f7000000",
            "source": "x",
        }
    )
    document["facts"].append({"kind": "future", "owner": f"{USER} at {MACHINE}", "source": "x"})
    file = tmp_path_factory.mktemp("planted") / f"{MACHINE}-{USER}.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def outputs(casefile: Path, folder: Path, level: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The text of everything the program writes about a casefile."""
    redaction = Redaction(level_of(level))
    target = folder / "out.zip"  # all forms of the report are in it
    try:
        run_casefiles([casefile], [target], lambda _: None, Options(), redaction=redaction, quiet=True)
    except OutputError as error:
        pytest.skip(str(error))
    capsys.readouterr()
    run_casefiles([casefile], [], lambda _: None, Options(), redaction=redaction)
    texts = {"terminal": capsys.readouterr().out}
    print_facts([casefile], lambda _: None, Options(), redaction=redaction)
    texts["facts"] = capsys.readouterr().out
    with zipfile.ZipFile(target) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
        texts["names"] = " ".join(archive.namelist()) + archive.comment.decode()
    for name, content in files.items():
        texts[name] = pdf_text(content) if name.endswith(".pdf") else content.decode()
    for name in [name for name in texts if name.endswith(".json") or name == "facts"]:
        texts[f"{name}, read"] = json.dumps(json.loads(texts[name]), ensure_ascii=False)
    for name in [name for name in texts if name.endswith(".html")]:
        texts[f"{name}, read"] = html.unescape(texts[name])
    return texts


def pdf_text(content: bytes) -> str:
    pdf = PdfReader(io.BytesIO(content))
    pages = "\n".join(page.extract_text() for page in pdf.pages)
    outline = " ".join(str(getattr(entry, "title", entry)) for entry in pdf.outline)
    xmp = content[content.find(b"<?xpacket") : content.rfind(b"<?xpacket")].decode("utf-8", "replace")
    # Text is broken into lines anywhere: without white space a name broken in two is found too.
    return "\n".join([pages, "".join(pages.split()), outline, str(pdf.metadata), xmp])


def spellings(secret: str) -> set[str]:
    return {
        form.casefold()
        for form in (secret, utf16(secret), utf16(secret.lower()), escaped(secret), json.dumps(secret)[1:-1])
    } | {html.escape(secret).casefold(), secret.replace(" ", "").casefold()}


@pytest.mark.parametrize("level", LEVELS)
def test_no_output_shows_a_secret(
    level: str, planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = [*SECRETS, "S-1-5-21-3623811015", "glashaus.example"]
    secrets += [FOLDER, "Vorhaben", "plan.docx"] if level != "names" else []
    secrets += [IMAGE, "lagerhaltung"] if level in ("images", "addresses") else []
    secrets += ["886f5020", "81098620"] if level == "addresses" else []
    for name, text in outputs(planted, tmp_path, level, capsys).items():
        folded = text.casefold()
        found = [form for secret in secrets for form in spellings(secret) if form in folded]
        assert not found, f"{name} shows {found}"


def test_what_the_vendor_needs_is_still_there(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = outputs(planted, tmp_path, "addresses", capsys)
    for name in ("report.html", "report.pdf", "report.json", "cover-letter.txt", "facts"):
        assert "Thre" in texts[name]
        assert "326,514" in texts[name] or "326514" in texts[name]
    assert "image-1.exe (pid 2280) leaks thread handles" in " ".join(texts["cover-letter.txt"].split())
    assert "acmeflt" in texts["report.html"]
    assert "replaced by pseudonyms" in texts["report.html"]
    assert json.loads(texts["report.json"])["redaction"] == "addresses"


# The verdict.


def judged(diagnosis: Diagnosis) -> tuple[object, ...]:
    verdict = diagnosis.verdict
    parts = (verdict.resource, verdict.kind, verdict.holder, verdict.culprit)
    return (
        verdict.state,
        verdict.exhausted,
        verdict.kind.name,
        verdict.kind.tags,
        *(part.confidence for part in parts),
        sorted(finding.rule for finding in diagnosis.findings),
    )


@pytest.mark.parametrize("folder", sorted(path.name for path in CASEFILES.iterdir() if path.is_dir()))
def test_the_verdict_stays_and_facts_give_it_again(folder: str, tmp_path: Path) -> None:
    books = load_rules()
    (casefile,) = (CASEFILES / folder).glob("casefile.*")
    expected = [judged(diagnose(each, *books)) for each in read(casefile)]
    for level in LEVELS:
        cases = Redactor(Redaction(level_of(level)), books[1]).cases(read(casefile), casefile.name)
        diagnoses = [diagnose(each, *books) for each in cases]
        assert [judged(each) for each in diagnoses] == expected
        for diagnosis in diagnoses:
            file = tmp_path / f"{level}.json"
            file.write_text(report.facts_json(diagnosis.case))
            (again,) = read(file)
            assert again.redaction == level
            assert judged(diagnose(again, *books))[:-1] == judged(diagnosis)[:-1]


# The map.


def test_the_map_is_written_where_it_was_asked_for_and_for_its_owner_only(planted: Path, tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    out = tmp_path / "out.json"
    run_casefiles([planted], [out], lambda _: None, Options(), redaction=Redaction(Level.IMAGES, file), quiet=True)
    document = json.loads(file.read_text())
    assert (document["schema"], document["level"]) == ("dumptriage/redaction/1", "images")
    stands_for = {secret: name for name, secrets in document["pseudonyms"].items() for secret in secrets}
    assert stands_for[USER] == stands_for[SHORT] != stands_for[LOGIN]
    assert stands_for[USER].startswith("user-")
    assert stands_for[MACHINE] == stands_for[MACHINE.lower()] == "host-1"
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.json", "out.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--redact-map", "map.json"], "no map without --redact"),
        (["--redact", "names", "--redact-map", "out.json", "--report", "out.json"], "choose another"),
        (["--redact", "all"], "names"),
    ],
)
def test_wrong_use(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        app([str(LOG), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_known_by_one_context_vanishes_where_it_stands_alone() -> None:
    """Also from what a driver says of itself: whoever built it wrote that."""
    module = new(
        "module",
        source="case.log:9",
        name="foo",
        path=r"C:\Users\jdoe\foo.sys",
        company="JDoe Software",
        product="foo of jdoe",
        description="built by jdoe",
    )
    other = new("process", source="case.log:3", pid=8, image="jdoe", quote="started by jdoe, jdoe-tool.exe")
    given = Case(Casefile("case.log", "ab" * 32, 1000, "log"), [module, other])
    (done,) = Redactor(Redaction(Level.NAMES), load_knowledge()).cases([given])
    assert "jdoe" not in report.facts_json(done).lower()
    assert done.facts[0].text("company") == "user-1 Software"


def test_a_domain_called_microsoft_does_not_make_system_drivers_third_party() -> None:
    module = new("module", source="case.log:9", name="nt", company="Microsoft Corporation", path=r"MICROSOFT\jdoe")
    (done,) = Redactor(Redaction(Level.NAMES), load_knowledge()).cases(
        [Case(Casefile("case.log", "ab" * 32, 1000, "log"), [module])]
    )
    assert done.facts[0].text("company") == "Microsoft Corporation"
