"""Where the kernel's global variables stand, relative to its base, and which PDB says so.

7601, 9600, 17763, 19041 and 20348 are real kernels (7601.24540, 9600.21620, 17763.5933, 19041.804, 20348.2529), so a
reader with their public symbols finds everything. The other kernels are made up in the manner of their neighbours:
what lies within 0x4200 bytes of PoolTrackTable in every public symbol file lies so here.
"""

from dataclasses import dataclass

_TABLE = """
build                            7601    9600   17763   19041   20348   14393   22000   26100    2195    2600    3790
KdDebuggerDataBlock            1e2130  292530  3fea80  c00b20  c00a30  3ffa80  c01b30  c02b20   6d660   7a560   8c560
PoolTrackTable                 210f88  2a4728  409858  c168a8  c1d518  40a860  c1e518  c1f8a8   70a3c   7f8c0   921a8
PoolTrackTableSize             210f80  2a5c40  406fe0  c19128  c21598  407fe8  c22598  c22128   70a38   7f8bc   921a0
PoolTrackTableMask             210f78  2a5b80  409828  c190c0  c1d540  40a830  c1e540  c220c0   70a34   7f8b8   9219c
PoolTrackTableExpansion        210f70  2a4758  409830  c19110  c1d538  40a838  c1e538  c22110   70a44   7f8c8   921b0
PoolTrackTableExpansionSize    210f68  2a4760  409838  c19118  c21580  40a840  c22580  c22118   70a48   7f8cc   921b4
PoolBigPageTable               210f60  2a5b90  409840  c19100  c21578  40a848  c22578  c22100   70a50   7f8d8   921c0
PoolBigPageTableSize           210f58  2a5b98  409818  c19108  c21570  40a850  c22570  c22108   70a54   7f8d4   921bc
ExPoolTagTables                210fa0  2a4780  407000  c168c0  c1d560  408010  c1e560  c1f8c0       -   7f900   921e0
ExpSessionPoolTrackTable       2117a8  2a4748  409810  c190d0  c1d528  40a810  c1e528       -       -       -   92180
ExpSessionPoolTrackTableSize   2117b0  2a4738  409808  c190e8  c1d530  40a808  c1e530       -       -       -   92184
ExpSessionPoolTrackTableMask   2117b8  2a4730  409800  c190e0  c21560  40a800  c22560       -       -       -   92188
PsActiveProcessHead            21b940  2ab400  40e3a0  c1e200  c26400  40f3a0  c27400  c27200   7a180   8b158   9a158
PsLoadedModuleList             239c90  2c5690  41a8d0  c2a390  c339d0  41b8d0  c349d0  c33390   7a1a8   8b5a0   9a5a0
ObTypeIndexTable               21e100  2aea40  541bf0  cfce10  d113b0  542bf0  d123b0  d05e10       -       -       -
ObpTypeObjectType              21c5a8  2acc78  419e58  c251e8  c2e868  41ae58  c2f868  c2e1e8   7a2d4   8b6d4   9a6d4
ObHeaderCookie                      -       -  5415c8  cfc71c  d10b08  5425c8  d11b08  d0571c       -       -       -
ObpRootDirectoryObject         21c590  2acc70  419e50  c251f0  c2e870  41ae50  c2f870  c2e1f0   7a2d8   8b6d8   9a6d8
PspCidTable                    21b988  34f1e8  541468  cfc5c8  d10998  542468  d11998  d055c8   7a2e0   8b6e0   9a6e0
HandleTableListHead            2109f0  6a48a8  96ea50  d2db78  d49e18  96fa50  d4ae18  d36b78   7a2e8   8b6e8   9a6e8
KiProcessorBlock               29dcc0  34fd80  542d40  cfdc80  d12680  543d40  d13680  d06c80   7a300   8b700   9a700
MiState                             -       -  438900  c4c740  c58e80  439900  c59e80       -       -       -       -
MiSystemPartition                   -       -  43c800  c50bc0  c5ed00  43d800  c60d00  c59bc0       -       -       -
KiWaitNever                    29d130  34f548  541650  cfc7f8  d10bd8  542650  d11bd8  d057f8       -       -       -
KiWaitAlways                   29d218  34fa40  541850  cfc9f8  d10e40  542850  d11e40  d059f8       -       -       -
KdpDataBlockEncoded            1ffd1b  29e488  43c750  c50ba0  d0b3c8  43d750  d0c3c8  c59ba0       -       -       -
PsInitialSystemProcess         29d028  34f028  5412e0  cfc420  d107e0  5422e0  d117e0  d05420   7a3c4   8b7c4   9a7c4
PsProcessType                  29d020  34f030  5412d0  cfc410  d107d8  5422d0  d117d8  d05410   7a3c8   8b7c8   9a7c8
PsThreadType                   29d050  34f048  5412f8  cfc440  d10800  5422f8  d11800  d05440   7a3cc   8b7cc   9a7cc
NtBuildNumber                    a14c   1b958  3745e0  c11ee0  c18470  3755e0  c19470  c1aee0   7a3d0   8b7d0   9a7d0
NtBuildLab                       a150    2610  438400  c4c1a0  c58520  439400  c59520  c551a0       -   8b9d0   9a9d0
KeNumberProcessors             29d018  34f018  5412c4  cfc404  d107c4  5422c4  d117c4  d05404   7a3d4   8b7d4   9a7d4
MmUnloadedDrivers              29d1f0  34f238  41a850  c2a308  c339f0  41b850  c349f0  c33308   7a3d8   8b7d8   9a7d8
MmLastUnloadedDriver           239c88  2c5604  41a858  c2a310  c339f8  41b858  c349f8  c33310   7a3dc   8b7dc   9a7dc
MmPfnDatabase                  29d280  34f0f8  5413a8  cfc500  d108d0  5423a8  d118d0  d05500   7a3e0   8b7e0   9a7e0
IoFileObjectType               29d048  34f040  541308  cfc448  d10808  542308  d11808  d05448   7a3e4   8b7e4   9a7e4
ExEventObjectType              29d0d0  34f0c8  540020  cfc4a0  d10880  541020  d11880  d054a0   7a3e8   8b7e8   9a7e8
MmSizeOfPagedPoolInBytes       29d4a8  34f530  541640  cfc7e8  d10bc8  542640  d11bc8  d057e8   7a3ec   8b7ec   9a7ec
MmPhysicalMemoryBlock          29d038  34f108  541388  cfc4a8  d10890  542388  d11890  d054a8   7a3f0   8b7f0   9a7f0
MmAvailablePages               1ef0c0  3470c0       -       -       -       -       -       -   7a3f4   8b7f4   9a7f4
MmResidentAvailablePages       1ef100  347140       -       -       -       -       -       -   7a3f8   8b7f8   9a7f8
MmTotalCommitLimit             222318  2b2df0       -       -       -       -       -       -   7a3fc   8b7fc   9a7fc
MmTotalCommittedPages          222320  2b2de8       -       -       -       -       -       -   7a400   8ba00   9aa00
MmPeakCommitment               222350  2b2df8       -       -       -       -       -       -   7a404   8ba04   9aa04
MmAllocatedNonPagedPool        223810  2b3010       -       -       -       -       -       -   7a408   8ba08   9aa08
MmMaximumNonPagedPoolInBytes   29d2f0  34f2a8       -       -       -       -       -       -   7a40c   8ba0c   9aa0c
MmNumberOfPhysicalPages        29d080  34f068       -       -       -       -       -       -   7a410   8ba10   9aa10
MmPagedPoolInformation         222400  2b2e40       -       -       -       -       -       -   7a440   8ba40   9aa40
NonPagedPoolDescriptor         1fa880  2d8d80  4d7440       -       -  4d8440       -       -   7c000   8d000   9c000
ExpPagedPoolDescriptor         29dab0  3512c0  542740       -       -  543740       -       -   7a420   8ba20   9aa20
ExpNumberOfPagedPools          29d098  34f0a0  54001c       -       -  54101c       -       -   7a428   8ba28   9aa28
MmNonPagedPoolStart            29d0d8       -       -       -       -       -       -       -   7a42c   8ba2c   9aa2c
MmNonPagedPoolEnd              29d0e0       -       -       -       -       -       -       -   7a430   8ba30   9aa30
MmPagedPoolStart               29d0e8       -       -       -       -       -       -       -   7a434   8ba34   9aa34
MmPagedPoolEnd                 29d0f0       -       -       -       -       -       -       -   7a438   8ba38   9aa38
"""

PDB = {
    7601: "339E74133576439CBCDF7E0229DA37731",
    9600: "169C65213E3E42DDBEB4E3AC66312B821",
    17763: "1806D020A6E46538D7AC3325FAC114D81",
    19041: "5278AFF86C341677D7D7835C85B7B8441",
    20348: "879AD95F3461091BB6318FA98072AD8E1",
}
"""GUID and age of the real kernels' PDB; the others get a made-up one."""

EXPORTED = (
    "PsInitialSystemProcess",
    "PsProcessType",
    "PsThreadType",
    "IoFileObjectType",
    "ExEventObjectType",
    "NtBuildNumber",
    "KeNumberProcessors",
)
"""Variables in the kernel's export table, of all versions."""

DEBUGGER_DATA = {
    "PsLoadedModuleList": 0x48,
    "PsActiveProcessHead": 0x50,
    "PspCidTable": 0x58,
    "ExpPagedPoolDescriptor": 0x68,
    "ExpNumberOfPagedPools": 0x70,
    "ObpRootDirectoryObject": 0x98,
    "ObpTypeObjectType": 0xA0,
    "MmPfnDatabase": 0xC0,
    "MmNumberOfPhysicalPages": 0xF8,
    "MmMaximumNonPagedPoolInBytes": 0x100,
    "MmNonPagedPoolStart": 0x110,
    "MmNonPagedPoolEnd": 0x118,
    "MmPagedPoolStart": 0x120,
    "MmPagedPoolEnd": 0x128,
    "MmPagedPoolInformation": 0x130,
    "MmSizeOfPagedPoolInBytes": 0x140,
    "MmTotalCommitLimit": 0x148,
    "MmTotalCommittedPages": 0x150,
    "MmAvailablePages": 0x1A8,
    "MmResidentAvailablePages": 0x1B0,
    "PoolTrackTable": 0x1B8,
    "NonPagedPoolDescriptor": 0x1C0,
    "KiProcessorBlock": 0x218,
    "MmUnloadedDrivers": 0x220,
    "MmLastUnloadedDriver": 0x228,
    "MmAllocatedNonPagedPool": 0x250,
    "MmPeakCommitment": 0x258,
    "MmPhysicalMemoryBlock": 0x270,
}
"""Fields of KDDEBUGGER_DATA64 that hold the address of a variable (wdbgexts.h)."""

_SIZES = (
    (26100, 0x3A0),
    (17763, 0x380),
    (14393, 0x368),
    (9200, 0x360),
    (7600, 0x340),
    (6001, 0x330),
    (6000, 0x328),
    (3790, 0x318),
    (2600, 0x290),
    (2195, 0x278),
)
_KNOWN_64 = (26100, 22000, 20348, 19041, 17763, 14393, 9600, 7601)
_GONE = {"MmNonPagedPool": 9200, "MmPagedPoolStart": 9200, "MmPagedPoolEnd": 9200}
_GONE |= {"NonPagedPoolDescriptor": 19041, "ExpPagedPool": 19041, "ExpNumberOfPagedPools": 19041}
_GONE |= dict.fromkeys(
    (
        "MmAvailablePages",
        "MmResidentAvailablePages",
        "MmTotalCommit",
        "MmPeakCommitment",
        "MmAllocatedNonPagedPool",
        "MmMaximumNonPagedPoolInBytes",
        "MmNumberOfPhysicalPages",
        "MmPagedPoolInformation",
    ),
    10240,
)
"""Variables by the start of their names, and the first build without them."""
_LATER = {
    "ObTypeIndexTable": (7600, 0x9E000),
    "ObHeaderCookie": (10240, 0x9E804),
    "KiWaitNever": (9200, 0x9E810),
    "KiWaitAlways": (9200, 0x9E820),
    "MiState": (10240, 0x9F000),
    "MiSystemPartition": (10240, 0xA4200),
}
"""Variables of later 32-bit kernels: first build, and a place behind those of 3790."""


def debugger_data_size(build: int) -> int:
    """Size of the debugger data block; that of 2195 with the fields of its later updates."""
    return next(size for first, size in _SIZES if build >= first)


@dataclass(frozen=True, slots=True)
class Symbols:
    """Global variables of one kernel by name, relative to its base."""

    pdb: str
    places: dict[str, int]


def symbols(build: int, bits: int) -> Symbols:
    """The globals of a build. A kernel that is not in the table has its variables where the next one before has."""
    head, *rows = _TABLE.strip().splitlines()
    known = str(build)
    if known not in head.split() or (bits == 32 and build > 3790) or (bits == 64 and build == 3790):
        known = "3790" if bits == 32 else str(next((old for old in _KNOWN_64 if old <= build), 7601))
        known = "14393" if bits == 64 and 10240 <= build < 14393 else known
    column = head.split().index(known)
    places = {}
    for row in rows:
        cells = row.split()
        if cells[column] != "-" and not any(
            cells[0].startswith(name) and build >= last for name, last in _GONE.items()
        ):
            places[cells[0]] = int(cells[column], 16)
    if bits == 32:
        places |= {name: place for name, (first, place) in _LATER.items() if build >= first}
    return Symbols(PDB.get(build if known == str(build) else 0, f"{bits:02X}{build:030X}1"), places)
