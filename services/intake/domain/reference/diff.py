"""So sánh hai bản: what an import would add, change and end, field by field."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Một trường thay đổi."""

    field: str
    was: str | None
    becomes: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """Một mục thay đổi, field by field. Of a new one all that it says."""

    code: str
    valid_from: str | None
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    """So sánh: what is new, what changes, what ends, and how many rows state what is known already."""

    added: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    ended: tuple[Change, ...] = ()
    unchanged: int = 0


def changed_fields(was: Mapping[str, str], becomes: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """The fields that differ, in the order in which they are said."""
    return tuple(
        FieldChange(field, was.get(field), becomes.get(field))
        for field in {**was, **becomes}
        if was.get(field) != becomes.get(field)
    )
