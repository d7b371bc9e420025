"""An intact dump says nothing of damage, whatever its build and container."""

from pathlib import Path

import pytest
from forged import small_machine
from synth.dumpfile import BITMAP_FULL, BITMAP_KERNEL, FULL, KERNEL

from dumptriage.sources import Options, read


@pytest.mark.parametrize("kind", [FULL, KERNEL, BITMAP_FULL, BITMAP_KERNEL])
@pytest.mark.parametrize("build", [2195, 2600, 7601, 19041])
def test_an_intact_dump_is_not_called_damaged(build: int, kind: int, tmp_path: Path) -> None:
    path = small_machine(build).dump(tmp_path / "intact.dmp", kind)
    [case] = read(path, lambda _: None, Options())
    assert [fact.get("text") for fact in case.of("data_quality") if fact.get("problem") == "broken"] == []
