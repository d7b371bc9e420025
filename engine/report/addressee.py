"""To whom the report goes, and what is asked of them."""

from ..diagnosis import Confidence, Diagnosis
from .wording import Wording


def addressed(diagnosis: Diagnosis, wording: Wording) -> str:
    """To whom the report goes: the company of the culprit's module where it is known, else whoever makes it."""
    verdict = diagnosis.verdict
    culprit = verdict.culprit.name
    if culprit is None or verdict.culprit.confidence < Confidence.MEDIUM:
        return wording.first(f"addressed.unknown.{verdict.state}", "addressed.unknown.other")
    file = culprit.lower()
    for module in diagnosis.case.of("module"):
        names = {(module.text(field) or "").lower() for field in ("name", "file")} - {""}
        company = module.text("company") or module.text("vendor")
        if company and names & {file, file.rpartition(".")[0]}:
            return wording(
                "addressed.company",
                company=company,
                name=culprit,
                version=module.text("version"),
                report_to=module.text("report_to"),
                asks=module.text("asks"),
            )
    if _is_of_windows(diagnosis, file):
        return wording("addressed.windows", name=culprit)
    return wording("addressed.maker", name=culprit)


def _is_of_windows(diagnosis: Diagnosis, file: str) -> bool:
    """Whether a tag, a stack or a match of a tag says that the file is Microsoft's."""
    case = diagnosis.case
    names = {file, file.rpartition(".")[0]} - {""}
    named = [(fact, fact.text("owner")) for fact in case.of("tag")]
    named += [(fact, fact.text("module")) for kind in ("stack", "tag_module") for fact in case.of(kind)]
    return any(fact.flag("third_party") is False and (name or "").lower() in names for fact, name in named)


def asked_of_them(diagnosis: Diagnosis, wording: Wording) -> str:
    """What is asked of whoever must fix it; empty where nobody is named or nothing is to be asked."""
    key = f"ask.{diagnosis.verdict.state}"
    return wording(key) if key in wording and diagnosis.verdict.culprit.name else ""
