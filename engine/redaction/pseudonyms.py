"""Pseudonyms: the same secret gets the same one everywhere, and none tells how long or what the secret is."""

import re
from collections.abc import Iterator

from ..errors import CasefileError

MAX_NAMES = 400
"""Different names of users and machines. Each is looked for in all its spellings in all texts; more are no honest
casefile's, and leaving some in would be worse than refusing."""

_SHORT = re.compile(r"([^~]{1,6})~\d{1,2}")
CUT = (14, 15)
"""Characters of an image name that EPROCESS keeps, by build."""


class Pseudonyms:
    """user-1, host-1, path-1 ... in the order in which they are asked for."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._secrets: dict[str, list[str]] = {}

    def of(self, kind: str, secret: str, ending: str = "") -> str:
        """The pseudonym of a secret; letters count the same in upper and lower case."""
        key = (kind, " ".join(secret.casefold().split()))
        found = self._given.get(key)
        if found is None:
            found = self._alias(*key)
            if found is None:
                self._numbers[kind] = self._numbers.get(kind, 0) + 1
                found = f"{kind}-{self._numbers[kind]}{ending}"
            self._given[key] = found
        spellings = self._secrets.setdefault(found, [])
        if secret not in spellings:
            spellings.append(secret)
        return found

    def known(self, kind: str, secret: str) -> str | None:
        """The pseudonym a secret has, or None."""
        return self._given.get((kind, " ".join(secret.casefold().split())))

    def check(self) -> None:
        """Raise CasefileError where there are more names than can be looked for everywhere."""
        if len(self._given) > MAX_NAMES:
            raise CasefileError(
                f"the casefile holds more than {MAX_NAMES} different names of users and machines, more than redaction "
                "looks for; cut it to the part about memory"
            )

    def document(self) -> dict[str, list[str]]:
        """Every pseudonym with the spellings it stands for."""
        return {pseudonym: list(secrets) for pseudonym, secrets in self._secrets.items()}

    def _alias(self, kind: str, key: str) -> str | None:
        """The pseudonym of a name of which this is the short form (8.3) or, of images, the truncated one."""
        if kind == "user" and (short := _SHORT.fullmatch(key)):
            return next((given for name, given in self._of(kind) if compact(name).startswith(short[1])), None)
        if kind == "image":
            for name, given in self._of(kind):
                if any(len(one) in CUT and two.startswith(one) for one, two in ((key, name), (name, key))):
                    return given
        return None

    def _of(self, kind: str) -> Iterator[tuple[str, str]]:
        return ((name, given) for (each, name), given in self._given.items() if each == kind)


def compact(name: str) -> str:
    """A name as its short form begins: without blanks and dots."""
    return re.sub(r"[\s.]", "", name)
