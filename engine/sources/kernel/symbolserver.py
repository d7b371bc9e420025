"""One file from a symbol server over HTTP, into a symbol store.

Tried against servers on the loopback interface only: no request of this module has been made to Microsoft's server or
any other real one.
"""

import http.client
import os
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .isf import Pdb
from .pdb import CABINET, MAX_SIZE, compressed, identify, store_path
from .symbolpath import Server

Progress = Callable[[str], None]
_CHUNK = 1 << 16
_GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds a server may stay silent, seconds for the whole file, and most bytes of it."""

    silence: float = 15
    whole: float = 600
    size: int = MAX_SIZE


class ServerError(Exception):
    """Why a server gave nothing usable, in one line."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects, but not from an encrypted connection to one that is not."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise urllib.error.URLError("it redirects to an address without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS only: no file:, ftp: or data: address can be reached through a redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "dumptriage")]
    return opener


def fetch(server: Server, pdb: Pdb, progress: Progress, limits: Limits | None = None) -> Path | None:
    """The PDB from a server, written into the server's store in one step; None where the server does not have it.

    Raises ServerError where the server cannot be reached, or what it sends is not this PDB, whole and within limits.
    """
    limits = limits or Limits()
    address = f"{server.url.rstrip('/')}/{store_path(pdb)}"
    target = server.store / store_path(pdb)
    try:
        with _opener().open(address, timeout=limits.silence) as response:
            return _keep(response, target, pdb, server, progress, limits)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in _GONE:
            raise ServerError(f"symbol server {server.shown} answers {error.code} for {store_path(pdb)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServerError(f"symbol server {server.shown} cannot be used: {_reason(error)}") from error
    if _has_cabinet(f"{address[:-1]}_", limits):
        name = compressed(target).name
        raise ServerError(f"symbol server {server.shown} has only {name}, a compressed file, which is not unpacked")
    return None


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return "it does not answer in time"
    text = reason.strerror if isinstance(reason, OSError) else str(reason)
    return " ".join((text or str(reason) or type(error).__name__).split())[:200]


def _keep(response: Any, target: Path, pdb: Pdb, server: Server, progress: Progress, limits: Limits) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".triage-", suffix=".part", dir=target.parent)
    except OSError as error:
        raise ServerError(f"symbol store {server.store} cannot be written: {_reason(error)}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy(response, file, pdb, server, progress, limits)
        found = identify(part)
        if found is None or not found.is_of(pdb):
            with part.open("rb") as file:
                packed = file.read(4) == CABINET
            what = "a compressed file, which is not unpacked" if packed else "something else"
            raise ServerError(f"symbol server {server.shown} sends {what} for {store_path(pdb)}")
        part.replace(target)
        return target
    finally:
        part.unlink(missing_ok=True)


def _copy(response: Any, file: Any, pdb: Pdb, server: Server, progress: Progress, limits: Limits) -> None:
    stated = response.headers.get("Content-Length", "")
    size = int(stated) if stated.isascii() and stated.isdigit() else None
    end = time.monotonic() + limits.whole
    done = 0
    # read1 returns after one receipt: a server that sends byte by byte is held to the time for the whole file.
    while (size or 0) <= limits.size and (chunk := response.read1(_CHUNK)):
        if not done or done >> 20 != (done + len(chunk)) >> 20:
            of = f" of {size >> 20}" if size else ""
            progress(f"Downloading {pdb.name} from {server.shown}, {done >> 20}{of} MB")
        done += len(chunk)
        if done > limits.size:
            break
        if time.monotonic() > end:
            raise ServerError(f"symbol server {server.shown} needs more than {limits.whole:.0f} s for {pdb.name}")
        file.write(chunk)
    if max(done, size or 0) > limits.size:
        raise ServerError(f"symbol server {server.shown} sends more than {limits.size:,} bytes for {pdb.name}")
    if size is not None and done != size:
        raise ServerError(f"symbol server {server.shown} broke off after {done:,} of {size:,} bytes of {pdb.name}")


def _has_cabinet(address: str, limits: Limits) -> bool:
    """True if a compressed file is at an address."""
    try:
        with _opener().open(address, timeout=limits.silence) as response:
            return bool(response.read(4) == CABINET)
    except (OSError, http.client.HTTPException, ValueError):
        return False
