"""Short ways to write packs, thresholds and cases in tests."""

from dumptriage.facts import Case, Casefile, Fact
from dumptriage.inference.rulebook import Rulebook, build
from dumptriage.rulefolder import SourceFile

THEN = '{finding: kind.leak, severity: info, confidence: high, label: a leak, say: "found"}'


def rulebook(pack: str, thresholds: str = "") -> Rulebook:
    """A rulebook of one pack, `p.yaml`, and a thresholds file, `t.yaml`."""
    files = [SourceFile("t.yaml", "thresholds", thresholds.encode())] if thresholds else []
    return build([*files, SourceFile("p.yaml", "pack", pack.encode())])


def rule(when: str, then: str = THEN, name: str = "a.rule", more: str = "") -> str:
    """One rule in flow style: `when` is what stands in the brackets."""
    extra = f"    {more}\n" if more else ""
    return (
        f"  - id: {name}\n    title: A title\n    status: test\n    version: 1\n    when: [{when}]\n{extra}"
        f"    then: {then}\n"
    )


def pack(*rules: str) -> str:
    """A pack of these rules; the first one starts in line 3, its `when` stands in line 7."""
    return "pack: Tests\nrules:\n" + "".join(rules)


def case(*facts: Fact) -> Case:
    """A case of these facts."""
    return Case(Casefile("test.log", "0" * 64, 1, "log"), facts)
