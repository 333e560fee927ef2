"""Đính chính: what was written down wrong, kept as it was and as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Corrected = Literal["contact", "applicant", "case", "components"]


@dataclass(frozen=True, slots=True)
class Correction:
    """`sealed`: old and new values and the reason; who, when and what is in the clear."""

    dossier_id: UUID
    number: int
    at: datetime
    officer: str
    what: tuple[Corrected, ...]
    sealed: str


def changes(before: dict[Corrected, Any], after: dict[Corrected, Any]) -> Sequence[Corrected]:
    """What really differs."""
    return [what for what in after if after[what] != before[what]]
