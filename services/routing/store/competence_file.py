"""competence.json: agencies, rules, and the province of each commune, with version and source."""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hub_events.values import AgencyCode, ProcedureCode, Slug, Text
from services.routing.domain.competence import Agency, Competence, Rule

FILE_NAME = "competence.json"

Commune = Annotated[str, StringConstraints(pattern=r"^\d{5}$")]
Province = Annotated[str, StringConstraints(pattern=r"^\d{2}$")]
Place = Annotated[str, StringConstraints(pattern=r"^(\d{2}|\d{5}|\*)$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Agency(_Part):
    code: AgencyCode
    name: Text


class _Rule(_Part):
    agency_kind: Slug
    procedures: tuple[ProcedureCode | Annotated[str, StringConstraints(pattern=r"^\*$")], ...] = Field(min_length=1)
    territory: Place
    agency: AgencyCode


class _File(_Part):
    version: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,40}$")]
    source: Text
    agencies: tuple[_Agency, ...]
    rules: tuple[_Rule, ...]
    communes: dict[Commune, Province]


def read_competence(file: Path) -> Competence:
    """The table in `file`. Raises ValueError that names what is wrong, OSError when it can't be read."""
    content = file.read_bytes()
    try:
        found = _File.model_validate_json(content)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        raise ValueError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    try:
        return Competence(
            version=found.version,
            edition=f"{found.version}+{hashlib.sha256(content).hexdigest()[:8]}",
            agencies=[Agency(agency.code, agency.name) for agency in found.agencies],
            rules=[Rule(rule.agency_kind, rule.procedures, rule.territory, rule.agency) for rule in found.rules],
            communes=found.communes,
        )
    except ValueError as wrong:
        raise ValueError(f"{file.name}: {wrong}") from None
