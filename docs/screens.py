"""Draws page one of three reports for the README: `python docs/screens.py`; needs pdftoppm (poppler-utils)."""

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from dumptriage.knowledge import load_knowledge
from dumptriage.report.render import render
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

DOCS = Path(__file__).resolve().parent
CASEFILES = DOCS.parent / "casefiles"
DOTS_PER_INCH = 110
COLOURS = 256
"""Enough for the shades of the letters and the few colours; the file is half of what it is in full colour."""

INCONCLUSIVE = """\
0: kd> vertarget
Windows 10 Kernel Version 17763 MP (4 procs) Free x64
Product: Server, suite: TerminalServer SingleUserTS
System Uptime: 41 days 3:12:55.204
0: kd> !process 0 0
**** NT ACTIVE PROCESS DUMP ****
PROCESS ffffb40f2ac8b040
    SessionId: none  Cid: 0004    Peb: 00000000  ParentCid: 0000
    DirBase: 001ad002  ObjectTable: ffffda8114e03d00  HandleCount: 2411.
    Image: System
PROCESS ffffb40f30da4080
    SessionId: 0  Cid: 0a1c    Peb: 4ec2b35000  ParentCid: 02f8
    DirBase: 14a3c2002  ObjectTable: ffffda811a6b7c80  HandleCount: 1268.
    Image: svchost.exe
"""
"""A log that holds neither pools nor tags, as tickets often do."""


def draw(casefile: Path, picture: Path, folder: Path) -> None:
    """Page one of the report of a casefile."""
    (case,) = read(casefile)
    pdf = folder / "report.pdf"
    pdf.write_bytes(render(diagnose(case, shipped_rulebook(), load_knowledge()), "pdf"))
    command = ["pdftoppm", "-png", "-r", str(DOTS_PER_INCH), "-l", "1", "-singlefile", str(pdf), str(folder / "page")]
    subprocess.run(command, check=True)  # noqa: S603 - nothing in it is from outside
    with Image.open(folder / "page.png") as page:
        page.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> None:
    """Draw all three."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ticket = folder / "ticket.log"
        ticket.write_text(INCONCLUSIVE, encoding="utf-8")
        draw(CASEFILES / "thread-handle-leak" / "casefile.log", DOCS / "report-leak.png", folder)
        draw(CASEFILES / "healthy-client" / "casefile.log", DOCS / "report-healthy.png", folder)
        draw(ticket, DOCS / "report-inconclusive.png", folder)


if __name__ == "__main__":
    main()
