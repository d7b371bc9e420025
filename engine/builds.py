"""Windows build numbers: name of the release and the year it came out.

Source: Microsoft's release information pages (Windows 10, Windows 11, Windows Server) and the product lifecycle pages.
The kernels of 2004 to 22H2 all call themselves 19041 in the header, those of 22H2 and 23H2 22621 (observed on dumps of
2022 to 2024): enablement packages do not change the kernel's number.
"""

from dataclasses import dataclass

VISTA = 6000
"""First build whose pools grow on demand within RAM instead of having a fixed maximum (Windows Internals, 5th ed.)."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release of Windows: its client and server names and the year of its first build."""

    client: str
    server: str
    year: int


RELEASES = {
    2195: Release("Windows 2000", "Windows 2000 Server", 1999),
    2600: Release("Windows XP", "Windows XP", 2001),
    3790: Release("Windows XP x64", "Windows Server 2003", 2003),
    6000: Release("Windows Vista", "Windows Vista", 2006),
    6001: Release("Windows Vista SP1", "Windows Server 2008", 2008),
    6002: Release("Windows Vista SP2", "Windows Server 2008 SP2", 2009),
    6003: Release("Windows Vista SP2", "Windows Server 2008 SP2", 2009),
    7600: Release("Windows 7", "Windows Server 2008 R2", 2009),
    7601: Release("Windows 7 SP1", "Windows Server 2008 R2 SP1", 2010),
    9200: Release("Windows 8", "Windows Server 2012", 2012),
    9600: Release("Windows 8.1", "Windows Server 2012 R2", 2013),
    10240: Release("Windows 10 1507", "Windows 10 1507", 2015),
    10586: Release("Windows 10 1511", "Windows 10 1511", 2015),
    14393: Release("Windows 10 1607", "Windows Server 2016", 2016),
    15063: Release("Windows 10 1703", "Windows 10 1703", 2017),
    16299: Release("Windows 10 1709", "Windows Server 1709", 2017),
    17134: Release("Windows 10 1803", "Windows Server 1803", 2018),
    17763: Release("Windows 10 1809", "Windows Server 2019", 2018),
    18362: Release("Windows 10 1903/1909", "Windows Server 1903/1909", 2019),
    18363: Release("Windows 10 1909", "Windows Server 1909", 2019),
    19041: Release("Windows 10 2004 to 22H2", "Windows Server 2004/20H2", 2020),
    19042: Release("Windows 10 20H2", "Windows Server 20H2", 2020),
    19043: Release("Windows 10 21H1", "Windows 10 21H1", 2021),
    19044: Release("Windows 10 21H2", "Windows 10 21H2", 2021),
    19045: Release("Windows 10 22H2", "Windows 10 22H2", 2022),
    20348: Release("Windows Server 2022", "Windows Server 2022", 2021),
    22000: Release("Windows 11 21H2", "Windows 11 21H2", 2021),
    22621: Release("Windows 11 22H2/23H2", "Windows 11 22H2/23H2", 2022),
    22631: Release("Windows 11 23H2", "Windows 11 23H2", 2023),
    25398: Release("Windows Server 23H2", "Windows Server 23H2", 2023),
    26100: Release("Windows 11 24H2", "Windows Server 2025", 2024),
    26200: Release("Windows 11 25H2", "Windows Server 2025", 2025),
}

_SAME_KERNEL = {18363: 18362, 22631: 22621, 26200: 26100} | dict.fromkeys((19042, 19043, 19044, 19045), 19041)
"""Releases that only switch features on in the kernel of an earlier one, under either number."""

PRODUCT_TYPES = {1: "workstation", 2: "domain controller", 3: "server"}
"""OSVERSIONINFOEX.wProductType of the Windows SDK (VER_NT_WORKSTATION ...)."""


def os_name(build: int, product_type: str | None) -> str:
    """Name of the operating system; client and server share build numbers and are told apart by the product type."""
    release = RELEASES.get(build)
    if release is None:
        return f"Windows build {build}"
    if product_type is None and release.client != release.server:
        return f"{release.client} or {release.server}"
    return release.client if product_type in (None, "workstation") else release.server


def kernel_number(build: int) -> int:
    """The number the kernel of a build calls itself by, the same for releases that share a kernel."""
    return _SAME_KERNEL.get(build, build)


def release_year(build: int) -> int | None:
    """Year of the release a build belongs to or follows."""
    years = [release.year for number, release in RELEASES.items() if number <= build]
    return years[-1] if years else None


def pool_limits(build: int, architecture: str | None) -> str:
    """`dynamic` from Vista on, `fixed` on x86 before it, else `unknown`."""
    if build >= VISTA:
        return "dynamic"
    return "fixed" if architecture == "x86" else "unknown"
