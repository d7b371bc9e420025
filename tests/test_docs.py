"""What the documentation says is so: the generated page is fresh, and every command it shows runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if page.exists() and page.read_text(encoding="utf-8").strip()]

# Commands that need a network or take minutes: their form is checked here, `./dev` itself by .ci/run.
NOT_RUN = (
    ". .venv/bin/activate ",
    "git clone ",
    "cd ",
    "./dev ",
    "pytest",
    "ruff ",
    "mypy",
    "python docs/generate.py",
    "python bench/run.py ",
    "git diff ",
)


def commands(page: Path) -> list[str]:
    """The commands of the page's ```sh blocks: continued lines joined, comments and blank lines left out."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def test_fact_page_is_generated_from_the_vocabulary() -> None:
    run = subprocess.run([sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_readme_shows_set_up_and_tests() -> None:
    if ROOT / "README.md" not in WRITTEN:
        pytest.skip("README.md is still empty")
    shown = commands(ROOT / "README.md")
    for command in ("./dev demo", "./dev test"):
        assert any(line.endswith(command) for line in shown), f"README.md does not show {command}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_shell_blocks_are_shell(page: Path) -> None:
    for command in commands(page):
        parsed = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True)
        assert parsed.returncode == 0, f"{command}: {parsed.stderr}"
        parts = [part.strip() for part in command.split("&&")]
        assert all(f"{part} ".startswith(("triage ", *NOT_RUN)) for part in parts), (
            f"no test knows how to check {command}"
        )
    for subcommand in re.findall(r"\./dev (\w+)", "\n".join(commands(page))):
        script = (ROOT / "dev").read_text(encoding="utf-8")
        assert re.search(rf"^{subcommand}\)", script, re.MULTILINE), f"./dev has no {subcommand}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_triage_commands_run_as_shown(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "casefiles", tmp_path / "casefiles")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands(page):
        if not command.startswith("triage "):
            continue
        run = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )
        # --fail-on makes a finding an exit status of 1.
        allowed = (0, 1) if "--fail-on" in command else (0,)
        assert run.returncode in allowed, f"{command}: exit status {run.returncode}: {run.stderr}"
        for report in re.findall(r"--report[ =](\S+)", command):
            assert (tmp_path / report).stat().st_size > 0, f"{command} wrote no {report}"
