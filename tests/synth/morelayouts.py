"""Field offsets of the 32-bit kernels from Windows 8 on and of Windows 8 itself, as in `layouts`."""

MORE = """
build                              9200  9200x86  9600x86 10240x86 14393x86 17763x86 19041x86
_EPROCESS
  size                              660      2e8      310      380      388      408      4c0
  UniqueProcessId                   2e0       b4       b4       b4       b4       b4       e4
  ActiveProcessLinks                2e8       b8       b8       b8       b8       b8       e8
  ImageFileName                     438      170      170      170      174      17c      1ac
  InheritedFromUniqueProcessId      3d0      134      134      138      138      140      170
  ObjectTable                       408      150      150      154      154      15c      18c
  ThreadListHead                    470      194      194      194      198      1a0      1d0
  ActiveThreads                     480      19c      19c      19c      1a0      1a8      1d8
  CreateTime                        2d0       a8       a8       c8       c8       d0      100
  ExitTime                          610      2b8      2b0      2c0      2c8      2d8      388
  ExitStatus                        58c      270      270      280      288      298      34c
  Session                           3f0      144      144      148      148      150      180
  Vm                                4e8      1f4      1ec      1f4      1f4      1fc      240
  CommitCharge                      4d8      1ec      1e8      1ec      1ec      1f4      224
  Peb                               3e8      140      140      144      144      14c      17c
  Flags                             2fc       c4       c4       c4       c4       cc       fc
  SeAuditProcessCreationInfo        450      184      184      184      188      190      1c0
  Job                               3a0      118      118      120      120      128      158
  Token                             348       ec       ec       f4       f4       fc      12c
_KPROCESS
  size                              2c8       a0       a0       a8       a8       b0       e0
  DirectoryTableBase                 28       18       18       18       18       18       18
  ThreadListHead                     30       2c       2c       2c       2c       2c       2c
  StackCount                        234       74       74       7c       7c       7c       7c
_KTHREAD
  size                              348      1e8      338      348      348      350      280
  State                             184       90       90       90       90       90       90
  WaitReason                        283      18b      18b      18b      18b      18b      18b
  Priority                           c3       87       87       87       87       87       87
  Teb                                f0       a8       a8       a8       a8       a8       a8
  InitialStack                       28       20       20       20       20       20       20
  StackLimit                         30       24       24       24       24       24       24
  KernelStack                        58       48       48       48       48       48       48
  StackBase                          38       28       28       28       28       28       28
  Process                           220      150      150      150      150      150      150
  ApcState                           98       70       70       70       70       70       70
  ThreadListEntry                   2f8      1d4      1d4      1d4      1d4      1d4      1d4
  ContextSwitches                   154       8c       8c       8c       8c       8c       8c
  WaitTime                          1b4      138      138      138      138      138      138
_KAPC_STATE
  Process                            20       10       10       10       10       10       10
_ETHREAD
  size                              4d0      2c8      418      458      460      480      4e0
  Cid                               398      214      364      374      374      37c      2ac
  CreateTime                        348      1e8      338      348      348      350      280
  ExitTime                          350      1f0      340      350      350      358      288
  ExitStatus                        450      280      3d0      3e0      3e4      3ec      324
  StartAddress                      370      200      350      360      360      368      298
  Win32StartAddress                 3f0      244      394      3a4      3a4      3ac      2dc
  ThreadListEntry                   400      24c      39c      3ac      3ac      3b4      2e4
  CrossThreadFlags                  42c      268      3b8      3c8      3c4      3cc      2fc
_HANDLE_TABLE
  size                               80       5c       5c       5c       80       80       80
  TableCode                           8        8        8        8        8        8        8
  HandleTableList                    18       10       10       10       10       10       10
  QuotaProcess                       10        c        c        c        c        c        c
  UniqueProcessId                    28       18       18       18       18       18       18
  NextHandleNeedingPool               0        0        0        0        0        0        0
  FreeLists                          40       28       28       28       40       40       40
  Flags                              2c       1c       1c       1c       1c       1c       1c
_HANDLE_TABLE_FREE_LIST
  size                               40       34       34       34       40       40       40
  HandleCount                        18        c        c        c        c        c        c
  HighWaterMark                      1c       10       10       10       10       10       10
_OBJECT_HEADER
  size                               38       20       20       20       20       20       20
  PointerCount                        0        0        0        0        0        0        0
  HandleCount                         8        4        4        4        4        4        4
  TypeIndex                          18        c        c        c        c        c        c
  InfoMask                           1a        e        e        e        e        e        e
  Flags                              1b        f        f        f        f        f        f
  QuotaBlockCharged                  20       10       10       10       10       10       10
  ObjectCreateInfo                   20       10       10       10       10       10       10
  SecurityDescriptor                 28       14       14       14       14       14       14
  Body                               30       18       18       18       18       18       18
_OBJECT_HEADER_CREATOR_INFO
  size                               20       10       10       10       10       10       10
  TypeList                            0        0        0        0        0        0        0
  CreatorUniqueProcess               10        8        8        8        8        8        8
_OBJECT_HEADER_NAME_INFO
  size                               20       10       10       10       10       10       10
  Directory                           0        0        0        0        0        0        0
  Name                                8        4        4        4        4        4        4
_OBJECT_HEADER_HANDLE_INFO
  size                               10        8        8        8        8        8        8
_OBJECT_HEADER_QUOTA_INFO
  size                               20       10       10       10       10       10       10
  NonPagedPoolCharge                  4        4        4        4        4        4        4
  PagedPoolCharge                     0        0        0        0        0        0        0
_OBJECT_TYPE
  size                               d8       90       90       90       90       90       90
  TypeList                            0        0        0        0        0        0        0
  Name                               10        8        8        8        8        8        8
  Index                              28       14       14       14       14       14       14
  TotalNumberOfObjects               2c       18       18       18       18       18       18
  TotalNumberOfHandles               30       1c       1c       1c       1c       1c       1c
  HighWaterNumberOfObjects           34       20       20       20       20       20       20
  HighWaterNumberOfHandles           38       24       24       24       24       24       24
  TypeInfo                           40       28       28       28       28       28       28
  Key                                c0       84       84       84       84       84       84
_OBJECT_TYPE_INITIALIZER
  size                               78       58       58       58       58       58       58
  PoolType                           24       24       24       24       24       24       24
  ObjectTypeCode                      4        4        4        4        4        4        4
_POOL_HEADER
  size                               10        8        8        8        8        8        8
  PoolTag                             4        4        4        4        4        4        4
_POOL_TRACKER_TABLE
  size                               28       1c       1c       1c       1c       30       30
  Key                                 0        0        0        0        0        0        0
  NonPagedAllocs                      4        4        4        4        4        8        8
  NonPagedFrees                       8        8        8        8        8       10       10
  NonPagedBytes                      10        c        c        c        c        4        4
  PagedAllocs                        18       10       10       10       10       20       20
  PagedFrees                         1c       14       14       14       14       28       28
  PagedBytes                         20       18       18       18       18       18       18
_POOL_TRACKER_BIG_PAGES
  size                               18       10       10       10       10       10       10
  Va                                  0        0        0        0        0        0        0
  Key                                 8        4        4        4        4        4        4
  NumberOfBytes                      10        c        c        c        c        c        c
_POOL_DESCRIPTOR
  size                             1140     1140     1140     1140     1140     1140        -
  PoolType                            0        0        0        0        0        0        -
  PoolIndex                          80       80       80       80       c0       c0        -
  RunningAllocs                      40       40       40       40       40       40        -
  RunningDeAllocs                    44       44       44       44        -        -        -
  RunningDeallocs                     -        -        -        -       80       80        -
  TotalPages                         c0       c0       c0       c0        -        -        -
  TotalBigPages                      48       48       48       48        -        -        -
  TotalBytes                         50       50       50       50        -        -        -
  PagesAllocated                      -        -        -        -       44       44        -
  PagesDeallocated                    -        -        -        -       84       84        -
  BytesAllocated                      -        -        -        -       4c       4c        -
  BytesDeallocated                    -        -        -        -       8c       8c        -
_LDR_DATA_TABLE_ENTRY
  size                              110       98       a0       a0       a8       a8       a8
  InLoadOrderLinks                    0        0        0        0        0        0        0
  DllBase                            30       18       18       18       18       18       18
  EntryPoint                         38       1c       1c       1c       1c       1c       1c
  SizeOfImage                        40       20       20       20       20       20       20
  FullDllName                        48       24       24       24       24       24       24
  BaseDllName                        58       2c       2c       2c       2c       2c       2c
  TimeDateStamp                      80       44       44       44       44       44       44
_KLDR_DATA_TABLE_ENTRY
  size                                -        -        -       5c       5c       5c       5c
  InLoadOrderLinks                    -        -        -        0        0        0        0
  DllBase                             -        -        -       18       18       18       18
  EntryPoint                          -        -        -       1c       1c       1c       1c
  SizeOfImage                         -        -        -       20       20       20       20
  FullDllName                         -        -        -       24       24       24       24
  BaseDllName                         -        -        -       2c       2c       2c       2c
  CheckSum                            -        -        -       40       40       40       40
  TimeDateStamp                       -        -        -       58       58       58       58
_MM_PAGED_POOL_INFO
  size                               60       34       38       1c       1c       1c        c
  AllocatedPagedPool                 58       30       34       18       18       18        8
_MI_SYSTEM_INFORMATION
  size                                -        -        -     3cc0     3d80     50c0     4e80
  Pools                               -        -        -        0        0        0        0
  Vs                                  -        -        -     3480     3500     4640     41c0
_MI_POOL_STATE
  AllocatedNonPagedPool               -        -        -       10       10       10        4
  MaximumNonPagedPoolThreshold        -        -        -        0        0        0        0
_MI_VISIBLE_STATE
  MaximumNonPagedPoolInPages          -        -        -       70       70       68       18
  SizeOfPagedPoolInPages              -        -        -       74       74       6c       1c
  NonPagedPoolCommit                  -        -        -       ac       b0       a4       54
  PagedPoolInfo                       -        -        -       54       54       4c        c
_MI_PARTITION
  size                                -        -        -     1740     1a00     1c40     1b40
  Vp                                  -        -        -      bc0      d40     1040      f40
  Commit                              -        -        -      a80      b80      e80      d80
_MI_VISIBLE_PARTITION
  NumberOfPhysicalPages               -        -        -        8        8        8        8
  AvailablePages                      -        -        -       80       80       80       80
  ResidentAvailablePages              -        -        -       c0       c0       c0       c0
  TotalCommittedPages                 -        -        -       c4      23c      17c      17c
  TotalCommitLimit                    -        -        -      154      294      1d4      1d4
  SharedCommit                        -        -        -        -        -      1e4      1e4
  NumberOfPagingFiles                 -        -        -        c        c        c        c
  PagingFile                          -        -        -       10       10       14       14
_MI_PARTITION_COMMIT
  PeakCommitment                      -        -        -        0        0        0        0
_MMPAGING_FILE
  size                               a8       64       80       90       a8       a8       a0
  Size                                0        0        0        0        0        0        0
  MaximumSize                         8        4        4        4        4        4        4
  MinimumSize                        10        8        8        8        8        8        8
  FreeSpace                          18        c        c        c        c        c        c
  PageFileName                       58       2c       38       38       30       30       30
_KPRCB
  size                             5b80     4160     46b8     4900     4900     5f00     5f00
  CurrentThread                       8        4        4        4        4        4        4
  IdleThread                         18        c        c        c        c        c        c
  Number                             24      3cc      3cc      3cc      3cc      3cc      3cc
"""
