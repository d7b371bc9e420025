"""Symbol paths in the debugger's syntax, and the environment."""

import os
from pathlib import Path

import pytest

from dumptriage.sources.kernel import symbolpath
from dumptriage.sources.kernel.symbolpath import Server, parse, symbol_path, user_cache

CACHE = Path("cache")
URL = "https://symbols.example/download"


@pytest.mark.parametrize(
    ("text", "folders", "servers"),
    [
        ("", [], []),
        (" ; ;", [], []),
        ("a", ["a"], []),
        ("a; b ;a", ["a", "b", "a"], []),
        ('"a b";c', ["a b", "c"], []),
        (r"\\server\share\symbols", [r"\\server\share\symbols"], []),
        (f"srv*{URL}", [], [(URL, "cache")]),
        (f"SRV*{URL}", [], [(URL, "cache")]),
        (URL, [], [(URL, "cache")]),
        (f"srv**{URL}", ["cache"], [(URL, "cache")]),
        (f"srv*a*{URL}", ["a"], [(URL, "a")]),
        (f"srv*a*b*{URL}", ["a", "b"], [(URL, "a")]),
        ("srv*a", ["a"], []),
        ("srv*", ["cache"], []),
        (f"symsrv*symsrv.dll*a*{URL}", ["a"], [(URL, "a")]),
        (f"cache*a;srv*{URL}", ["a"], [(URL, "a")]),
        (f"cache*;srv*{URL}", ["cache"], [(URL, "cache")]),
        (f"srv*{URL};cache*a", ["a"], [(URL, "cache")]),
        (f"cache*a;srv*b*{URL};c", ["a", "b", "c"], [(URL, "b")]),
        ("srv*a*http://one;srv*b*http://two", ["a", "b"], [("http://one", "a"), ("http://two", "b")]),
    ],
)
def test_a_symbol_path_is_read_as_debuggers_read_it(
    text: str, folders: list[str], servers: list[tuple[str, str]]
) -> None:
    found = parse(text, CACHE)
    assert found == ([Path(name) for name in folders], [Server(url, Path(store)) for url, store in servers], [])


@pytest.mark.parametrize(
    "text", ["ftp://a/b", "srv*ftp://a", "file:///etc", "foo*bar", "symsrv*symsrv.dll", f"cache*{URL}", "cache*a*b"]
)
def test_what_is_not_understood_is_said_and_the_rest_is_used(text: str) -> None:
    folders, servers, problems = parse(f"a;{text};b", CACHE)
    assert (folders, servers) == ([Path("a"), Path("b")], [])
    assert problems == [f"{text!r} in the symbol path is not understood"]


def test_what_is_given_comes_before_the_environment_and_the_cache_comes_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        "XDG_CACHE_HOME": str(tmp_path),
        "LOCALAPPDATA": str(tmp_path),
        "DUMPTRIAGE_SYMBOLS": os.pathsep.join(["own", "more"]) + f";srv*{URL}",
        "_NT_SYMBOL_PATH": "debugger;srv*store*http://other",
    }
    monkeypatch.setattr(symbolpath, "user_cache", user_cache)
    found = symbol_path(["given"], environment)
    cache = tmp_path / "dumptriage" / "symbols"
    assert found.tables == (Path("given"), Path("own"), Path("more"), cache)
    assert found.folders == (Path("given"), Path("own"), Path("more"), Path("debugger"), Path("store"), cache)
    assert found.servers == (Server(URL, cache), Server("http://other", Path("store")))


def test_without_a_named_server_none_is_asked() -> None:
    assert symbol_path(["a;srv*;srv*b;cache*"], {}).servers == ()


def test_a_relative_cache_home_is_ignored() -> None:
    assert user_cache({"XDG_CACHE_HOME": "x", "LOCALAPPDATA": "x"}) == Path.home() / ".cache/dumptriage/symbols"


def test_names_and_passwords_are_not_shown() -> None:
    assert Server("https://me:secret@host/path", CACHE).shown == "https://host/path"
