"""Rules applied to a case: `load` reads a rulebook, `infer` draws its conclusions.

The arrows within: files (`rulefile`, `thresholds`) become rules (`rule`, `conditions`), layers of rules
(`strata`) and rule sets of the engine (`compile`); a case is matched against them (`durable`, `matching`), matches
become findings (`conclude`, `sentences`), and every rule gets its outcome (`outcomes`). A user's settings change a
rulebook by `adjustments`; `cache` keeps compiled ones.
"""

from .adjustments import Adjustments
from .infer import Inference, infer
from .rulebook import Rulebook, assemble, digest, load

__all__ = ["Adjustments", "Inference", "Rulebook", "assemble", "digest", "infer", "load"]
