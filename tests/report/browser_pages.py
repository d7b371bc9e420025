"""Pages opened from disk in the Chromium of this machine, with all they ask for and complain of written down."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    __all__ = ["Browser", "Opened", "axe", "browser", "opened"]


@dataclass
class Opened:
    """A page with the addresses it asked for and what it wrote to the console, exceptions included."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def browser() -> Iterator["Browser"]:
    """A browser; the test is skipped where Playwright or Chromium is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (the dev extra has it)")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as running:
        # The sandbox of the browser needs rights a container seldom has; the pages are our own.
        started = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


def opened(
    browser: "Browser", path: Path, *, width: int = 1280, dark: bool = False, scripts: bool = True, bypass: bool = False
) -> Opened:
    """The page of a file in a window `width` pixels wide; with `bypass` a test may run scripts its policy forbids."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        bypass_csp=bypass,
    )
    page = context.new_page()
    at = Opened(page)
    page.on("request", lambda request: at.requests.append(request.url))
    # What the policy stops is announced too, and never sent.
    page.on("requestfailed", lambda request: at.requests.remove(request.url) if request.failure == "csp" else None)
    page.on("console", lambda message: at.complaints.append(message.text))
    page.on("pageerror", lambda error: at.complaints.append(str(error)))

    def dismiss(dialog: object) -> None:
        at.complaints.append(f"dialog: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dismiss)
    page.goto(path.as_uri())
    return at


def axe() -> str:
    """The script of axe-core; the test is skipped where it is not installed."""
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed (the dev extra has it)")
    return (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")
