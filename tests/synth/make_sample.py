"""Write the sample dump of the repository: a small machine with the article's leak, packed.

python -m synth.make_sample casefiles/thread-handle-leak-dump/casefile.dmp.xz      (in tests/)
"""

import lzma
import sys
import tempfile
from pathlib import Path

from .article import article
from .machine import forge

DIVISOR = 30


def make(target: Path) -> int:
    """Forge, dump and pack; returns the size of the packed file in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        raw = forge(article(DIVISOR)).dump(Path(folder) / "casefile.dmp").read_bytes()
    packed = lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.write_bytes(packed)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
