r"""Where names of users and machines stand in a text: profile folders, shares, DOMAIN\user, labelled values, SIDs.

Every finder yields the span of a name with its kind, so that the same code collects names and replaces them in place.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from .words import NOT_DOMAINS, WELL_KNOWN

PSEUDONYM = re.compile(r"(?:user|host|domain|sid|ip|path|image|addr)-\d+(?:\.\w+)?")
"""What redaction puts in; facts that were redacted may be redacted again."""
_FILE = re.compile(r"\.(?:sys|exe|dll|pdb|dmp|log|txt|inf|etl|zip|json|cpp|c|h)$", re.IGNORECASE)

_NAME = r"[^\\/:*?\"<>|\r\n\t\[\]{},;=]"
_PROFILE = re.compile(
    r"[\\/](?:Users|Documents and Settings|DOCUME~\d|Profiles|home)[\\/]{1,2}"
    rf"(?P<user>{_NAME}{{1,104}})(?P<more>[\\/]?)",
    re.IGNORECASE,
)
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_-])?"
_SHARE = re.compile(
    rf"(?:(?<![\w\\:])\\\\|(?<=\\Mup)\\|(?<=\\LanmanRedirector)\\|(?<=file:)//)(?P<host>{_HOST})(?=[\\/])"
)
_ACCOUNT = re.compile(
    r"(?<![\w\\/.])(?P<domain>[A-Za-z][\w.-]{1,62})\\(?P<user>[A-Za-z][\w.$ -]{0,63}?)(?=[\s,;:)\]\"']|$)"
)
_MAIL = re.compile(r"(?<![\w.+-])(?P<user>[\w.+-]{1,64})@(?P<domain>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5})")
_LABEL_HOST = re.compile(
    r"\b(?:computer ?name|machine ?name|host ?name|server ?name|node ?name|netbios ?name|client ?name|workstation"
    r"(?: ?name)?|fqdn|logonserver|server)[^\S\n]*(?:[:=][^\S\n]*)+\\{0,2}(?P<host>" + _HOST + r")(?![\\\w])",
    re.IGNORECASE,
)
_LABEL_USER = re.compile(
    r"\b(?:user ?name|user|logon ?name|logged[ -]on ?user|account ?name|account|run ?as|customer|reported by|author)"
    r"[^\S\n]*(?:[:=][^\S\n]*)+(?:(?P<domain>[\w.-]{1,63})\\{1,2})?"
    r"(?P<user>[^\W_][\w.$'-]{0,63}(?: [A-Z][\w.'-]{0,63})?)",
    re.IGNORECASE,
)
_LABEL_DOMAIN = re.compile(
    r"\b(?:user ?domain|user ?dns ?domain|dns ?domain|domain ?name|domain)[^\S\n]*(?:[:=][^\S\n]*)+"
    r"(?P<domain>[A-Za-z][\w.-]{1,252})",
    re.IGNORECASE,
)
_SID = re.compile(r"\b(?P<sid>S-1-5-21(?:-\d{1,10}){3,4})\b", re.IGNORECASE)
_IP = re.compile(
    r"(?:(?<![\d.])(?=192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)|(?:\b(?:ip|target|host|server|address)\b[ :=]{1,3}))"
    r"(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?![\d.])",
    re.IGNORECASE,
)
_DOMAIN = r"[A-Za-z0-9-]{2,63}(?:\.[A-Za-z0-9-]{2,63}){0,4}"


@dataclass(frozen=True, slots=True)
class Found:
    """A name in a text: what it is of (user, host, domain, sid, ip) and where it stands."""

    kind: str
    start: int
    end: int


def find(text: str) -> Iterator[Found]:
    """Names in a text, finder by finder; spans may overlap."""
    if "\\" in text or "/" in text:
        for match in _PROFILE.finditer(text):
            yield from _kept(text, "user", match.start("user"), _profile_end(match))
        for match in _SHARE.finditer(text):
            yield from _host(text, match)
    if "\\" in text:
        for match in _ACCOUNT.finditer(text):
            if _is_account(match):
                yield from _kept(text, "domain", *match.span("domain"))
                yield from _kept(text, "user", *match.span("user"))
    if "@" in text:
        for match in _MAIL.finditer(text):
            yield Found("user", *match.span("user"))
            yield Found("domain", *match.span("domain"))
    if ":" in text or "=" in text:
        for match in _LABEL_HOST.finditer(text):
            yield from _host(text, match)
        for match in _LABEL_USER.finditer(text):
            if match["domain"]:
                yield from _kept(text, "domain", *match.span("domain"))
            yield from _kept(text, "user", *match.span("user"))
        for match in _LABEL_DOMAIN.finditer(text):
            yield from _kept(text, "domain", *match.span("domain"))
    for kind, finder in (("sid", _SID), ("ip", _IP)):
        for match in finder.finditer(text):
            yield Found(kind, *match.span(kind))


def _host(text: str, match: re.Match[str]) -> Iterator[Found]:
    """A host, and the domain it names itself by."""
    start, end = match.span("host")
    if re.fullmatch(r"[\d.]+", match["host"]):
        yield Found("ip", start, end)
        return
    dot = match["host"].find(".")
    if dot > 0:
        yield from _kept(text, "host", start, start + dot)
        if re.fullmatch(_DOMAIN, match["host"][dot + 1 :]):
            yield from _kept(text, "domain", start + dot + 1, end)
    else:
        yield from _kept(text, "host", start, end)


def domains_of(hosts: Collection[str], text: str) -> Iterator[str]:
    """The domains that hosts known by name have in a text: corp.example of srv1.corp.example."""
    if hosts and "." in text:
        known = "|".join(map(re.escape, sorted(hosts, key=len, reverse=True)))
        for match in re.finditer(rf"(?<![\w.-])(?:{known})\.(?P<domain>{_DOMAIN})(?![\w-])", text, re.IGNORECASE):
            if not _FILE.search(match[0]):
                yield match["domain"]


def _kept(text: str, kind: str, start: int, end: int) -> Iterator[Found]:
    name = text[start:end]
    if any(map(str.isalpha, name)) and not PSEUDONYM.fullmatch(name.strip()) and name.strip().lower() not in WELL_KNOWN:
        yield Found(kind, start, end)


def _profile_end(match: re.Match[str]) -> int:
    """Where a profile's name ends: at the next separator; without one at the end of the text or after a word.

    "C:\\Users\\Jane Roe" ends a text with a name of two words, "C:\\Users\\jroe is full" has one word.
    """
    name = match["user"]
    if match["more"]:
        return match.end("user")
    words = name.split()
    at_end = match.end() == len(match.string) or match.string[match.end()] in "\r\n\"'"
    if at_end and 1 < len(words) <= 3 and all(word[:1].isupper() for word in words):
        return match.start("user") + len(name.rstrip())
    return match.start("user") + (name.index(words[0]) + len(words[0]) if words else 0)


def _is_account(match: re.Match[str]) -> bool:
    """Whether a pair of words is DOMAIN\\user and not a piece of a path: domains are written in capitals."""
    domain, user = match["domain"], match["user"]
    capitals = domain == domain.upper()
    return capitals and domain.lower() not in NOT_DOMAINS and not _FILE.search(user)
