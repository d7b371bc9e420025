"""The words of the report: every sentence and heading, from reports/wording.yaml or a team's own catalogue over it."""

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from ..errors import RulebookError
from . import branding, figures

FILTERS = {
    "n": figures.count,
    "pct": figures.percent,
    "size": figures.size,
    "duration": figures.duration,
    "clip": figures.clip,
}


def read(name: str) -> str:
    """The text of a file of reports/. Raises RulebookError where it is missing."""
    try:
        return files("dumptriage.reports").joinpath(name).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RulebookError(f"reports/{name}: cannot be read: {error}") from error


class Wording:
    """A catalogue of sentences by dotted key. A sentence is a template; what is put into it is never rendered again."""

    def __init__(self, catalogue: Mapping[str, Any], own: tuple[tuple[str, str, str], ...] = ()) -> None:
        """`own` are key, sentence and file of sentences that replace those of the catalogue."""
        self._texts = dict(_flatten("", catalogue))
        self._texts.update((key, text) for key, text, _ in own)
        self._files = {key: file for key, _, file in own}
        self._templates: dict[str, Template] = {}
        self._environment = SandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
        )
        self._environment.filters.update(FILTERS)

    def __iter__(self) -> Iterator[str]:
        """All keys."""
        return iter(self._texts)

    def text(self, key: str) -> str:
        """The sentence of a key as it is written."""
        return self._texts[key]

    def names(self, text: str) -> set[str]:
        """What a sentence puts in. Raises TemplateSyntaxError for one that is wrong."""
        from jinja2 import meta

        self._environment.compile(text)
        return meta.find_undeclared_variables(self._environment.parse(text))

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __call__(self, key: str, /, **context: Any) -> str:
        """The sentence of a key, with its blanks normalised. Raises RulebookError if it is missing or wrong."""
        text = self._texts.get(key)
        if text is None:
            raise RulebookError(f"reports/wording.yaml: no text for {key!r}; add it")
        if "{" not in text:
            return text
        try:
            template = self._templates.get(key)
            if template is None:
                template = self._templates[key] = self._environment.from_string(text)
            return " ".join(template.render(context).split())
        except (TemplateError, TypeError, ValueError) as error:
            raise RulebookError(f"{self._files.get(key, 'reports/wording.yaml')}: {key}: {error}") from error

    def first(self, *keys: str, **context: Any) -> str:
        """The sentence of the first key that exists."""
        return self(next((key for key in keys if key in self), keys[-1]), **context)


def _flatten(prefix: str, node: Mapping[str, Any]) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in node.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat += _flatten(f"{name}.", value)
        else:
            flat.append((name, " ".join(str(value).split())))
    return flat


def load() -> Wording:
    """The catalogue to speak by: the shipped one, with the own sentences that apply."""
    own = branding.current().wording
    return _with(own) if own else shipped()


@lru_cache(maxsize=4)
def _with(own: tuple[tuple[str, str, str], ...]) -> Wording:
    return Wording(_catalogue(), own)


@cache
def shipped() -> Wording:
    """The catalogue of reports/wording.yaml."""
    return Wording(_catalogue())


@cache
def _catalogue() -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        catalogue = YAML(typ="safe").load(read("wording.yaml"))
    except YAMLError as error:
        raise RulebookError(f"reports/wording.yaml: {' '.join(str(error).split())}") from error
    if not isinstance(catalogue, dict):
        raise RulebookError("reports/wording.yaml: expected a mapping of keys to texts")
    return catalogue
