"""Writes docs/facts.md and the schemas in rules/schema/ from the vocabulary; with --check, fails when one is stale."""

import sys
from pathlib import Path

from dumptriage.authoring import schema
from dumptriage.facts import KINDS

PAGE = Path(__file__).resolve().with_name("facts.md")
ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "rules/schema"

INTRODUCTION = """\
# The facts

<!-- Generated from engine/facts/vocabulary.py by `python docs/generate.py`: edit there, not here. -->

A fact is a flat record that a source read out of a casefile. Rules speak of facts in the words of this page and in no
others. A field that is absent is unknown, which is neither zero nor empty.

Every fact also carries

| field | meaning |
|---|---|
| `id` | kind and key, unique within the case: `tag:Thre:nonpaged` |
| `source` | where it was read: `file:line`, or `structure @ address` |
| `verify` | the debugger command that shows the same |
| `quality` | how good it is: `exact`, `lower-bound`, `rounded` or `suspect` |
| `quote` | the raw lines of a log |

A `lower-bound` comes from a cut list, a `rounded` figure from a table in MB or percent, a `suspect` one from a counter
or tool that other evidence contradicts.

Addresses are lower-case hex without `0x`, at least eight digits; process ids are decimal; a tag is four characters with
its blanks; sizes are bytes. *Derived* fields are computed after reading, from other facts.
"""


def page() -> str:
    """The page as it should stand in docs/facts.md."""
    parts = [INTRODUCTION.rstrip()]
    for kind in KINDS.values():
        key = f", identified by {', '.join(f'`{name}`' for name in kind.key)}" if kind.key else ""
        parts += [
            f"\n## {kind.name}\n",
            f"One per {kind.one_per}{key}.\n",
            "| field | type | unit | meaning |",
            "|---|---|---|---|",
        ]
        for field in kind.fields.values():
            parts.append(f"| `{field.name}` | {field.type} | {field.unit} | {_cell(field.doc)} |")
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Text that cannot end a table cell."""
    return text.replace("|", "\\|")


def generated() -> dict[Path, str]:
    """Every generated file with the text it should have."""
    return {PAGE: page(), **{SCHEMAS / name: text for name, text in schema.files().items()}}


def main(arguments: list[str]) -> int:
    """Write or check the files; 1 when one is stale."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python docs/generate.py [--check]\n")
        return 2
    stale = [path for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run python docs/generate.py\n")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8", newline="\n")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
