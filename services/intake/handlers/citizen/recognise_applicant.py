"""Nhận ra người nộp hồ sơ: whether four typed digits end a number that the dossier holds sealed."""

from hmac import compare_digest
from typing import Any

import structlog

from hub_messaging.errors import HubError
from services.intake.domain.citizen.look_up import known_digits
from services.intake.domain.dossier import Dossier
from services.intake.handlers.office import Office

log = structlog.get_logger(__name__)


def recognise_applicant(dossier: Dossier, digits: str, office: Office) -> bool:
    """Opens the seals for this comparison alone; False too where there is nothing to compare."""
    contact = _opened("contact", dossier, dossier.sealed_contact, office)
    applicant = _opened("form", dossier, dossier.sealed_form, office).get("applicant") or {}
    fitting = sum(compare_digest(digits, known) for known in known_digits(contact, applicant))  # each is compared
    return fitting > 0


def _opened(purpose: str, dossier: Dossier, sealed: str | None, office: Office) -> dict[str, Any]:
    if sealed is None:
        return {}
    try:
        content: dict[str, Any] = office.seals.open(purpose, dossier.id, sealed)
    except HubError as trouble:  # no key, or a broken seal: an operator's affair, to a citizen nothing to compare
        log.warning("seal_not_opened", dossier_id=str(dossier.id), purpose=purpose, reason=trouble.reason)
        return {}
    return content
