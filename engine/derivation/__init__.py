"""What follows arithmetically from the facts of a case: shares, ranks, groups, gaps and what is known of names.

No conclusion is drawn here; rules do that. Every module adds facts or fields to a case and draws on nothing but the
case and the knowledge. Nothing is derived from a figure that is unknown.
"""

from ..facts import Case
from ..knowledge import Knowledge
from . import defects, gaps, growth, lockstep, memory, modules, objects, processes, system, tags


def derive(case: Case, knowledge: Knowledge) -> None:
    """Complete a case in place. Run once per case, before inference."""
    system.derive(case)
    memory.derive(case)
    modules.derive(case, knowledge)
    processes.derive(case, knowledge)
    tags.derive(case, knowledge)
    growth.derive(case, knowledge)
    lockstep.derive(case, knowledge)
    processes.derive_shares(case, knowledge)
    objects.derive(case, knowledge)
    modules.derive_name_matches(case, knowledge)
    gaps.derive(case)
    defects.derive(case, knowledge)
