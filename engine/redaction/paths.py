r"""Paths in a text: folders that are not Windows' own become path-1, and only code keeps its file name.

`C:\Program Files\Acme\acme.sys` becomes `path-1\acme.sys`, `D:\Plans\merger.docx` becomes `path-2`. What stands below
Windows' folder and the names of objects of the kernel stay.
"""

import re

from .pseudonyms import Pseudonyms
from .words import OBJECT_FOLDERS

KEPT = (
    ".c",
    ".cc",
    ".cpp",
    ".cxx",
    ".h",
    ".hpp",
    ".inl",
    ".asm",
    ".rs",
    ".sys",
    ".dll",
    ".exe",
    ".drv",
    ".ocx",
    ".cpl",
    ".scr",
    ".efi",
    ".mui",
    ".pdb",
    ".com",
    ".ax",
)

_PART = r"[^\\/:*?\"<>|\r\n\t ]+(?: [^\\/:*?\"<>|\r\n\t ]+){0,8}"
_LAST = r"[^\\/:*?\"<>|\r\n\t ,;)\]}]*"
_DRIVE = r"(?:\\(?:\?\?|DosDevices|\\\?)\\)?\b[A-Za-z]:"
_UNC = r"(?<![\w\\:])\\\\(?![.?]\\)[\w.-]+"
_ROOTED = r"(?<![\w\\/:.)!>~*-])(?=\\(?!u[0-9a-f]{4}|x[0-9a-f]{2})[^\\])"
_PATH = re.compile(
    rf"(?P<root>{_DRIVE}|{_UNC}|{_ROOTED})(?P<folders>[\\/]{{1,2}}(?:{_PART}[\\/]{{1,2}})*)(?P<file>{_LAST})",
    re.IGNORECASE,
)
_UNIX = re.compile(r"(?<![\w./:~-])/(?:home|Users|mnt|media|opt|srv|tmp|var|root|data)(?:/[^\s/:*?\"<>|,;)\]}]+)+/?")

_WINDOWS = re.compile(
    r"(?:\\(?:\?\?|DosDevices|\\\?)\\)?(?:[A-Za-z]:)?(?:\\Device\\HarddiskVolume\d+|\\GLOBAL\?\?\\[A-Za-z]:)?"
    r"[\\/]{1,2}(?:SystemRoot|Windows|WINNT)(?:[\\/]|$)",
    re.IGNORECASE,
)
_NOT_WINDOWS = re.compile(
    r"[\\/](?:temp|tasks|serviceprofiles|web[\\/]wallpaper|ccm|profiles|debug)[\\/]", re.IGNORECASE
)
_VOLUME = re.compile(
    r"\\Device\\(?:HarddiskVolume\d+|Mup|LanmanRedirector|CdRom\d+|Harddisk\d+\\\w+)(?=[\\/].*[^\\/])", re.IGNORECASE
)


def replaced(text: str, pseudonyms: Pseudonyms) -> str:
    """A text with its paths replaced."""

    def put(match: re.Match[str]) -> str:
        root, folders, file = match["root"], match["folders"], match["file"]
        folder = f"{root}{folders}"
        if _stays(folder, bool(root)):
            return match[0]
        ending = "." + file.rpartition(".")[2].lower() if "." in file else ""
        if re.fullmatch(r"(?:\\\?\?\\)?[A-Za-z]:[\\/]*", folder) and (not file or ending in KEPT):  # a bare drive
            return match[0]
        if ending in KEPT:
            return f"{pseudonyms.of('path', _normal(folder))}\\{file}"
        return pseudonyms.of("path", _normal(f"{folder}{file}"))

    if "\\" in text or ":" in text:
        text = _PATH.sub(put, text)
    return _UNIX.sub(lambda match: pseudonyms.of("path", match[0]), text) if "/" in text else text


def _stays(folder: str, has_root: bool) -> bool:
    if _WINDOWS.match(folder):
        return bool(not _NOT_WINDOWS.search(folder))
    if has_root:
        return False
    first = folder.strip("\\/").partition("\\")[0].lower()
    if first == "device":
        return _VOLUME.match(folder) is None and _VOLUME.match(f"{folder}x") is None
    return first in OBJECT_FOLDERS or not first or first.partition(" ")[0] in OBJECT_FOLDERS


def _normal(path: str) -> str:
    r"""One spelling of a path: `\??\C:\A\`, `c:\a` and `C:\\A` are the same."""
    plain = re.sub(r"[\\/]+", r"\\", path)
    return re.sub(r"^\\(?:\?\?|DosDevices|\?)\\", "", plain, flags=re.IGNORECASE).rstrip("\\ ")
