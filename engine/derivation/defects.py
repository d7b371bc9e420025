"""Known defects of the drivers that are loaded, or whose tag is there."""

from ..defects import Defect
from ..facts import Case, Fact, new
from ..knowledge import Knowledge, module_stem


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add a `defect` fact for every known defect that the version of a driver has, may have, or has no more.

    Where the driver is not listed, a tag that only it allocates stands for it: its version is then unknown.
    """
    modules: dict[str, Fact] = {}
    for module in case.of("module"):
        for name in (module.text("file"), module.text("name")):
            if name:
                modules.setdefault(module_stem(name), module)
    for defect in knowledge.defects:
        tag = _largest_tag(case, defect)
        driver = modules.get(defect.module)
        evidence = driver or (tag if tag and _belongs_to(tag, defect) else None)
        version = driver.text("version") if driver else None
        match = defect.match(version)
        if evidence is not None and match is not None:
            case.add(_fact(defect, evidence, tag, version, match))


def _largest_tag(case: Case, defect: Defect) -> Fact | None:
    """Of the tags the defect shows in, the one with most bytes."""
    tags = [fact for fact in case.of("tag") if fact.text("tag") in defect.tags]
    return max(tags, key=lambda fact: fact.int("bytes") or 0, default=None)


def _belongs_to(tag: Fact, defect: Defect) -> bool:
    return tag.text("tag_class") == "specific" and module_stem(tag.text("owner") or "") == defect.module


def _fact(defect: Defect, evidence: Fact, tag: Fact | None, version: str | None, match: str) -> Fact:
    return new(
        "defect",
        source=evidence.source,
        verify=f"lmvm {defect.module}",
        quality=evidence.quality,
        quote=evidence.quote,
        defect=defect.id,
        module=defect.module,
        version=version,
        match=match,
        what=defect.what,
        tag=tag.text("tag") if tag else None,
        pool=tag.text("pool") if tag else None,
        tags=" + ".join(defect.tags),
        first=defect.first,
        fixed_in=defect.fixed,
        reported=", ".join(defect.reported) or None,
        reference=defect.reference,
    )
