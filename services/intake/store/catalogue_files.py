"""Đọc danh mục từ tệp: procedures.json and desks.json, checked entry by entry before the service starts."""

from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from hub_events.intake import Channel, DeskRef, LegPlan, ProcedureRef
from hub_events.values import AgencyCode, ProcedureCode, Slug, TerritoryCode, Text
from hub_worktime import TermRow
from services.intake.domain.catalogue import Case, Catalogue, Component, Desk, Procedure

ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Count = Annotated[int, Field(ge=0, le=1000)]


class CatalogueMistake(ValueError):
    """A data file that can't be used; the text names file, entry and field."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Term(_Entry):
    channel: Channel | None
    case: Slug | None
    text: str = Field(max_length=500)
    cut_off: ClockTime | None = None


class _Component(_Entry):
    code: Slug
    name: Text
    required: bool
    originals: Count
    copies: Count
    case: Slug | None = None


class _Case(_Entry):
    code: Slug
    name: Text


class _Leg(_Entry):
    leg: Slug
    role: Literal["lead", "cooperating"]
    order: int = Field(ge=1)
    agency_kind: Slug


class _Procedure(_Entry):
    code: ProcedureCode
    version: int = Field(ge=1)
    name: Text
    field: Slug
    agency_kind: Slug
    source: Text
    certainty: Literal["V", "V2", "R", "U"]
    terms: list[_Term] = Field(min_length=1)
    components: list[_Component]
    cases: list[_Case]
    legs: list[_Leg] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        cases = {case.code for case in self.cases}
        used = {row.case for row in self.terms} | {part.case for part in self.components}
        if unlisted := sorted(case for case in used if case is not None and case not in cases):
            raise ValueError(f"case {unlisted[0]!r} is used, but not listed in cases")
        for what, codes in (
            ("component", [part.code for part in self.components]),
            ("case", [case.code for case in self.cases]),
            ("leg", [leg.leg for leg in self.legs]),
        ):
            if twice := sorted({code for code in codes if codes.count(code) > 1}):
                raise ValueError(f"{what} {twice[0]!r} is listed twice")
        return self

    @property
    def key(self) -> tuple[str, int]:
        return self.code, self.version

    def procedure(self) -> Procedure:
        return Procedure(
            ref=ProcedureRef(code=self.code, version=self.version, name=self.name, field=self.field),
            source=self.source,
            certainty=self.certainty,
            term_rows=tuple(
                TermRow(row.text, row.channel, row.case, time.fromisoformat(row.cut_off) if row.cut_off else None)
                for row in self.terms
            ),
            components=tuple(Component(**part.model_dump()) for part in self.components),
            cases=tuple(Case(case.code, case.name) for case in self.cases),
            legs=tuple(LegPlan(**leg.model_dump()) for leg in self.legs),
        )


class _Desk(_Entry):
    code: AgencyCode
    name: Text
    territory: TerritoryCode
    province: TerritoryCode
    phone: str = Field(max_length=40)

    @property
    def key(self) -> str:
        return self.code

    def desk(self) -> Desk:
        ref = DeskRef(code=self.code, name=self.name, territory=self.territory)
        return Desk(ref, self.province, self.phone)


E = TypeVar("E", _Procedure, _Desk)


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue in `folder`. Raises CatalogueMistake."""
    return Catalogue(
        procedures=tuple(entry.procedure() for entry in _read(folder / "procedures.json", _Procedure)),
        desks=tuple(entry.desk() for entry in _read(folder / "desks.json", _Desk)),
    )


def _read(file: Path, kind: type[E]) -> list[E]:
    try:
        listed = TypeAdapter(list[Any]).validate_json(file.read_bytes())
    except OSError as error:
        raise CatalogueMistake(f"{file.name} in {file.parent}: {error.strerror}") from None
    except ValueError:
        raise CatalogueMistake(f"{file.name}: not a JSON list") from None
    if not listed:
        raise CatalogueMistake(f"{file.name}: the list is empty")
    entries = [_entry(file, place, raw, kind) for place, raw in enumerate(listed, start=1)]
    seen: set[object] = set()
    for place, entry in enumerate(entries, start=1):
        if entry.key in seen:
            raise CatalogueMistake(f"{file.name}, entry {place} ({entry.code}): listed twice")
        seen.add(entry.key)
    return entries


def _entry(file: Path, place: int, raw: Any, kind: type[E]) -> E:
    try:
        return kind.model_validate(raw)
    except ValidationError as invalid:
        told = raw.get("code", "no code") if isinstance(raw, dict) else "not an object"
        code = " ".join(str(told).split())[:60]
        first = invalid.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "entry"
        raise CatalogueMistake(f"{file.name}, entry {place} ({code}), field {field}: {first['msg']}") from None
