"""What all tests share: the folder of reference material beside the checkout, and repeatable property tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every run and machine. `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _no_symbols_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the symbols nor the symbol servers of who runs them."""
    for name in ("DUMPTRIAGE_SYMBOLS", "_NT_SYMBOL_PATH"):
        monkeypatch.delenv(name, raising=False)
    cache = tmp_path_factory.getbasetemp() / "symbols"
    monkeypatch.setattr("dumptriage.sources.kernel.symbolpath.user_cache", lambda *_: cache)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the settings nor the debugging tools of who runs them, and fill a cache of their own."""
    base = tmp_path_factory.getbasetemp()
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(base / "config"))
    for name in ("_NT_DEBUGGER_EXTENSION_PATH", "ProgramFiles", "ProgramFiles(x86)"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUMPTRIAGE_CACHE", str(base / "cache"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real dumps, logs and cases. It is no part of the project: without it the test is skipped."""
    folder = Path(os.environ.get("DUMPTRIAGE_SHARED") or ROOT.parent / "shared")
    if not (folder / "cases").is_dir():
        pytest.skip("the folder of real cases is absent (../shared, or where DUMPTRIAGE_SHARED points)")
    return folder
