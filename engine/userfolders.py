"""Where the user's own files are, by the platform's conventions."""

import os
from collections.abc import Mapping
from pathlib import Path

CACHE_ENVIRONMENT = "DUMPTRIAGE_CACHE"
"""A folder to use in place of the platform's."""


def cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of what can be made again: below LOCALAPPDATA on Windows, else below XDG_CACHE_HOME or ~/.cache."""
    given = environment.get(CACHE_ENVIRONMENT, "")
    return Path(given).absolute() if given else _below(environment, "LOCALAPPDATA", "XDG_CACHE_HOME", ".cache")


def config(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of the settings: below APPDATA on Windows, else below XDG_CONFIG_HOME or ~/.config."""
    return _below(environment, "APPDATA", "XDG_CONFIG_HOME", ".config")


def _below(environment: Mapping[str, str], windows: str, xdg: str, home: str) -> Path:
    given = environment.get(windows if os.name == "nt" else xdg, "")
    # The XDG base directory specification has relative paths ignored.
    return (Path(given) if Path(given).is_absolute() else Path.home() / home) / "dumptriage"
