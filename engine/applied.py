"""The rules and the knowledge that apply: the shipped ones, changed by the settings, kept in the cache."""

from dataclasses import replace
from pathlib import Path

from . import inference, pooltag, rulefolder, userfolders
from .inference import Rulebook, cache
from .knowledge import Knowledge, build
from .mistakes import Mistakes
from .rulefolder import SHIPPED, SourceFile
from .settings import Settings
from .settings import load as load_settings


def load_rules(settings: Settings | None = None) -> tuple[Rulebook, Knowledge]:
    """What to judge by, with these settings or by default those of the user and the working directory.

    From the cache where the very same files and settings were loaded before. Raises RulebookError with one line per
    mistake, over all files.
    """
    settings = settings if settings is not None else load_settings()
    sources = rulefolder.read([SHIPPED, *settings.rules])
    listed = [
        SourceFile(str(path), pooltag.ROLE, pooltag.read(path), path.name) for path in pooltag.find(settings.pooltag)
    ]
    folder = userfolders.cache() / "rules"
    key = cache.key([*sources, *listed], repr(settings.adjustments))
    match cache.get(folder, key, tuple) if key else None:
        case (Rulebook() as rulebook, Knowledge() as knowledge):
            return rulebook, knowledge
    rulebook, knowledge = _load(sources, listed, settings)
    if key:
        cache.put(folder, key, (rulebook, knowledge))
    return rulebook, knowledge


def _load(sources: list[SourceFile], listed: list[SourceFile], settings: Settings) -> tuple[Rulebook, Knowledge]:
    mistakes = Mistakes()
    parsed = rulefolder.parse(sources, mistakes)
    knowledge = build(parsed, [pooltag.parse(Path(file.name).name, file.data) for file in listed], mistakes)
    sha256 = inference.digest([*sources, *listed], settings.adjustments)
    rulebook = inference.assemble(parsed, sha256, settings.adjustments, mistakes)
    info = replace(rulebook.info, changes=(*rulebook.info.changes, *knowledge.changes))
    return replace(rulebook, info=info), knowledge
