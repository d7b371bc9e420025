"""Field offsets of the kernel structures a forged dump holds, by Windows build.

Typed from public symbols and, for Windows 2000, from Schreiber's w2k_def.h. They share nothing with the tables of the
reader: one mistake in both is less likely than one in either. Columns are builds, figures hexadecimal, `-` means that
the build has no such field. No source gives the tracker table, the loader entry and the descriptors of Windows 2000;
those of XP stand in. 26100 lacks what no public symbol file at hand names.
"""

from functools import cache

from .morelayouts import MORE

BUILDS = (2195, 2600, 3790, 7601, 9200, 9600, 14393, 17763, 19041, 20348, 22000, 26100)
X86_BUILDS = (9200, 9600, 10240, 14393, 17763, 19041)
"""Those whose 32-bit kernel is known beside or instead of the 64-bit one."""

_TABLE = """
build                         2195  2600  3790  7601  9600 14393 17763 19041 20348 22000 26100
_EPROCESS
  size                          288   260   278   4f8   708   7c8   858   a40   bc0   b80   840
  UniqueProcessId                9c    84    94   180   2e0   2e8   2e0   440   440   440   1d0
  ActiveProcessLinks             a0    88    98   188   2e8   2f0   2e8   448   448   448   1d8
  ImageFileName                 1fc   174   164   2e0   438   450   450   5a8   5a8   5a8   338
  InheritedFromUniqueProcessId  1c8   14c   138   290   3d0   3e0   3e0   540   540   540   2d0
  ObjectTable                   128    c4    d4   200   408   418   418   570   570   570   300
  ThreadListHead                  -   190   180   308   470   488   488   5e0   5e0   5e0   370
  ActiveThreads                   -   1a0   190   328   480   498   498   5f0   5f0   5f0   380
  CreateTime                     88    70    80   168   2d0   308   308   468   468   468   1f8
  ExitTime                       90    78    88   170   640   690   690   840   840   840   5c0
  ExitStatus                     6c   24c   244   444   6fc   62c   624   7d4   7d4   7d4   554
  Session                         -   170   160   2d8   3f0   400   400   558   558   558   2e8
  SessionId                     1e4     -     -     -     -     -     -     -     -     -     -
  Vm                             d0   1f8   1e8   398   4d8   500   500   680   680   680   400
  CommitCharge                   bc    a8    b8   1b8   4d0   4f0   4f0   648   648   648   3d8
  Peb                           1b0   1b0   1a0   338   3e8   3f8   3f8   550   550   550   2e0
  QuotaUsage                     b0    90    a0     -     -     -     -     -     -     -     -
  Flags                           -   248   240   440   2fc   304   304   464   464   464   1f4
  SeAuditProcessCreationInfo      -   1f4   1e4   390   450   468   468   5c0   5c0   5c0   350
  Job                             -   134   120   260   3a0   3b0   3b0   510   510   510   2a0
  Token                         12c    c8    d8   208   348   358   358   4b8   4b8   4b8   248
_KPROCESS
  size                           6c    6c    78   160   2c8   2d8   2d8   438   438   438   1c8
  DirectoryTableBase             18    18    18    28    28    28    28    28    28    28    28
  UserDirectoryTableBase          -     -     -   110   270   2c0   278   388   388   388   158
  ThreadListHead                 50    50    50    30    30    30    30    30    30    30    30
  StackCount                     60    60    6c    dc   234   23c   23c   348   348   348   108
_KTHREAD
  size                          1b0   1c0   1b8   368   5d0   5e0   5f0   430   480   480   4c0
  State                          2d    2d    4c   164   184   184   184   184   184   184   184
  WaitReason                     57    5b    5a   26b   283   283   283   283   283   283   283
  Priority                       33    33    5b    7b    c3    c3    c3    c3    c3    c3    c3
  Teb                            20    20    74    b8    f0    f0    f0    f0    f0    f0    f0
  InitialStack                   18    18    18    28    28    28    28    28    28    28    28
  StackLimit                     1c    1c    1c    30    30    30    30    30    30    30    30
  KernelStack                    28    28    20    38    58    58    58    58    58    58    58
  StackBase                     15c   168   158   278    38    38    38    38    38    38    38
  Process                         -     -   128   210   220   220   220   220   220   220   220
  ApcState                       34    34    28    50    98    98    98    98    98    98    98
  ThreadListEntry               1a4   1b0   1a8   2f8   2f8   2f8   2f8   2f8   2f8   2f8   2f8
  ContextSwitches                4c    4c    48   134   154   154   154   154   154   154   154
  WaitTime                       64    68    6c   194   1b4   1b4   1b4   1b4   1b4   1b4   1b4
_KAPC_STATE
  Process                        10    10    10    20    20    20    20    20    20    20    20
_ETHREAD
  size                          248   258   250   4a8   778   7e0   810   898   8f0   8f0   788
  Cid                           1e0   1ec   1e4   3b8   620   630   638   478   4c8   4c8   508
  CreateTime                    1b0   1c0   1b8   368   5d0   5e0   5f0   430   480   480   4c0
  ExitTime                      1b8   1c8   1c0   370   5d8   5e8   5f8   438   488   488   4c8
  ExitStatus                    1c0   1d0   1c8   380   6d8   6f0   700   548   598   598   5d8
  StartAddress                  230   224   21c   390   5f8   608   610   450   4a0   4a0   4e0
  Win32StartAddress             234   228   220   418   678   688   690   4d0   520   520   560
  ThreadListEntry                 -   22c   224   428   688   698   6a8   4e8   538   538   578
  ThreadsProcess                22c   220   218     -     -     -     -     -     -     -     -
  CrossThreadFlags                -   248   240   450   6b4   6c0   6d0   510   560   560   5a0
  DeadThread                     222     -     -     -     -     -     -     -     -     -     -
  HasTerminated                 224     -     -     -     -     -     -     -     -     -     -
_HANDLE_TABLE
  size                           6c    44    44    68    80    80    80    80    80    80    80
  Table                           8     -     -     -     -     -     -     -     -     -     -
  TableCode                       -     0     0     0     8     8     8     8     8     8     8
  HandleCount                     4    3c    3c    58     -     -     -     -     -     -     -
  HandleTableList                54    1c    1c    20    18    18    18    18    18    18    18
  QuotaProcess                    c     4     4     8    10    10    10    10    10    10    10
  UniqueProcessId                10     8     8    10    28    28    28    28    28    28    28
  NextHandleNeedingPool           -    38    38    5c     0     0     0     0     0     0     0
  FreeLists                       -     -     -     -    40    40    40    40    40    40    40
  Flags                           -    40    40    44    2c    2c    2c    2c    2c    2c    2c
_HANDLE_TABLE_FREE_LIST
  size                            -     -     -     -    40    40    40    40    40    40    40
  HandleCount                     -     -     -     -    18    18    18    18    18    18    18
  HighWaterMark                   -     -     -     -    1c    1c    1c    1c    1c    1c    1c
_OBJECT_HEADER
  size                           18    20    20    38    38    38    38    38    38    38    38
  PointerCount                    0     0     0     0     0     0     0     0     0     0     0
  HandleCount                     4     4     4     8     8     8     8     8     8     8     8
  Type                            8     8     8     -     -     -     -     -     -     -     -
  TypeIndex                       -     -     -    18    18    18    18    18    18    18    18
  InfoMask                        -     -     -    1a    1a    1a    1a    1a    1a    1a    1a
  Flags                           f     f     f    1b    1b    1b    1b    1b    1b    1b    1b
  NameInfoOffset                  c     c     c     -     -     -     -     -     -     -     -
  HandleInfoOffset                d     d     d     -     -     -     -     -     -     -     -
  QuotaInfoOffset                 e     e     e     -     -     -     -     -     -     -     -
  QuotaBlockCharged               -    10    10    20    20    20    20    20    20    20    20
  ObjectCreateInfo               10    10    10    20    20    20    20    20    20    20    20
  SecurityDescriptor             14    14    14    28    28    28    28    28    28    28    28
  Body                           18    18    18    30    30    30    30    30    30    30    30
_OBJECT_HEADER_CREATOR_INFO
  size                           10    10    10    20    20    20    20    20    20    20    20
  TypeList                        0     0     0     0     0     0     0     0     0     0     0
  CreatorUniqueProcess            8     8     8    10    10    10    10    10    10    10    10
_OBJECT_HEADER_NAME_INFO
  size                           10    10    10    20    20    20    20    20    20    20    20
  Directory                       0     0     0     0     0     0     0     0     0     0     0
  Name                            4     4     4     8     8     8     8     8     8     8     8
_OBJECT_HEADER_HANDLE_INFO
  size                            8     8     8    10    10    10    10    10    10    10     10
_OBJECT_HEADER_QUOTA_INFO
  size                           10    10    10    20    20    20    20    20    20    20    20
  NonPagedPoolCharge              4     4     4     4     4     4     4     4     4     4     4
  PagedPoolCharge                 0     0     0     0     0     0     0     0     0     0     0
_OBJECT_TYPE
  size                           b0   190   190    d0    d8    d8    d8    d8    d8    d8    e0
  TypeList                       38    38    38     0     0     0     0     0     0     0     0
  Name                           40    40    40    10    10    10    10    10    10    10    10
  Index                          4c    4c    4c    28    28    28    28    28    28    28    28
  TotalNumberOfObjects           50    50    50    2c    2c    2c    2c    2c    2c    2c    2c
  TotalNumberOfHandles           54    54    54    30    30    30    30    30    30    30    30
  HighWaterNumberOfObjects       58    58    58    34    34    34    34    34    34    34    34
  HighWaterNumberOfHandles       5c    5c    5c    38    38    38    38    38    38    38    38
  TypeInfo                       60    60    60    40    40    40    40    40    40    40    40
  Key                            ac    ac    ac    b8    c0    c0    c0    c0    c0    c0    c0
_OBJECT_TYPE_INITIALIZER
  size                           4c    4c    4c    70    78    78    78    78    78    78    78
  PoolType                       20    20    20    24    24    24    24    24    24    24    24
  ObjectTypeCode                  -     -     -     4     4     4     4     4     4     4     4
_POOL_HEADER
  size                            8     8     8    10    10    10    10    10    10    10    10
  PoolTag                         4     4     4     4     4     4     4     4     4     4     4
_POOL_TRACKER_TABLE
  size                           1c    1c    1c    28    28    28    38    38    50    50    50
  Key                             0     0     0     0     0     0     0     0     0     0     0
  NonPagedAllocs                  4     4     4     4     4     4    10    10    10    10    10
  NonPagedFrees                   8     8     8     8     8     8    18    18    18    18    18
  NonPagedBytes                   c     c     c    10    10    10     8     8     8     8     8
  PagedAllocs                    10    10    10    18    18    18    28    28    28    28    28
  PagedFrees                     14    14    14    1c    1c    1c    30    30    30    30    30
  PagedBytes                     18    18    18    20    20    20    20    20    20    20    20
_POOL_TRACKER_BIG_PAGES
  size                            c     c    10    18    18    18    18    18    20    20    20
  Va                              0     0     0     0     0     0     0     0     0     0     0
  Key                             4     4     4     8     8     8     8     8     8     8     8
  NumberOfPages                   8     8     8     -     -     -     -     -     -     -     -
  NumberOfBytes                   -     -     -    10    10    10    10    10    10    10    10
_POOL_DESCRIPTOR
  size                         1028  1028  1030  1140  1140  1140  1140     -     -     -     -
  PoolType                        0     0     0     0     0     0     0     -     -     -     -
  PoolIndex                       4     4     4    80    80    c0    c0     -     -     -     -
  RunningAllocs                   8     8     8    40    40    40    40     -     -     -     -
  RunningDeAllocs                 c     c     c    44    44     -     -     -     -     -     -
  RunningDeallocs                 -     -     -     -     -    80    80     -     -     -     -
  TotalPages                     10    10    10    c0    c0     -     -     -     -     -     -
  TotalBigPages                  14    14    14    48    48     -     -     -     -     -     -
  TotalBytes                      -     -    28    50    50     -     -     -     -     -     -
  PagesAllocated                  -     -     -     -     -    48    48     -     -     -     -
  PagesDeallocated                -     -     -     -     -    88    88     -     -     -     -
  BytesAllocated                  -     -     -     -     -    58    58     -     -     -     -
  BytesDeallocated                -     -     -     -     -    98    98     -     -     -     -
_LDR_DATA_TABLE_ENTRY
  size                           50    50    50    e0   118   120   120   120   138   138     -
  InLoadOrderLinks                0     0     0     0     0     0     0     0     0     0     -
  DllBase                        18    18    18    30    30    30    30    30    30    30     -
  EntryPoint                     1c    1c    1c    38    38    38    38    38    38    38     -
  SizeOfImage                    20    20    20    40    40    40    40    40    40    40     -
  FullDllName                    24    24    24    48    48    48    48    48    48    48     -
  BaseDllName                    2c    2c    2c    58    58    58    58    58    58    58     -
  CheckSum                       40    40    40    78     -     -     -     -   120   120     -
  TimeDateStamp                  44    44    44    80    80    80    80    80    80    80     -
_KLDR_DATA_TABLE_ENTRY
  size                            -     -     -     -     -    a0    a0    a0    a0    a0    a0
  InLoadOrderLinks                -     -     -     -     -     0     0     0     0     0     0
  DllBase                         -     -     -     -     -    30    30    30    30    30    30
  EntryPoint                      -     -     -     -     -    38    38    38    38    38    38
  SizeOfImage                     -     -     -     -     -    40    40    40    40    40    40
  FullDllName                     -     -     -     -     -    48    48    48    48    48    48
  BaseDllName                     -     -     -     -     -    58    58    58    58    58    58
  CheckSum                        -     -     -     -     -    78    78    78    78    78    78
  TimeDateStamp                   -     -     -     -     -    9c    9c    9c    9c    9c    9c
_MM_PAGED_POOL_INFO
  size                           24    24    20    68    68    38    38    18    18    18     -
  AllocatedPagedPool             20    20    1c    60    60    30    30    10    10    10     -
  PagedPoolCommit                1c    1c    18    58     -     -     -     -     -     -     -
_MI_SYSTEM_INFORMATION
  size                            -     -     -     -     -  1bc0  3100  3280  4ec0  50c0     -
  Pools                           -     -     -     -     -     0     0     0     0     0     -
  Vs                              -     -     -     -     -  1380  24c0  25c0  4200  4400     -
_MI_POOL_STATE
  AllocatedNonPagedPool           -     -     -     -     -    18    18     8     8     8     -
  MaximumNonPagedPoolThreshold    -     -     -     -     -     0     0     0     0     0     -
_MI_VISIBLE_STATE
  MaximumNonPagedPoolInPages      -     -     -     -     -    a0    90    30    30    30     -
  SizeOfPagedPoolInPages          -     -     -     -     -    a8    98    38    38    38     -
  NonPagedPoolCommit              -     -     -     -     -   118   100    a0    a0    98     -
  PagedPoolInfo                   -     -     -     -     -    68    58    18    18    18     -
_MI_PARTITION
  size                            -     -     -     -     -  2c00  2dc0  2d00  53c0  53c0     -
  Vp                              -     -     -     -     -  1880  1bc0  1b00  4140  4140  4840
  Commit                          -     -     -     -     -  1600  1900  1840  3e80  3e80     -
_MI_VISIBLE_PARTITION
  NumberOfPhysicalPages           -     -     -     -     -    10    10    10    10    10    10
  AvailablePages                  -     -     -     -     -    c0    c0    c0    c0    c0    c0
  ResidentAvailablePages          -     -     -     -     -   100   100   100   100   100   100
  TotalCommittedPages             -     -     -     -     -   3a8   228   228   228   228   300
  TotalCommitLimit                -     -     -     -     -   428   2a8   2a8   318   318   458
  SharedCommit                    -     -     -     -     -     -   2c8   2c8   338   338   478
  NumberOfPagingFiles             -     -     -     -     -    18    18    18    18    18    18
  PagingFile                      -     -     -     -     -    20    20    20    20    20    20
_MI_PARTITION_COMMIT
  PeakCommitment                  -     -     -     -     -     0     0     0     0     0     -
_MMPAGING_FILE
  size                           44    44    3c    90    e0   120   120   120   120   120     -
  Size                            0     0     0     0     0     0     0     0     0     0     -
  MaximumSize                     4     4     4     8     8     8     8     8     8     8     -
  MinimumSize                     8     8     8    10    10    10    10    10    10    10     -
  FreeSpace                       c     c     c    18    18    18    18    18    18    18     -
  PageFileName                   30    30    28    48    70    60    60    60    60    60     -
_KPRCB
  size                          c50   c50   ec0  6f00  7ec0  7ec0  7ec0  af00  bf00  bf00     -
  CurrentThread                   4     4     4     8     8     8     8     8     8     8     -
  IdleThread                      c     c     c    18    18    18    18    18    18    18     -
  Number                         10    10    10    24    24    24    24    24    24    24     -
"""


class Layout:
    """The structures of one build: `layout.at("_EPROCESS.Vm")` is an offset, `layout.size("_EPROCESS")` bytes."""

    def __init__(self, build: int, offsets: dict[str, int], bits: int = 0) -> None:
        """`bits` is the width of a pointer; 32 before Windows 7 unless said."""
        self.build = build
        self.bits = bits or (32 if build < 7000 else 64)
        self._offsets = offsets

    def at(self, name: str) -> int:
        """Offset of `STRUCT.Field`; KeyError where the build has none."""
        return self._offsets[name]

    def has(self, name: str) -> bool:
        """True where the build has `STRUCT.Field`."""
        return name in self._offsets

    def size(self, struct: str) -> int:
        """Size of a structure in bytes."""
        return self._offsets[f"{struct}.size"]


@cache
def layout(build: int, bits: int = 0) -> Layout:
    """The layout of a build of `BUILDS`, or with 32 bits of `X86_BUILDS`."""
    name = f"{build}x86" if bits == 32 and build > 7000 else str(build)
    table = next(text for text in (_TABLE, MORE) if name in text.split("\n", 2)[1].split())
    head, *rows = table.strip().splitlines()
    column, struct, offsets = head.split().index(name) - 1, "", {}
    for line in rows:
        if not line.startswith(" "):
            struct = line
            continue
        field, *values = line.split()
        if values[column] != "-":
            offsets[f"{struct}.{field}"] = int(values[column], 16)
    return Layout(build, offsets, bits)
