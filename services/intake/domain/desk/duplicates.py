"""Hồ sơ có thể trùng: the same person, the same procedure, within some days. Pointed out, never in the way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class ApplicantMark(NamedTuple):
    """`mark`: by which the person is known again, not who it is."""

    dossier_id: UUID
    mark: bytes
    procedure_code: str
    received_at: datetime


class Similar(NamedTuple):
    """A dossier that may be the same matter once more; without a code while it isn't accepted."""

    dossier_id: UUID
    dossier_code: str | None
    desk_code: str
    received_at: datetime


def identity_of(applicant: Mapping[str, Any]) -> str | None:
    """Who applies, as far as a number tells; None: by name alone nobody is recognized."""
    person, organisation = applicant.get("personal_id"), applicant.get("organisation_code")
    if applicant.get("kind") == "organisation" and organisation:
        return f"organisation:{organisation}"
    return f"person:{person}" if person else None
