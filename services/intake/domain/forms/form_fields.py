"""Nội dung biểu mẫu 01–05: the fields of each form, from facts and from what the officer gives. Times are Vietnam's."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub_events.intake import ComponentRef
from hub_worktime import VIETNAM
from services.intake.domain.citizen.plain_words import term_words
from services.intake.domain.forms.control_slip import slip_fields
from services.intake.domain.forms.forms import Fields, FormFacts, Given, printable

_PLACE = re.compile(r"\b(phường|xã|đặc khu|tỉnh|thành phố)\s+(.+)$", re.IGNORECASE)


def moment(at: datetime | None) -> str | None:
    """`08 giờ 00 phút, ngày 02/03/2026`."""
    return None if at is None else at.astimezone(VIETNAM).strftime("%H giờ %M phút, ngày %d/%m/%Y")


def long_day(at: datetime) -> str:
    """`ngày 02 tháng 3 năm 2026`, as under an official letter: months below 3 have two digits (NĐ 30/2020)."""
    local = at.astimezone(VIETNAM)
    month = f"{local.month:02d}" if local.month < 3 else str(local.month)
    return f"ngày {local.day:02d} tháng {month} năm {local.year:04d}"


def fields_of(kind: str, facts: FormFacts, given: Given) -> Fields:
    """All that the form shows, ready to print; a name without a value says that nobody knows it."""
    fields = {**_common(facts), **_FIELDS[kind](facts, given)}
    fields |= {"signer_name": given.signer_name, "signer_title": given.signer_title}
    shown: Fields = printable(fields)
    return shown


def desk_fields(name: str, phone: str) -> Fields:
    """Tên cơ quan, địa danh: the committee above the desk and the place, as far as its name says them."""
    found = _PLACE.search(name)
    kind, place = found.groups() if found else ("", "")
    above = f"Ủy ban nhân dân {kind.lower()} {place}" if found else None
    return {"desk_name": name, "desk_phone": phone, "superior": above, "place": place or None}


def person_fields(form: Mapping[str, Any], contact: Mapping[str, Any]) -> Fields:
    """Người nộp hồ sơ, as they handed it in."""
    applicant = form.get("applicant") or {}
    return {
        "applicant": applicant.get("full_name"),
        "personal_id": applicant.get("personal_id") or applicant.get("organisation_code"),
        "address": applicant.get("address"),
        "phone": _dialled(contact.get("phone")),
        "email": contact.get("email"),
    }


def _dialled(phone: str | None) -> str | None:
    """As people here dial it."""
    return None if phone is None else re.sub(r"^\+84", "0", phone)


def _common(facts: FormFacts) -> Fields:
    dossier = facts.dossier
    return {
        **desk_fields(dossier.desk.name, facts.desk_phone),
        **person_fields(facts.form, facts.contact),
        "dossier_code": dossier.code,
        "procedure_code": dossier.procedure.code,
        "procedure_name": dossier.procedure.name,
        "request": facts.form.get("request") or dossier.procedure.name,
        "received_at": moment(dossier.received_at),
    }


def _receipt(facts: FormFacts, given: Given) -> Fields:
    dossier = facts.dossier
    promise = dossier.promise
    assert promise is not None
    assert dossier.code is not None
    counted, received = moment(promise.counted_from), moment(dossier.received_at)
    _, day, sequence = dossier.code.rsplit("-", 2)
    return {
        "authoriser": given.authoriser,
        "proxy": _proxy(facts.form.get("proxy")),
        "components": [_paper(part) for part in dossier.components],
        "sets": given.sets or 1,
        "processing_time": term_words(promise.term.text),
        "counted_from": counted if counted != received else None,
        "due_at": moment(promise.due_at),
        "result_place": given.result_place or _result_place(facts),
        "book": f"20{day[-6:-4]}",  # of the number, which is of the day from which the term counts
        "sequence": f"{day}-{sequence}",
        "accepted_by": dossier.accepted_by,
    }


def _proxy(proxy: Mapping[str, Any] | None) -> str | None:
    return None if proxy is None else f"{proxy.get('full_name')} (theo {proxy.get('authorisation')})"


def _result_place(facts: FormFacts) -> str:
    """As the citizen wished; at the desk where nothing else was said."""
    if address := facts.form.get("result_address"):
        return f"Qua bưu chính, đến {address}"
    if facts.life is not None and facts.life.result_by == "electronic":
        return "Nhận kết quả điện tử"
    return f"Nhận trực tiếp tại {facts.result_desk or facts.dossier.desk.name}"


def _paper(part: ComponentRef) -> dict[str, Any]:
    return {
        "name": part.name or part.code,
        "originals": part.originals,
        "copies": part.copies,
        "electronic": part.electronic,
    }


def _supplement(facts: FormFacts, given: Given) -> Fields:
    asked = facts.dossier.supplement
    assert asked is not None
    return {
        "items": [facts.component_names.get(code, code) for code in asked.components],
        "reason": given.reason or facts.reason,
        "occasion": asked.number,
        "requested_at": moment(asked.requested_at),
        "contact_officer": asked.requested_by,
    }


def _refusal(facts: FormFacts, given: Given) -> Fields:
    dossier = facts.dossier
    return {
        "reason": given.reason or facts.reason,
        "refused_at": moment(dossier.refused_at or facts.progress.completed_at),
        "refused_by": dossier.refused_by,
        "after_acceptance": dossier.accepted,
    }


def _apology(facts: FormFacts, given: Given) -> Fields:
    return {
        "agency": facts.progress.agency_name,
        "due_at": moment(facts.dossier.due_at),
        "new_due_at": moment(given.new_due_at),
        "reason": given.reason,
    }


def _stop(facts: FormFacts, given: Given) -> Fields:
    life = facts.life
    withdrawn = life is not None and life.withdrawal_requested_at is not None
    return {
        "requested_by": given.requested_by or ("Người nộp hồ sơ" if withdrawn else None),
        "stopped_at": moment(given.stopped_at or (life.stopped_at if life else None)),
        "reason": given.reason or facts.reason,
        "agency": facts.progress.agency_name,
    }


_FIELDS: Mapping[str, Callable[[FormFacts, Given], Fields]] = {
    "01": _receipt,
    "02": _supplement,
    "03": _refusal,
    "04": _apology,
    "05": _stop,
    "06": lambda facts, _: {"due_at": moment(facts.dossier.due_at), **slip_fields(facts)},
}
