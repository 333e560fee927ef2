"""Mẫu tin nhắn: templates that people can change without touching code (data/templates/*.j2).

A template is sandboxed and may use only the fields that its duty has. One that uses others, or whose text could exceed
one message, stops the start of the service. Texts hold no personal data: dossier code, procedure, date.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, UndefinedError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hub_messaging.clock import VIETNAM
from hub_messaging.errors import CannotProcess
from services.notify.domain.sms_text import GSM_7, LONGEST_TEXT, shortened, without_diacritics

TEMPLATES = Path(__file__).parent.parent / "data" / "templates"
FIELDS: Mapping[str, frozenset[str]] = {
    "accepted": frozenset({"code", "procedure", "due"}),
    "accepted-undated": frozenset({"code", "procedure"}),
    "supplement": frozenset({"code", "procedure"}),
    "supplement-uncoded": frozenset({"procedure"}),
    "refusal": frozenset({"procedure"}),
    "stopped": frozenset({"code", "procedure"}),
    "stopped-uncoded": frozenset({"procedure"}),
    "completed": frozenset({"code", "procedure"}),
    "late": frozenset({"code", "procedure", "due"}),
    "reappointed": frozenset({"code", "procedure", "due"}),
}
"""Every template and the fields that its text may use."""
LONGEST_FIELDS = {"code": "0" * 53, "due": "17:00 11/03/2026", "procedure": "x" * 12}
"""What every text must have room for; a longer procedure's name is cut."""
TEMPLATE_SIGNS = frozenset("{}%|[]")


class TemplateWrong(ValueError):
    """A template that can't be used: names it and says what is wrong."""


class TextTemplates:
    """The templates of one folder, checked. Raises TemplateWrong."""

    def __init__(self, folder: Path = TEMPLATES) -> None:
        # Texts are SMS, not HTML: nothing is to be escaped.
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=False,
            auto_reload=False,
        )
        for name, fields in FIELDS.items():
            self._check(name, folder / f"{name}.j2", fields)

    def render(self, template: str, fields: Mapping[str, str]) -> str:
        """The text, at most 160 GSM characters: the procedure's name is cut to what room the rest leaves.

        Raises CannotProcess `template-field-missing`: the fact becomes a dead letter, which is listed, and replayed
        once the data or the template is mended; the duty is then told once, as if nothing had happened.
        """
        plain = {name: without_diacritics(value) for name, value in fields.items()}
        procedure = plain.get("procedure", "")
        text = self._fill(template, plain)
        if len(text) <= LONGEST_TEXT:
            return text
        room = len(procedure) - (len(text) - LONGEST_TEXT)
        return self._fill(template, {**plain, "procedure": shortened(procedure, room)})

    def _fill(self, template: str, fields: Mapping[str, str]) -> str:
        try:
            return self._environment.get_template(f"{template}.j2").render(fields).strip()
        except UndefinedError as missing:
            raise CannotProcess("template-field-missing", f"template {template}: {missing.message}") from None
        except TemplateError as error:
            raise CannotProcess("template-broken", f"template {template}: {error.message}") from None

    def _check(self, name: str, file: Path, fields: frozenset[str]) -> None:
        try:
            source = file.read_text(encoding="utf-8")
            used = find_undeclared_variables(self._environment.parse(source))
        except (OSError, TemplateError) as error:
            raise TemplateWrong(f"template {name}: {type(error).__name__}: {error}") from None
        if unknown := used - fields:
            raise TemplateWrong(f"template {name} uses {sorted(unknown)}; it may use {sorted(fields)}")
        if strange := set(source) - GSM_7 - TEMPLATE_SIGNS:
            raise TemplateWrong(f"template {name} has letters that an SMS does not: {sorted(strange)}")
        try:
            text = self._fill(name, {field: LONGEST_FIELDS[field] for field in fields})
        except CannotProcess as broken:
            raise TemplateWrong(str(broken)) from None
        if len(text) > LONGEST_TEXT:
            raise TemplateWrong(f"template {name} needs {len(text)} characters, {LONGEST_TEXT} fit")


def spoken_date(moment: datetime) -> str:
    """`17:00 11/03/2026`, local time."""
    return f"{moment.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
