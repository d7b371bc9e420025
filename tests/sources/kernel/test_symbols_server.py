"""Symbol servers, played by one on the loopback interface. No real one has been tried."""

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forgedpdb import PDB, forge

from dumptriage.sources.kernel.pdb import store_path
from dumptriage.sources.kernel.symbolpath import Server
from dumptriage.sources.kernel.symbolserver import Limits, ServerError, fetch

Handler = http.server.BaseHTTPRequestHandler
Play = Callable[[Callable[[Handler], None]], str]
WHOLE = f"/{store_path(PDB)}"


def send(body: bytes, length: int | None = -1, status: int = 200) -> Callable[[Handler], None]:
    """An answer; `length` -1 states the true one, None states none."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length < 0 else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def only(path: str, body: bytes) -> Callable[[Handler], None]:
    return lambda handler: send(body)(handler) if handler.path == path else handler.send_error(404)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Start a server that answers every request in one way; gives its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Callable[[Handler], None]) -> str:
        class Answers(Handler):
            def do_GET(self) -> None:  # noqa: N802 the name http.server calls
                try:
                    answer(self)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def ask(url: str, store: Path, limits: Limits | None = None) -> Path | None:
    return fetch(Server(url, store), PDB, lambda _: None, limits)


def left_over(store: Path) -> list[str]:
    return [path.name for path in store.rglob("*") if path.is_file()]


@pytest.mark.parametrize("length", [-1, None])
def test_a_file_is_kept_in_the_store(play: Play, tmp_path: Path, length: int | None) -> None:
    said: list[str] = []
    asked: list[str] = []

    def answer(handler: Handler) -> None:
        asked.append(handler.path)
        send(forge(), length)(handler)

    found = fetch(Server(play(answer) + "/symbols/", tmp_path), PDB, said.append)
    assert found == tmp_path / store_path(PDB)
    assert found.read_bytes() == forge()
    assert asked == [f"/symbols{WHOLE}"]
    assert said
    assert left_over(tmp_path) == [PDB.name]


def test_a_file_the_server_does_not_have_is_no_problem(play: Play, tmp_path: Path) -> None:
    assert ask(play(lambda handler: handler.send_error(404)), tmp_path) is None
    assert left_over(tmp_path) == []


def test_redirects_are_followed(play: Play, tmp_path: Path) -> None:
    target = play(only("/blob", forge()))

    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{target}/blob")
        handler.end_headers()

    assert ask(play(redirect), tmp_path) is not None


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_redirects_leave_http_for_nothing_else(play: Play, tmp_path: Path, location: str) -> None:
    def redirect(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.end_headers()

    with pytest.raises(ServerError):
        ask(play(redirect), tmp_path)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (send(b"", status=500), "answers 500"),
        (send(b"", status=403), "answers 403"),
        (send(b"<html>not found</html>"), "sends something else"),
        (send(forge(PDB._replace(guid="A" * 32))), "sends something else"),
        (send(forge(PDB._replace(age=3))), "sends something else"),
        (send(b"MSCF" + bytes(500)), "a compressed file, which is not unpacked"),
        (send(forge()[:-600], len(forge())), "broke off after"),
        (send(forge()[:-600], None), "sends something else"),
        (send(b"", 1 << 40), "more than 20,000 bytes"),
        (send(forge() + bytes(30_000), None), "more than 20,000 bytes"),
        (only(WHOLE[:-1] + "_", b"MSCF" + bytes(500)), "has only ntkrnlmp.pd_"),
    ],
)
def test_what_is_of_no_use_is_one_line_and_leaves_nothing(
    play: Play, tmp_path: Path, answer: Callable[[Handler], None], why: str
) -> None:
    with pytest.raises(ServerError) as raised:
        ask(play(answer), tmp_path, Limits(5, 5, 20_000))
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)
    assert left_over(tmp_path) == []


def test_a_server_that_is_silent_is_given_up(play: Play, tmp_path: Path) -> None:
    done = threading.Event()

    def wait(_: Handler) -> None:
        done.wait(10)

    started = time.monotonic()
    with pytest.raises(ServerError, match="does not answer in time"):
        ask(play(wait), tmp_path, Limits(silence=0.2))
    assert time.monotonic() - started < 5
    done.set()


def test_a_server_that_stops_in_the_middle_is_given_up(play: Play, tmp_path: Path) -> None:
    done = threading.Event()

    def stop(handler: Handler) -> None:
        send(forge()[:1000], len(forge()))(handler)
        done.wait(10)

    with pytest.raises(ServerError, match="does not answer in time"):
        ask(play(stop), tmp_path, Limits(silence=0.2))
    done.set()
    assert left_over(tmp_path) == []


def test_a_server_that_trickles_is_given_up(play: Play, tmp_path: Path) -> None:
    done = threading.Event()

    def trickle(handler: Handler) -> None:
        send(b"", 1 << 20)(handler)
        while not done.wait(0.05):
            handler.wfile.write(b"x")

    started = time.monotonic()
    with pytest.raises(ServerError, match="needs more than"):
        ask(play(trickle), tmp_path, Limits(silence=5, whole=0.5))
    assert time.monotonic() - started < 4
    done.set()


def test_a_server_that_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(ServerError, match=r"symbol server http://127\.0\.0\.1:\d+ cannot be used"):
            ask(url, tmp_path)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:x", "http://[", "https://a b"])
def test_an_address_that_is_none_is_one_line(url: str, tmp_path: Path) -> None:
    with pytest.raises(ServerError):
        ask(url, tmp_path, Limits(1, 1))


def test_a_store_that_cannot_be_written_is_one_line(play: Play, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ServerError, match="cannot be written"):
        ask(play(send(forge())), tmp_path / "file")
