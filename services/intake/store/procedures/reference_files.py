"""Bảng tra của việc nhập danh mục: kinds of agencies, texts that have ended; a site's own before the packaged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, PlainValidator, Strict, TypeAdapter, ValidationError

from hub_events.values import Slug, Text
from services.intake.domain.procedures.agency_kinds import KindRule
from services.intake.domain.procedures.legal_bases import EndedText, EndedTexts, number_of

KINDS, ENDED = "agency_kinds.json", "ended_texts.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tables:
    """What imported procedures are judged by."""

    kinds: Sequence[KindRule]
    ended: EndedTexts


def _pattern(says: Any) -> re.Pattern[str]:
    try:
        return re.compile(says)
    except (re.error, TypeError, OverflowError, RecursionError):
        raise ValueError("no regular expression") from None


def _number(text: str) -> str:
    number = number_of(text)
    if number is None:
        raise ValueError("no number of a text")
    return number


class _Kind(BaseModel):
    says: Annotated[re.Pattern[str], PlainValidator(_pattern)]
    kind: Slug
    unrouted: Text | None = None


class _Ended(BaseModel):
    number: Annotated[str, AfterValidator(_number)]
    title: Text
    ended: Annotated[date, Strict()] | None
    replaced_by: tuple[Text, ...]
    certainty: Literal["V", "V2", "R", "U"]


_KINDS, _ENDED = TypeAdapter(list[_Kind]), TypeAdapter(list[_Ended])


def read_tables(folder: Path, packaged: Path) -> Tables:
    """The tables of a site, or the packaged ones. Raises ValueError that names file and entry."""
    kinds = _read(folder, packaged, KINDS, _KINDS)
    ended = _read(folder, packaged, ENDED, _ENDED)
    return Tables(
        [KindRule(line.says, line.kind, line.unrouted) for line in kinds],
        {line.number: EndedText(**line.model_dump()) for line in ended},
    )


def _read(folder: Path, packaged: Path, name: str, table: TypeAdapter[T]) -> T:
    file = folder / name if (folder / name).exists() else packaged / name
    try:
        return table.validate_json(file.read_bytes())
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        raise ValueError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
