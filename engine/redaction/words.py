"""Words that are no secrets: of the vocabulary, of Windows and of the debugger."""


def _words(text: str, *with_blanks: str) -> frozenset[str]:
    return frozenset([*text.split(), *with_blanks])


WORD_FIELDS = _words("""
    type tag pool limit share_basis tag_class object_type role dominant_type architecture product_type dump_type
    severity problem lead lead_class lead_owner followers_owner group_lead tags basis purpose how state quantity unit
    match checker section version timestamp checksum owner owner_source holds leak normal mistaken_for report_to
    asks os pool_limits crash_time bugcheck_name debugger_version thread_states defect what
    first fixed_in reported reference part course left_of source_kind time until placed_by
""")
"""Fields of facts with words of the vocabulary or of what is publicly known, never what a machine's owner chose."""

RESERVED = _words("""
    user host domain path image addr case casefile log dump true false none thread process token event file key section
    mutant semaphore timer desktop driver device type directory port pool nonpaged paged session tag tags handle handles
    object objects module modules debugger kernel memory commit service services network local machine name names symbol
    symbols command system windows system32 users admin root allocs frees bytes usage free used size previous allocated
    protected running waiting terminated lm kv vm dt dx dd dq db nt build the and for from with not
""")
"""Words that a user or machine may be called too. Out of context they mean what they say."""

WELL_KNOWN = _words(
    """
    public default administrator system systemprofile localservice networkservice guest localsystem administrators users
    interactive anonymous unknown none null n/a localhost workgroup tsclient builtin everyone
    """,
    "default user",
    "all users",
    "local service",
    "network service",
    "nt authority",
)
"""Accounts and names that every machine has."""

NOT_DOMAINS = _words("""
    software system hardware sam security registry machine driver drivers device filesystem system32 syswow64 windows
    winnt winsxs users programdata temp sessions basenamedobjects global globalroot knowndlls microsoft control services
    currentcontrolset builtin authority apppool
""")
r"""First halves of `A\B` that are no domains."""

OBJECT_FOLDERS = _words("""
    driver filesystem basenamedobjects sessions knowndlls knowndlls32 rpc objecttypes callback global?? security
    kernelobjects nls arcname windows registry ntfs fat umdfcommunicationports restricted reparse systemroot
""")
"""Directories of the kernel's object manager: names in them are of objects, not of files."""
