"""Comments of a debugger script. `$$` ends at a semicolon or a line end: neither they nor anything else but plain ASCII
get into one. `*` would swallow the rest of a script that runs as one block (`$$><`).
"""

import textwrap
import unicodedata

WIDTH = 96

_ALIKE = str.maketrans({"·": "-", "–": "-", "—": "-", "…": "...", "\u00a0": " ", "≥": ">=", "≤": "<=", "×": "x"})
_AS = str.maketrans({";": ",", '"': "'", "`": "'", "<": "(", ">": ")", "{": "(", "}": ")", "$": "?"})


def plain(text: str) -> str:
    """A text in the characters a comment may have."""
    ascii_text = unicodedata.normalize("NFKD", text.translate(_ALIKE)).encode("ascii", "ignore").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in ascii_text.translate(_AS)).split())


def comment(text: str, mark: str = "$$") -> list[str]:
    """The lines of a comment."""
    return [f"{mark} {line}" for line in textwrap.wrap(plain(text), WIDTH, break_long_words=True)]
