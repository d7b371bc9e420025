"""Every build family of the public layout tables, and 5-level page tables: a small machine, read without symbols.

The layouts come from the reference folder; those of test_kernel_builds.py are typed in and need no folder.
"""

from pathlib import Path

import pytest
from forged import read
from synth.machine import Machine, forge
from synth.published import names, published
from synth.scenario import small

from dumptriage.facts import Case


def check(made: Machine, case: Case) -> None:
    """Hold what is counted against what was made."""
    truth = made.truth
    processes = {fact.get("pid"): (fact.get("image"), bool(fact.get("exited"))) for fact in case.of("process")}
    assert processes == {pid: (image, ended) for pid, (image, _, ended) in truth.processes.items()}
    handles = {
        (fact.get("pid"), fact.get("type")): fact.get("count") for fact in case.of("handles") if fact.get("type") != "*"
    }
    assert handles == {(pid, name): n for pid, types in truth.handles.items() for name, n in types.items()}
    tags = {
        (fact.get("tag"), fact.get("pool")): (fact.get("allocs"), fact.get("frees"), fact.get("bytes"))
        for fact in case.of("tag")
    }
    assert tags == truth.tags
    objects = {fact.get("type"): (fact.get("objects"), fact.get("handles")) for fact in case.of("object_type")}
    assert objects.items() >= truth.types.items()
    modules = {fact.get("file"): fact.get("version") for fact in case.of("module") if not fact.get("unloaded")}
    assert modules == {name: version for name, (_, _, version) in truth.modules.items()}
    dead = {(fact.get("type"), fact.get("owner_pid")): fact.get("count") for fact in case.of("dead_objects")}
    assert dead == {("Thread", 1200): 700, ("Process", 1316): 1}
    blocks = {
        fact.get("tag"): (fact.get("blocks"), fact.get("bytes"), fact.get("complete")) for fact in case.of("census")
    }
    for tag in ("Thre", "AcFl"):
        assert blocks[tag] == (*truth.blocks[tag, "nonpaged"], True)


def test_every_published_layout(shared: Path) -> None:
    table = shared / "layouts" / "layouts.json"
    for name in names(table):
        structures = published(table, name)
        made = forge(small(structures.build, structures=structures, background=20))
        case = read(made)
        route = next(
            note.text("text") for note in case.of("data_quality") if "Structures were read" in str(note.fields)
        )
        assert f"embedded layout {name.split()[0].rsplit('.', 1)[0]}" in str(route), name
        try:
            check(made, case)
        except AssertionError as error:
            raise AssertionError(name) from error


@pytest.mark.parametrize("build", [20348, 26100])
def test_five_levels_of_page_tables(build: int) -> None:
    made = forge(small(build, five_levels=True))
    check(made, read(made))
