"""Trả lời về nhập dữ liệu: what an import would change or has changed, and what is wrong with it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from services.intake.api.answers import Local
from services.intake.domain.reference.columns import Mistake
from services.intake.domain.reference.diff import Diff
from services.intake.domain.reference.reference_import import Import

MOST_MISTAKES = 10_000


class FieldChangeView(BaseModel):
    """Một trường thay đổi."""

    field: str
    was: str | None
    becomes: str | None


class ChangeView(BaseModel):
    """Một mục thay đổi; of a new one all its fields."""

    code: str
    valid_from: str | None
    fields: list[FieldChangeView]


class DiffView(BaseModel):
    """So sánh với dữ liệu đang có."""

    added: list[ChangeView]
    changed: list[ChangeView]
    ended: list[ChangeView]
    unchanged: int


class MistakeView(BaseModel):
    """Lỗi của một ô: place, what is wrong, what to do. `row` as a spreadsheet counts; in JSON which item."""

    row: int
    column: str | None
    what: str
    next_step: str


class ImportLine(BaseModel):
    """Một lần nhập, in a list."""

    id: UUID
    kind: str
    state: Literal["previewed", "faulty", "approved", "rejected"]
    uploaded_by: str
    uploaded_at: Local
    sha256: str
    bytes: int
    added: int
    changed: int
    ended: int
    unchanged: int
    error_count: int
    decided_by: str | None
    decided_at: Local | None
    edition: int | None


class ImportView(ImportLine):
    """Một lần nhập với so sánh và lỗi. `errors` stop it, `doubts` are to be looked at. At most 10,000 of each."""

    diff: DiffView
    errors: list[MistakeView]
    doubts: list[MistakeView]
    decision: dict[str, str] | None
    why: str | None


def report_of(diff: Diff, mistakes: Iterable[Mistake], doubts: Iterable[Mistake], **more: Any) -> dict[str, Any]:
    """What a preview shows, as it is kept."""
    wrong, doubtful = [*mistakes], [*doubts]
    return {
        "counts": {
            "added": len(diff.added),
            "changed": len(diff.changed),
            "ended": len(diff.ended),
            "unchanged": diff.unchanged,
            "error_count": len(wrong),
        },
        "diff": asdict(diff),
        "errors": [asdict(mistake) for mistake in wrong[:MOST_MISTAKES]],
        "doubts": [asdict(doubt) for doubt in doubtful[:MOST_MISTAKES]],
        **more,
    }


def import_line(one: Import) -> ImportLine:
    """The import without its report."""
    return ImportLine.model_construct(**_line(one))


def import_view(one: Import, why: str | None = None) -> ImportView:
    """The import in full. `why`: the opened reason of a rejection."""
    report = one.report
    return ImportView.model_validate(
        {
            **_line(one),
            "diff": report["diff"],
            "errors": report["errors"],
            "doubts": report["doubts"],
            "decision": report.get("decision"),
            "why": why,
        }
    )


def _line(one: Import) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "state": one.state,
        "uploaded_by": one.uploaded_by,
        "uploaded_at": one.uploaded_at,
        "sha256": one.sha256.hex(),
        "bytes": one.bytes,
        **one.report["counts"],
        "decided_by": one.decided_by,
        "decided_at": one.decided_at,
        "edition": one.edition,
    }
