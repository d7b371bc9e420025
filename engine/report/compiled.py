"""Compiled templates of the report kept from one run to the next: compiling takes most of the time a report takes."""

import contextlib
import os
import tempfile
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from .. import __version__, userfolders


class CompiledTemplates(BytecodeCache):
    """The user's own cache folder. Jinja takes a stored template only for the very same text and Python.

    Like the byte code Python itself keeps, it is trusted as far as the folder is. Where it cannot be read or written,
    templates are compiled afresh.
    """

    def __init__(self) -> None:
        self._folder = userfolders.cache() / "templates" / f"{__version__}-{jinja2.__version__}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket where its template is stored."""
        # A damaged file raises what marshal and the reading of its head may raise.
        with contextlib.suppress(OSError, EOFError, ValueError, TypeError), self._path(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a compiled template in one step."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    bucket.write_bytecode(file)
                Path(name).replace(self._path(bucket))
            except OSError:
                Path(name).unlink(missing_ok=True)

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.cache"
