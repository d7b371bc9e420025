"""The known tags, modules and vendors: how they are asked, and what a mistake in their files says."""

from pathlib import Path

import pytest

from dumptriage.errors import RulebookError
from dumptriage.knowledge import TAG_CLASSES, load_knowledge, module_stem

KNOWN = load_knowledge()


def test_the_shipped_knowledge_is_broad() -> None:
    assert len(KNOWN.tags) >= 60
    assert {entry.tag_class for entry in KNOWN.tags} == set(TAG_CLASSES)


@pytest.mark.parametrize(
    ("tag", "owner"),
    [("Irp ", "nt!io"), ("CM31", "nt!cm"), ("CMzz", "nt!cm"), ("Ntfc", "ntfs.sys"), ("NTFC", None), ("Zq9_", None)],
)
def test_an_exact_tag_wins_over_a_pattern_and_case_matters(tag: str, owner: str | None) -> None:
    entry = KNOWN.tag(tag)
    assert (entry.owner if entry else None) == owner


@pytest.mark.parametrize(
    ("image", "role"),
    [
        ("System", "system"),
        ("lsass.exe", "broker"),
        ("SVCHOST.EXE", "broker"),
        ("acme.exe", "user"),
        ("Registry", "system"),
    ],
)
def test_roles(image: str, role: str) -> None:
    assert KNOWN.role(image) == role


@pytest.mark.parametrize(
    ("path", "stem"),
    [(r"\SystemRoot\System32\drivers\Npcap.sys", "npcap"), ("nt", "nt"), ("a.b.dll", "a.b"), ("C:/x/y.exe", "y")],
)
def test_module_names(path: str, stem: str) -> None:
    assert module_stem(path) == stem


def test_all_mistakes_of_all_files_are_shown_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text(
        "tags:\n"
        "  - {tag: Thre, owner: nt!ps, class: objekt, holds: threads}\n"
        "  - {tag: Thre, owner: nt!ps, class: object, holds: threads}\n"
        "  - {tag: File, owner: nt!io, class: object}\n"
        "  - {tag: Toolong, ower: x, owner: x, class: cache, holds: x}\n"
    )
    (tmp_path / "vendors.yaml").write_text("vendors:\n  - {name: A, report_to: B}\n")
    (tmp_path / "modules.yaml").write_text("microsoft: nt\nwrappers: nt\nbrokers: x\nhosts: y\n")
    with pytest.raises(RulebookError) as caught:
        load_knowledge(tmp_path)
    lines = [line.rsplit("/", 1)[-1] for line in str(caught.value).splitlines()]
    assert lines == [
        'tags.yaml:2:5: unknown class "objekt"; the nearest is "object"',
        f'tags.yaml:3:5: tag "Thre" stands at {tmp_path}/tags.yaml:2:5 already'.rsplit("/", 1)[-1],
        "tags.yaml:4:5: lacks holds",
        'tags.yaml:5:5: tag "Toolong" has more than four characters',
        'tags.yaml:5:20: unknown key "ower"; the nearest is "owner"',
        'vendors.yaml:2:5: a vendor needs "drivers", a list of file names',
        "modules.yaml:1:1: lacks system, programs",
    ]


def test_an_activity_is_counted_by_a_tag_or_by_a_counter(tmp_path: Path) -> None:
    (tmp_path / "activities.yaml").write_text(
        "activities:\n"
        "  - {tag: Key, counts: keys opened}\n"
        "  - {tag: Key, counts: keys}\n"
        "  - {tag: Proc, counter: x, counts: x}\n"
        "  - {counts: x}\n"
        "  - {tag: Toolong, counts: x}\n"
        "  - {counter: 'A\\B'}\n"
    )
    with pytest.raises(RulebookError) as caught:
        load_knowledge(tmp_path)
    assert [line.rsplit("/", 1)[-1] for line in str(caught.value).splitlines()] == [
        "activities.yaml:2:5 already",
        'activities.yaml:4:5: an activity needs one of "tag" and "counter"',
        'activities.yaml:5:5: an activity needs one of "tag" and "counter"',
        'activities.yaml:6:5: tag "Toolong" has more than four characters',
        "activities.yaml:7:5: lacks counts",
    ]
    known = {activity.of: activity.counts for activity in KNOWN.activities}
    assert known["Key "] == "registry keys opened"
    assert known["tcpv4\\connections passive"] == "TCP connections accepted"
