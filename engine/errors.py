"""The errors a user can cause, each with the exit status it ends the program with.

Every message is one line that says what was found, what was expected and what to do.
"""


class TriageError(Exception):
    """Base of the errors that end the program with one clear line instead of a traceback."""

    exit_status = 2


class UsageError(TriageError):
    """The command line asks for something that cannot be done."""

    exit_status = 2


class CasefileError(TriageError):
    """The casefile cannot be read or recognised."""

    exit_status = 3


class OutputError(TriageError):
    """The report cannot be written; nothing half-written stays."""

    exit_status = 3


class RulebookError(TriageError):
    """A rule, knowledge or template file is wrong. The message holds one line per mistake."""

    exit_status = 4
