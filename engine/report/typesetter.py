"""PDFs laid out in a process of its own, which loads WeasyPrint while the casefile is still being read.

It also bounds what a casefile can make of a layout: one that takes too long is ended, and the run goes on to say so.
Parent and child speak over the child's pipes: a line of JSON with the lengths of what follows, then that.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from threading import Timer
from typing import IO

from ..errors import OutputError
from .pdf import Attachment, to_pdf

LIMIT_S = 600.0
"""For one PDF. The largest report there is, a full kernel dump's with every table at its longest, takes 20."""
_WARM_UP = "<!doctype html><html lang=en><title>-</title><p>-"
"""The first page laid out pays for the fonts and the style sheet of HTML."""


class Typesetter:
    """The child. It serves any number of pages, one after another."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        # -P: nothing in the working directory, which may be that of a hostile casefile, is taken for a module.
        self._child = subprocess.Popen(  # noqa: S603 this very Python
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._child.kill()
        self._child.communicate()

    def pdf(self, page: str, attachment: Attachment | None) -> bytes:
        """The PDF of a page, as `to_pdf` makes it. Raises OutputError."""
        late = Timer(self._limit_s, self._child.kill)
        late.start()
        try:
            assert self._child.stdin is not None
            assert self._child.stdout is not None
            _send(self._child.stdin, _request(page, attachment))
            error, data = _receive(self._child.stdout, 2)
        except (OSError, EOFError) as failure:
            reason = f"not done after {self._limit_s:g} s" if not late.is_alive() else "the process that does it ended"
            raise OutputError(f"the PDF cannot be laid out ({reason}); write the report as .html instead") from failure
        finally:
            late.cancel()
        if error:
            raise OutputError(error.decode())
        return data


_current: ContextVar[Typesetter | None] = ContextVar("typesetter", default=None)


@contextlib.contextmanager
def typesetting(targets: Sequence[Path]) -> Iterator[None]:
    """Have a typesetter at hand while the block runs, where one of the reports is or holds a PDF."""
    if not any(target.suffix.lower() in (".pdf", ".zip") for target in targets):
        yield
        return
    typesetter = Typesetter()
    token = _current.set(typesetter)
    try:
        yield
    finally:
        _current.reset(token)
        typesetter.close()


def typeset(page: str, attachment: Attachment | None = None) -> bytes:
    """The PDF of a page, by the typesetter at hand or else in this process. Raises OutputError."""
    typesetter = _current.get()
    return typesetter.pdf(page, attachment) if typesetter else to_pdf(page, attachment)


def _request(page: str, attachment: Attachment | None) -> list[bytes]:
    if attachment is None:
        return [page.encode()]
    return [page.encode(), attachment.name.encode(), attachment.description.encode(), attachment.data]


def _send(pipe: IO[bytes], parts: Sequence[bytes]) -> None:
    pipe.write(json.dumps([len(part) for part in parts]).encode() + b"\n" + b"".join(parts))
    pipe.flush()


def _receive(pipe: IO[bytes], parts: int | None = None) -> list[bytes]:
    """What `_send` sent. Raises EOFError where the pipe ends before it."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    received = [pipe.read(length) for length in json.loads(line)]
    if parts is not None and len(received) != parts:
        raise EOFError
    return received


def _serve() -> None:
    """The child: lay out what comes, until nothing comes any more."""
    with contextlib.suppress(OutputError):  # told when a page is asked for
        to_pdf(_WARM_UP)
    pages, pdfs = sys.stdin.buffer, sys.stdout.buffer
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            page, *rest = _receive(pages)
            attachment = Attachment(rest[0].decode(), rest[1].decode(), rest[2]) if rest else None
            try:
                answer = [b"", to_pdf(page.decode(), attachment)]
            except OutputError as error:
                answer = [str(error).encode(), b""]
            _send(pdfs, answer)


if __name__ == "__main__":
    _serve()
