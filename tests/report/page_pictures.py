"""Pages of a PDF as coarse pictures: how much ink stands in each of 12 by 17 fields, small enough to keep as text."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ACROSS, DOWN = 12, 17
"""Fields of some 17 mm each way: a line of text that moves by its own height changes them little, a block that is
missing, or stands elsewhere, much."""

FIELD = 15
PAGE = 1.5
"""Grey levels (of 255) by which one field, and the fields of a page on average, may differ: letters are drawn a little
otherwise from one release of the libraries to the next, by up to 7 levels when they grow by half a percent. A field of
text has about 30, one with bars up to 85; a picture that is missing makes 25 and more."""

Picture = NDArray[np.float64]


def tools() -> bool:
    """Whether there is a program that draws PDF pages."""
    return shutil.which("pdftoppm") is not None


def pictures(pdf: bytes, folder: Path) -> list[Picture]:
    """Each page as an array (DOWN, ACROSS) of mean ink, 0 white to 255 black."""
    file = folder / "pages.pdf"
    file.write_bytes(pdf)
    subprocess.run(["pdftoppm", "-gray", "-r", "36", str(file), str(folder / "page")], check=True, timeout=60)
    found = []
    for path in sorted(folder.glob("page-*.pgm")):
        grey = _grey(path.read_bytes())
        rows = np.array_split(grey, DOWN)
        found.append(np.array([[255 - part.mean() for part in np.array_split(row, ACROSS, axis=1)] for row in rows]))
        path.unlink()
    return found


def _grey(data: bytes) -> Picture:
    """The pixels of a binary PGM as pdftoppm writes it: three lines of head, then a byte each."""
    _, size, _, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width).astype(np.float64)


def to_text(pages: list[Picture]) -> str:
    """Two hexadecimal digits a field, a line a row, an empty line between pages."""
    return "\n\n".join("\n".join(" ".join(f"{round(ink):02x}" for ink in row) for row in page) for page in pages) + "\n"


def from_text(text: str) -> list[Picture]:
    """The pages of to_text."""
    return [
        np.array([[int(ink, 16) for ink in row.split()] for row in page.splitlines()], np.float64)
        for page in text.strip().split("\n\n")
    ]


def differences(stored: list[Picture], found: list[Picture]) -> list[str]:
    """What differs beyond the tolerance, one line each; none where the pages look the same."""
    if len(stored) != len(found):
        return [f"{len(found)} pages, {len(stored)} were stored"]
    lines = []
    for number, (one, other) in enumerate(zip(stored, found, strict=True), 1):
        apart = np.abs(one - other)
        row, column = np.unravel_index(int(apart.argmax()), apart.shape)
        if apart.max() > FIELD or apart.mean() > PAGE:
            lines.append(
                f"page {number}: {apart.mean():.1f} on average, at most {apart.max():.0f} "
                f"in row {row + 1} of {DOWN}, column {column + 1} of {ACROSS}"
            )
    return lines
