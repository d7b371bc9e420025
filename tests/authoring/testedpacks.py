"""Packs with tests in them, in as few lines as a test needs."""

from dumptriage.authoring.casefiles import Shelf
from dumptriage.authoring.ruletests import Results, run_tests
from dumptriage.authoring.testfile import RuleTests, read_tests
from dumptriage.inference import Adjustments, Rulebook, assemble
from dumptriage.knowledge import load_knowledge
from dumptriage.mistakes import Mistakes
from dumptriage.rulefolder import SourceFile, parse

RULE = """\
pack: Tests
rules:
  - id: a.large-tag
    title: A tag is large
    status: test
    version: 1
    when:
      - tag t: {pool: nonpaged, share_of_pool: ">= 30 %", rank_bytes: "<= 2"}
      - handles h: {type: == t.object_type, count: ">= 0.5 * t.outstanding"}
    unless:
      - finding n: {name: normal.seen, tag: == t.tag}
    then:
      finding: kind.large-tag
      severity: warning
      confidence: high
      label: a large tag
      about: {tag: t.tag}
      say: Tag {{ t.tag }} takes {{ t.share_of_pool | pct }}, and {{ h.count | n }} handles are open.
    tests:
"""
"""A rule with a number, a rank, a join, a product and an exception; its tests begin in line 20."""

OTHER = """
  - id: b.seen
    title: Seen
    status: test
    version: 1
    when: [claim c: {}]
    then: {finding: normal.seen, severity: info, confidence: high, say: Seen.}
"""
FACTS = """\
      - facts:
          - tag t:
              {tag: Thre, pool: nonpaged, share_of_pool: 30 %, rank_bytes: 2, outstanding: 1000, object_type: Thread}
          - handles h: {type: Thread, count: 500}
        """
SENTENCE = "Tag Thre takes 30.0 %, and 500 handles are open."


def load(text: str, mistakes: Mistakes) -> tuple[Rulebook, list[RuleTests]]:
    """A pack and the tests in it; the mistakes in the tests are noted."""
    parsed = parse([SourceFile("p.yaml", "", text.encode())], mistakes, tests=True)
    rulebook = assemble(parsed, "", Adjustments(), Mistakes())
    return rulebook, read_tests(parsed[0].root, mistakes, ["a-leak", "healthy-one"])


def read(tests: str, mistakes: Mistakes) -> tuple[Rulebook, list[RuleTests]]:
    """The rule above with these tests."""
    return load(RULE + tests + OTHER, mistakes)


def run(tests: str) -> Results:
    """The results of these tests of the rule above."""
    mistakes = Mistakes()
    rulebook, found = read(tests, mistakes)
    mistakes.raise_if_any()
    return run_tests(rulebook, found, no_casefiles(rulebook))


def no_casefiles(rulebook: Rulebook) -> Shelf:
    """A shelf as an installed program has it."""
    return Shelf(None, [], rulebook, load_knowledge())
