"""Modules: whose they are, and which driver's name a tag begins with."""

from ..facts import Case, new
from ..knowledge import Knowledge, module_stem

KERNEL = ("nt", "ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp")


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add third_party and vendor to modules, stacks and tag_module facts. Unknown stays unknown.

    What the version resource says of company and product stands before the vendor list.
    """
    companies = {}
    for module in case.of("module"):
        name = module.text("file") or str(module.get("name"))
        company = module.text("company")
        vendor = knowledge.vendor(name)
        third_party = _third_party(name, company, knowledge)
        companies[module_stem(str(module.get("name")))] = third_party
        case.update(
            module,
            third_party=third_party,
            vendor=company or (vendor.name if vendor else None),
            product=module.text("product") or (vendor.product if vendor else None),
            report_to=vendor.report_to if vendor else None,
            asks=vendor.asks if vendor else None,
        )
    for stack in case.of("stack"):
        name = str(stack.get("module"))
        third_party = companies.get(module_stem(name))
        case.update(
            stack,
            third_party=third_party if third_party is not None else _third_party(name, None, knowledge),
            wrapper=module_stem(name) in knowledge.wrappers,
        )
    _mark_callers(case)
    for match in case.of("tag_module"):
        name = str(match.get("module"))
        third_party = companies.get(module_stem(name))
        case.update(
            match,
            third_party=third_party if third_party is not None else _third_party(name, None, knowledge),
            plausible=match.flag("plausible") if match.flag("plausible") is not None else _plausible(name),
        )
    _prefer_code(case)


def _prefer_code(case: Case) -> None:
    """Where an image has a tag in its code, one that has the four bytes in its data alone is no candidate beside it."""
    coded = {fact.text("tag") for fact in case.where("tag_module", in_code=True, plausible=True)}
    for fact in case.where("tag_module", in_code=False, plausible=True):
        if fact.text("tag") in coded:
            case.update(fact, plausible=False)


def _mark_callers(case: Case) -> None:
    """Mark, on allocation stacks, the module nearest to the allocation that did it on its own account."""
    outside = [
        stack
        for stack in case.where("stack", purpose="allocation")
        if not stack.flag("wrapper") and stack.flag("third_party") is not False
    ]
    if outside:
        case.update(min(outside, key=lambda stack: stack.int("frame") or 0), caller=True)


def derive_name_matches(case: Case, knowledge: Knowledge) -> None:
    """Add `tag_module` facts for unknown tags that are the first four letters of a third-party driver's name.

    The driver framework tags the objects of a driver with the first four letters of its service name
    (WDF_DRIVER_CONFIG.DriverPoolTag when it is not set, Microsoft's driver documentation).
    """
    names = {str(fact.get("name")): fact for fact in case.of("module") if not fact.flag("unloaded")}
    for fact in case.of("stack"):
        names.setdefault(str(fact.get("module")), fact)
    for tag in case.of("tag"):
        text = str(tag.get("tag"))
        if tag.text("tag_class") != "unknown" or not text.strip().isalnum() or len(text.strip()) < 4:
            continue
        for name, fact in names.items():
            read_back = any(case.where("tag_module", tag=text, module=name, how="driver name"))
            if name.lower().startswith(text.lower()) and not knowledge.is_microsoft(name) and not read_back:
                case.add(
                    new(
                        "tag_module",
                        source=fact.source,
                        verify=f"lmvm {name}",
                        quality=fact.quality,
                        quote=fact.quote,
                        tag=text,
                        module=name,
                        hits=1,
                        how="driver name",
                        plausible=True,
                        third_party=fact.flag("third_party"),
                    )
                )


def _third_party(name: str, company: str | None, knowledge: Knowledge) -> bool | None:
    if company:
        return "microsoft" not in company.lower()
    return knowledge.is_third_party(name)


def _plausible(name: str) -> bool:
    """The kernel holds the four bytes of every tag of its own and many by accident."""
    return module_stem(name) not in KERNEL
