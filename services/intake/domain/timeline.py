"""Dòng thời gian hồ sơ: each step with when, who and where, from all services, in plain Vietnamese too.

A step keeps the few public fields of its event that `SHAPES` names; never a sealed part, never personal data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from hub_events.event import Event
from hub_events.notify import TOLD_OTHERWISE
from hub_events.topics import TOPICS
from hub_worktime import VIETNAM
from services.intake.domain.desk.desk_steps import DESK_STEPS
from services.intake.domain.forms.money import dong

Facts = Mapping[str, Any]


class Step(NamedTuple):
    """One event of a dossier. `at`: when it happened, business time; `recorded_at`: when its service committed it."""

    dossier_id: UUID
    event_id: UUID
    type: str
    at: datetime
    recorded_at: datetime
    facts: str
    """JSON object of the event's fields that are kept."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a step of one type keeps, which field says when it happened, which one who did it, and how it reads."""

    text: Callable[[Facts], str]
    keeps: frozenset[str]
    at: str | None = None
    who: str | None = None


def _shape(text: Callable[[Facts], str], *keeps: str, at: str | None = None, who: str | None = None) -> Shape:
    return Shape(text, frozenset(keeps) | ({who} if who else set()), at, who)


def _time(text: str | None) -> str:
    if text is None:
        return "chưa có ngày"
    return datetime.fromisoformat(text).astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y")


def _agency(facts: Facts) -> str:
    return str(facts["agency"]["name"])


def _what(facts: Facts) -> str:
    return "hồ sơ bổ sung" if facts.get("what") == "supplement" else "hồ sơ"


def _promised(facts: Facts) -> str:
    due_at = (facts.get("promise") or {}).get("due_at")
    return f"hẹn trả kết quả lúc {_time(due_at)}" if due_at else "không có ngày hẹn trả"


def _agreed(facts: Facts) -> str:
    return ", lãnh đạo đã đồng ý" if facts.get("superior") else ""


def _restarted(facts: Facts) -> str:
    return f"; tính lại từ đầu, {_promised(facts)}" if facts.get("promise") else ""


def _put_off(facts: Facts) -> str:
    return f"; hẹn lại {_time(facts['new_due_at'])}" if facts.get("new_due_at") else ""


def from_proxy(facts: Facts) -> str:
    """Said where a proxy acted, after what was received."""
    return " từ người được ủy quyền" if facts.get("acted_by") == "proxy" else ""


_DUTIES = {
    "accepted": "hồ sơ được tiếp nhận",
    "supplement": "yêu cầu bổ sung",
    "refusal": "hồ sơ không được tiếp nhận",
    "completed": "đã có kết quả",
    "late": "hồ sơ quá hạn",
    "reappointed": "hẹn lại ngày trả kết quả",
    "stopped": "dừng giải quyết hồ sơ",
}
_OUTCOMES = {"early": "sớm hạn", "on_time": "đúng hạn", "late": "quá hạn", "no_term": "không có thời hạn"}
_COLLECTORS = {"applicant": "cho người nộp", "proxy": "cho người được ủy quyền", "post": "qua bưu chính"}
_CORRECTED = {
    "contact": "thông tin liên hệ",
    "applicant": "thông tin người nộp",
    "case": "trường hợp giải quyết",
    "components": "thành phần hồ sơ",
}
_RESULTS = {"approved": "được chấp thuận", "rejected": "không được chấp thuận"}
_DONE = {"lead": "đã giải quyết xong phần việc của mình", "cooperating": "đã trả lời phối hợp"}
_SOUGHT = {"lead": "có thẩm quyền", "cooperating": "phối hợp, các cơ quan khác vẫn giải quyết"}
_NOT_STOPPED = {"decided": "không dừng được, đã có quyết định", "unknown": "trả lời không giữ hồ sơ này"}


def _ended(facts: Facts) -> str:
    if facts.get("cause") == "stopped":
        return "dừng giải quyết"
    return _OUTCOMES.get(facts["outcome"], str(facts["outcome"]))


def _told(facts: Facts) -> str:
    return _DUTIES.get(facts["duty"], str(facts["duty"]))


def told_how(facts: Facts) -> str:
    """The way in which a person told the citizen."""
    return _WAYS.get(facts.get("told_how", ""), "bằng cách khác")


_WAYS = {"phone": "qua điện thoại", "counter": "trực tiếp tại quầy", "post": "qua bưu chính"}


def _unreached(facts: Facts) -> str:
    if facts.get("reason") == TOLD_OTHERWISE:
        return f"Bộ phận Một cửa đã báo cho người nộp {told_how(facts)}: {_told(facts)}."
    return f"Không báo được cho người nộp: {_told(facts)}; Bộ phận Một cửa cần liên hệ cách khác."


def routed_to(facts: Facts) -> str:
    """Whither a dossier goes, after "chuyển"; who was said to get it before is in the fact too, but not said again."""
    added = facts.get("added")
    names = [leg["agency"]["name"] for leg in facts["legs"] if added is None or leg["leg"] in added]
    return f"{'thêm ' if added else ''}đến {', '.join(dict.fromkeys(names))}"


SHAPES: Mapping[str, Shape] = {
    "dossier.submitted.v1": _shape(
        lambda f: f"Hồ sơ đã nộp, chờ cán bộ kiểm tra; hệ thống thấy {len(f.get('findings', ()))} điểm cần xem.",
        "desk", "channel", "findings", at="received_at",
    ),
    "dossier.accepted.v1": _shape(
        lambda f: f"Hồ sơ được tiếp nhận, mã {f['dossier_code']}, {_promised(f)}.",
        "desk", "channel", "dossier_code", "promise", at="accepted_at", who="accepted_by",
    ),
    "dossier.supplement_requested.v1": _shape(
        lambda f: f"Yêu cầu bổ sung giấy tờ lần {f['request']}{_agreed(f)}.",
        "desk", "request", "components", "after_acceptance", "leg", "superior", at="requested_at", who="requested_by",
    ),
    "dossier.supplement_received.v1": _shape(
        lambda f: f"Đã nhận bổ sung lần {f['request']}{from_proxy(f)}{_restarted(f)}.",
        "request", "acted_by", "promise", "previous_due_at", at="received_at", who="received_by",
    ),
    "dossier.refused.v1": _shape(
        lambda f: "Hồ sơ không được tiếp nhận.", "desk", "reason", at="refused_at", who="refused_by"
    ),
    "dossier.withdrawal_requested.v1": _shape(
        lambda f: f"{'Người được ủy quyền' if from_proxy(f) else 'Người nộp'} yêu cầu rút hồ sơ.",
        "desk", "acted_by", at="requested_at", who="recorded_by",
    ),
    "dossier.stopped.v1": _shape(
        lambda f: "Dừng giải quyết hồ sơ" + (" theo yêu cầu của người nộp." if f.get("withdrawn") else "."),
        "desk", "reason", "withdrawn", at="stopped_at", who="stopped_by",
    ),
    "dossier.desk_step_recorded.v1": _shape(
        lambda f: DESK_STEPS.get(f["step"], f["step"]) + (f": {dong(f['amount'])}." if f.get("amount") else "."),
        "desk", "step", "reason", "amount", at="recorded_at", who="officer",
    ),
    "dossier.fee_paid.v1": _shape(
        lambda f: f"Đã nộp {dong(f['amount'])}.", "desk", "fee", "purpose", "amount", "by", "all_settled",
        at="paid_at", who="recorded_by",
    ),
    "dossier.result_returned.v1": _shape(
        lambda f: f"Đã trả kết quả {_COLLECTORS.get(f['collected_by'], '')}.".replace(" .", "."),
        "desk", "collected_by", at="returned_at", who="returned_by",
    ),
    "dossier.finished_on_the_spot.v1": _shape(
        lambda f: f"Đã giải quyết và trả kết quả ngay tại Bộ phận Một cửa, mã {f['dossier_code']}.",
        "desk", "channel", "dossier_code", "promise", "received_at", "accepted_at", "accepted_by", "appraised_at",
        "appraised_by", "approved_at", "approved_by", "collected_by", at="returned_at", who="returned_by",
    ),
    "dossier.corrected.v1": _shape(
        lambda f: "Đính chính " + ", ".join(_CORRECTED.get(what, what) for what in f["what"]) + ".",
        "desk", "what", "correction", at="corrected_at", who="corrected_by",
    ),
    "dossier.form_issued.v1": _shape(
        lambda f: (
            f"Phát hành {f['title']}, số {f['written_number']}{'; thay bản trước' if f.get('replaces') else ''}"
            f"{_put_off(f)}."
        ),
        "desk", "form", "kind", "title", "written_number", "sha256", "replaces", "new_due_at",
        at="issued_at", who="issued_by",
    ),
    "dossier.routed.v1": _shape(
        lambda f: f"Chuyển {routed_to(f)}.", "legs", "competence", "added"
    ),
    "dossier.routing_failed.v1": _shape(
        lambda f: f"Chưa xác định được cơ quan {_SOUGHT[f.get('role', 'lead')]}; người quản trị dữ liệu đang được báo.",
        "leg", "reason", "competence", "role",
    ),
    "dossier.handed_over.v1": _shape(
        lambda f: f"{_agency(f)} đã nhận {_what(f)}.",
        "leg", "agency", "what", "attempts", "foreign_number", at="handed_over_at",
    ),
    "dossier.hand_over_refused.v1": _shape(
        lambda f: f"Hệ thống của {_agency(f)} không nhận {_what(f)}; cán bộ cần xem.",
        "leg", "agency", "what", "reason", at="refused_at",
    ),
    "dossier.acknowledged.v1": _shape(
        lambda f: f"{_agency(f)} xác nhận đã tiếp nhận.", "leg", "agency", "foreign_number", at="acknowledged_at"
    ),
    "dossier.step_recorded.v1": _shape(
        lambda f: f"{_agency(f)}: {f['step_name']}.",
        "leg", "agency", "step", "step_name", at="recorded_at", who="officer",
    ),
    "dossier.supplement_asked.v1": _shape(
        lambda f: f"{_agency(f)} đề nghị bổ sung; Bộ phận Một cửa quyết định.",
        "leg", "agency", "components", at="asked_at",
    ),
    "dossier.correction_handed_over.v1": _shape(
        lambda f: f"{_agency(f)} đã nhận đính chính.", "leg", "agency", "correction", at="handed_over_at"
    ),
    "dossier.recalled.v1": _shape(
        lambda f: f"{_agency(f)} đã dừng giải quyết theo đề nghị.", "leg", "agency", at="stopped_at"
    ),
    "dossier.recall_refused.v1": _shape(
        lambda f: f"{_agency(f)} {_NOT_STOPPED.get(f['reason'], 'không dừng giải quyết')}; cán bộ cần xem.",
        "leg", "agency", "reason", at="refused_at",
    ),
    "dossier.leg_completed.v1": _shape(
        lambda f: f"{_agency(f)} {_DONE[f.get('role', 'lead')]}: {_RESULTS.get(f['result'], f['result'])}.",
        "leg", "agency", "role", "result", "result_number", at="completed_at",
    ),
    "dossier.completed.v1": _shape(
        lambda f: f"{_agency(f)} đã giải quyết xong: {_RESULTS.get(f['result'], f['result'])}.",
        "leg", "agency", "result", "result_number", at="completed_at",
    ),
    "deadline.clock_started.v1": _shape(
        lambda f: f"Bắt đầu tính thời hạn, hạn {_time(f['due_at'])}." if f.get("due_at") else "Không tính thời hạn.",
        "due_at", "agrees",
    ),
    "deadline.clock_paused.v1": _shape(
        lambda f: "Tạm dừng tính thời hạn, chờ bổ sung.", "request", "cause", at="paused_at"
    ),
    "deadline.clock_restarted.v1": _shape(
        lambda f: f"Tính lại thời hạn, hạn {_time(f.get('due_at'))}.", "request", "due_at", "previous_due_at", "agrees"
    ),
    "deadline.clock_stopped.v1": _shape(
        lambda f: f"Kết thúc tính thời hạn: {_ended(f)}.",
        "due_at", "outcome", "cause", at="stopped_at",
    ),
    "deadline.warning_raised.v1": _shape(
        lambda f: f"Sắp đến hạn {_time(f['due_at'])}.", "due_at", at="warned_at"
    ),
    "deadline.missed.v1": _shape(lambda f: f"Quá hạn {_time(f['due_at'])}.", "due_at", at="missed_at"),
    "message.sent.v1": _shape(
        lambda f: f"Đã gửi thông báo: {_told(f)}.", "duty", "occasion", "channel", "supplier", at="sent_at"
    ),
    "message.failed.v1": _shape(
        lambda f: f"Gửi thông báo không thành công: {_told(f)}.",
        "duty", "occasion", "channel", "supplier", "reason", at="failed_at",
    ),
    "citizen.unreached.v1": _shape(
        _unreached, "duty", "occasion", "reason", "told_how", at="unreached_at", who="told_by",
    ),
    "message.sent.v2": _shape(
        lambda f: f"Đã gửi thông báo: {_told(f)}.", "duty", "occasion", "channel", "supplier", at="sent_at"
    ),
    "message.failed.v2": _shape(
        lambda f: f"Gửi thông báo không thành công: {_told(f)}.",
        "duty", "occasion", "channel", "supplier", "reason", at="failed_at",
    ),
    "citizen.unreached.v2": _shape(
        _unreached, "duty", "occasion", "reason", "told_how", at="unreached_at", who="told_by",
    ),
}  # fmt: skip
"""Every event about a dossier, by type."""

OLD_DOSSIER_ENTERED, OLD_DOSSIER_FINISHED = "old_dossier.entered", "old_dossier.finished"
OLD_DOSSIER_RETURNED = "old_dossier.returned"
ERASED = "timeline.erased"
"""What a step whose content was erased is read as."""
_OLD_RESULTS = {**_RESULTS, "stopped": "dừng giải quyết", "withdrawn": "người nộp rút hồ sơ"}
OWN_STEPS: Mapping[str, Shape] = {
    OLD_DOSSIER_ENTERED: Shape(
        lambda f: f"Nhận hồ sơ, số {f['number']} trong sổ cũ; nhập vào hệ thống lúc {_time(f['entered_at'])}.",
        frozenset(), who="officer",
    ),
    OLD_DOSSIER_FINISHED: Shape(
        lambda f: f"Giải quyết xong theo sổ cũ: {_OLD_RESULTS[f['result']]}.", frozenset(), who="officer"
    ),
    OLD_DOSSIER_RETURNED: Shape(lambda f: "Đã trả kết quả theo sổ cũ.", frozenset(), who="officer"),
    ERASED: Shape(lambda f: "Nội dung của bước này đã được xóa theo quy định.", frozenset()),
}  # fmt: skip
"""Steps that intake keeps for itself: no event tells others of them."""

_NEWER = _shape(lambda f: "Một bước do phiên bản mới hơn của hệ thống ghi lại.")


def shape_of(type: str) -> Shape:
    """How a kept step reads; one that a newer version has kept is shown too, with the facts that it has."""
    return SHAPES.get(type) or OWN_STEPS.get(type, _NEWER)


def step_of(event: Event, *, dossier_id: UUID, event_id: UUID, occurred_at: datetime, recorded_at: datetime) -> Step:
    """The step that an event makes. The event's own time counts, where it states one."""
    shape = SHAPES[event.type]
    facts = event.model_dump_json(include=set(shape.keeps), exclude={"promise": {"sealed_reason"}}, exclude_none=True)
    at: datetime = getattr(event, shape.at) if shape.at else occurred_at
    return Step(dossier_id, event_id, event.type, at, recorded_at, facts)


def place_of(type: str, facts: Facts) -> dict[str, str]:
    """Where a step happened: an agency, a desk, or a part of the hub."""
    for kind in ("agency", "desk"):
        if kind in facts:
            return {"kind": kind, "code": facts[kind]["code"], "name": facts[kind]["name"]}
    code = _PRODUCERS.get(type, "hub")
    return {"kind": "service", "code": code, "name": _SERVICES[code]}


_PRODUCERS = {event.type: topic.producer for topic in TOPICS for event in topic.events}
_SERVICES = {
    "intake": "Tiếp nhận hồ sơ",
    "routing": "Chuyển hồ sơ",
    "sla": "Theo dõi thời hạn",
    "notify": "Thông báo",
    "hub": "Trục liên thông",
}
