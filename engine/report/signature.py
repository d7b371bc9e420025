"""The signature of a case: the same for the same defect on another machine, and the words to find it again by."""

import hashlib
import re
from dataclasses import dataclass

from ..diagnosis import Diagnosis, Finding, VerdictPart
from .headline import is_named, pool_of, top_tag
from .wording import Wording

SCHEME = "DT1"
"""Goes into the signature, so that another way of making it never gives the same one by accident."""
UNKNOWN = "-"
_IMAGE = 14
"""A kernel keeps this many characters of the name of an image: a dump and a log must agree."""
_MAX_KEYWORDS = 24
_PSEUDONYM = re.compile(r"image-\d+(\.\w+)?")
"""What redaction puts for an image: another casefile has another number, or another image by that number."""


@dataclass(frozen=True, slots=True)
class Signature:
    """`code` is the short form to search for, `parts` what it is made of, with their labels."""

    code: str
    parts: tuple[tuple[str, str], ...]


def signature(diagnosis: Diagnosis, wording: Wording) -> Signature | None:
    """The signature of the verdict; None where nothing was found that another machine could have too.

    It is made of what the defect is and never of process ids, addresses, counts, names of machines or how sure the
    verdict is.
    """
    verdict = diagnosis.verdict
    if verdict.kind.name is None and verdict.resource.name is None:
        return None
    kind = verdict.kind.finding
    pool, tag = pool_of(diagnosis), top_tag(diagnosis)
    about = dict(kind.about) if kind else {}
    parts = (
        ("resource", about.get("pool") or (pool.text("type") if pool else None) or verdict.resource.name),
        ("kind", verdict.kind.name),
        ("tag", about.get("tag") or (tag.text("tag") if tag else None)),
        ("object_type", about.get("object_type")),
        ("holder", _module_or_image(verdict.holder)),
        ("culprit", _module_or_image(verdict.culprit)),
    )
    named = tuple((name, _plain(name, value)) for name, value in parts)
    digest = hashlib.sha256("\n".join([SCHEME, *(value for _, value in named)]).encode()).hexdigest()
    labels = tuple((wording(f"signature.{name}"), value) for name, value in named)
    return Signature(f"{SCHEME}-{digest[:12]}", labels)


def _plain(name: str, value: object) -> str:
    """A part as it is compared: without case, but for tags, whose case tells them apart."""
    if value is None:
        return UNKNOWN
    text = str(value)
    return text if name == "tag" else " ".join(text.lower().split())


def _module_or_image(part: VerdictPart) -> str | None:
    """Who it is, by file: a driver without its ending, an image as far as a kernel keeps its name."""
    finding: Finding | None = part.finding
    if finding is None or not is_named(part):
        return None
    module, image = finding.about.get("module"), finding.about.get("image")
    if isinstance(module, str):
        return re.sub(r"\.(sys|dll|exe)$", "", re.split(r"[\\/]", module.lower())[-1])
    if isinstance(image, str) and not _PSEUDONYM.fullmatch(image):
        return image.lower()[:_IMAGE]
    # What names no file, kernel code for one, is told by the rule's own word for it.
    return finding.name


def keywords(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What a vendor would search for: kind, tags, object type, drivers and images of the verdict, bugcheck, build."""
    verdict = diagnosis.verdict
    case = diagnosis.case
    system = case.one("system")
    words: list[str | None] = [verdict.resource.name, verdict.kind.name, *verdict.kind.tags]
    for part in (verdict.kind, verdict.holder, verdict.culprit):
        if part.finding:
            words += [_text(part.finding.about.get(name)) for name in ("object_type", "image", "module")]
        words += [part.name] if part is not verdict.kind and is_named(part) else []
    words += [fact.text("defect") for fact in case.of("defect") if fact.text("match") != "fixed"]
    if system is not None:
        code = system.int("bugcheck_code")
        words += [f"0x{code:X}" if code is not None else None, system.text("bugcheck_name"), system.text("os")]
        words += [str(build) if (build := system.int("build")) is not None else None, system.text("architecture")]
    return tuple(dict.fromkeys(word for word in words if word))[:_MAX_KEYWORDS]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
