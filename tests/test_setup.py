"""The set-up a new user gets: the shell scripts, the lock files and the version."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import dumptriage

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN = PYPROJECT["project"]["dependencies"]
DEV = RUN + PYPROJECT["project"]["optional-dependencies"]["dev"]
BUILD = PYPROJECT["build-system"]["requires"]
LOCKS = {"build": BUILD, "run": RUN, "dev": DEV}

# name==version ; marker \
#     --hash=sha256:... \
#     --hash=sha256:...
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; [^\\\n]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n", re.MULTILINE)


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, set[str]]:
    """The versions of each distribution in a lock file; more than one where they differ by Python."""
    found: dict[str, set[str]] = {}
    for distribution, version, _hashes in PIN.findall(lock(name)):
        found.setdefault(distribution, set()).add(version)
    return found


def test_version_is_the_same_everywhere() -> None:
    assert dumptriage.__version__ == PYPROJECT["project"]["version"]
    assert f"## {dumptriage.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("shell", "script"), [("sh", "dev"), ("bash", ".ci/run")])
def test_scripts_are_executable_and_parse(shell: str, script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111, f"{script} is not executable"
    parsed = subprocess.run([shell, "-n", path], capture_output=True, text=True)
    assert parsed.returncode == 0, parsed.stderr


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    assert re.search(r"\./dev test\b", (ROOT / ".ci/run").read_text(encoding="utf-8"))


@pytest.mark.parametrize("arguments", [[], ["no-such-subcommand"]])
def test_wrong_use_of_dev_is_one_line(arguments: list[str]) -> None:
    run = subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("dev: usage: ./dev demo | ./dev test") and run.stderr.count("\n") == 1


@pytest.mark.parametrize("name", LOCKS)
def test_lock_pins_every_dependency(name: str) -> None:
    wanted = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in LOCKS[name]}
    missing = {re.sub(r"[._]", "-", distribution.lower()) for distribution in wanted} - pins(name).keys()
    assert not missing, f"requirements/{name}.txt is stale: run ./dev lock"


@pytest.mark.parametrize("name", LOCKS)
def test_lock_holds_pins_with_hashes_and_comments_and_nothing_else(name: str) -> None:
    rest = re.sub(r"^ *#.*\n", "", PIN.sub("", lock(name)), flags=re.MULTILINE)
    assert rest == ""


@pytest.mark.parametrize("name", LOCKS)
def test_lock_names_no_host_and_no_path(name: str) -> None:
    assert not re.search(r"://|--(?:extra-)?index|--find-links|[ =]/", lock(name))


def test_locks_agree() -> None:
    development = pins("dev")
    assert all(development[distribution] == versions for distribution, versions in pins("run").items())


def test_exact_requirements_are_locked_as_they_stand() -> None:
    for requirement in RUN:
        if "==" in requirement:
            distribution, version = requirement.split("==")
            assert pins("run")[distribution] == {version}
