import pytest
from parsing import notes, only, read, shown

from dumptriage.sources.log import errors
from dumptriage.sources.log.pool import PARSERS

PAGE = """\
 8904a080 size:   e0 previous size:   20  (Allocated)  Dire (Protected)
*8904a160 size:  280 previous size:   e0  (Allocated) *Thre (Protected)
 8904a3e0 size:  280 previous size:  280  (Allocated)  Thre (Protected)
"""


def test_the_starred_block_is_a_sample() -> None:
    sample = only(read(PAGE, PARSERS), "sample")
    assert dict(sample.fields) == {"block": "8904a160", "block_size": 0x280, "tag": "Thre", "state": "allocated"}


@pytest.mark.parametrize(
    ("command", "address", "offset"),
    [
        ("!pool 8904a180", "8904a180", 0x20),
        ("!pool 8904a160 1", None, None),  # the block itself
        ("!pool 8904b000", None, None),  # outside of the block
        ("!pool rsp", None, None),
    ],
)
def test_the_object_is_the_address_asked_for(command: str, address: str | None, offset: int | None) -> None:
    sample = only(read(f"kd> {command}\n{PAGE}", PARSERS), "sample")
    assert shown(sample, "address", "body_offset") == (address, offset)


@pytest.mark.parametrize(
    ("line", "tag", "size", "state"),
    [
        ("*ffffbd06d46dffe0 size: 8020 previous size:    0  (Free)      *>.g.", None, 0x8020, "free"),
        ("*ffff8700c6f662b0 size:  210 previous size:  230  (Free ) *Io  ", None, 0x210, "free"),
        ("*ffffdc0155e942c0 size:  d00 previous size:    0  (Allocated) *Io", "Io  ", 0xD00, "allocated"),
        ("*ffffbd8c5a200000 : large page allocation, tag is CM31, size is 0x1000 bytes", "CM31", 0x1000, "allocated"),
    ],
)
def test_layouts(line: str, tag: str | None, size: int, state: str) -> None:
    text = f"Pool page ffffbd06d46e0000 region is Paged pool\n{line}\n\t\tOwning component : Unknown (update it)\n"
    assert shown(only(read(text, PARSERS), "sample"), "tag", "block_size", "state") == (tag, size, state)


def test_a_page_without_star_and_the_contents_of_blocks_are_passed_over() -> None:
    text = (
        " e1001000 size:   40 previous size:    0  (Allocated)  MmDT\n e1001008  ffffffff 0057005c 004e0049 004f0044\n"
    )
    assert not read(text, PARSERS).facts
    assert only(read(text + "*e1001040 size:   10 previous size:   40  (Allocated) *ObDi\n", PARSERS), "sample")


@pytest.mark.parametrize(
    ("line", "problem", "subject"),
    [
        ("Failed to read heap key", "debugger-error", "pool"),
        ("Pool page [ ffffbd06d46e0000 ] is INVALID.", "debugger-error", "pool"),
        ("Query pooltags Failed c0000002.", "debugger-error", "tags"),
        ("Unable to get System PTE individual lock consumer information", "debugger-error", "memory"),
        ("Unimplemented error for MiSystemVaTypeCount", "debugger-error", "memory"),
        ("*** ERROR: Symbol file could not be found.  Defaulted to export symbols", "missing-symbols", "modules"),
    ],
)
def test_errors_of_the_debugger_are_noted(line: str, problem: str, subject: str) -> None:
    assert notes(read(line, errors.PARSERS)) == [(problem, subject)]


@pytest.mark.parametrize("line", ["it failed", "Unable", "symbols were unable to load because of me"])
def test_prose_is_no_error(line: str) -> None:
    assert not read(line, errors.PARSERS).facts
