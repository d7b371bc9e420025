"""What the readers of kernel memory got through and what they had to leave out, as notes on the evidence."""

from dataclasses import dataclass

from ...facts import Fact, note

NOT_IN_DUMP = "not-in-dump"
NOT_READ = "not-read"
BROKEN = "broken"
COVERAGE = "coverage"
MAX_NOTES = 200
"""Most sentences kept: a damaged dump must not fill the report with them."""


@dataclass(slots=True)
class Count:
    """How many of something were read, skipped because they cannot be true, and not readable."""

    read: int = 0
    skipped: int = 0
    unreadable: int = 0


class Report:
    """Counts by what was read, and sentences on what is missing. Equal sentences are kept once."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}
        self._notes: dict[tuple[str, str], tuple[str, str]] = {}

    def counted(self, what: str, read: int, skipped: int = 0, unreadable: int = 0) -> None:
        """Add to the counts of `what`, a plural noun as the report prints it: `handle table leaves`."""
        count = self.counts.setdefault(what, Count())
        count.read += read
        count.skipped += skipped
        count.unreadable += unreadable

    def missing(self, subject: str, text: str, problem: str = NOT_IN_DUMP, severity: str = "warning") -> None:
        """Note what is absent: the subject of a data_quality fact and one sentence."""
        if len(self._notes) < MAX_NOTES:
            self._notes.setdefault((subject, text), (problem, severity))

    def facts(self, source: str) -> list[Fact]:
        """The data_quality facts: every sentence, one per count with gaps, and one line with all that was read."""
        facts = [
            note(problem, subject, text, source, severity=severity)
            for (subject, text), (problem, severity) in self._notes.items()
        ]
        for what, count in self.counts.items():
            gaps = [
                f"{number:,} {words}"
                for number, words in (
                    (count.skipped, "could not be true and were skipped"),
                    (count.unreadable, "are not in this dump"),
                )
                if number
            ]
            if gaps:
                text = f"{what[:1].upper()}{what[1:]}: {count.read:,} read, {', '.join(gaps)}."
                problem = NOT_IN_DUMP if count.unreadable else BROKEN
                facts.append(note(problem, "memory", text, source, severity="info"))
        complete = [f"{count.read:,} {what}" for what, count in self.counts.items() if count.read]
        if complete:
            facts.append(note(COVERAGE, "system", f"Read: {', '.join(complete)}.", source, severity="info"))
        return facts
