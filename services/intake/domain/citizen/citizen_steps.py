"""Các bước đã qua: the timeline in words for the person whose dossier it is. Offices only, nothing of the inside."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub_events.notify import TOLD_OTHERWISE
from services.intake.domain.citizen.plain_words import plain, time_of
from services.intake.domain.desk.desk_steps import DESK_STEPS
from services.intake.domain.forms.money import dong
from services.intake.domain.timeline import (
    OLD_DOSSIER_ENTERED,
    OLD_DOSSIER_FINISHED,
    OLD_DOSSIER_RETURNED,
    Step,
    from_proxy,
    routed_to,
    told_how,
)

Facts = Mapping[str, Any]
MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class CitizenStep:
    """One line: when, and what happened."""

    at: datetime
    text: str


def _agency(facts: Facts) -> str:
    return plain(facts["agency"]["name"])


def _desk(facts: Facts) -> str:
    return plain(facts["desk"]["name"])


def _what(facts: Facts) -> str:
    return "giấy tờ bổ sung" if facts.get("what") == "supplement" else "hồ sơ"


def _moment(text: str) -> str:
    return time_of(datetime.fromisoformat(text))


def _promised(facts: Facts) -> str:
    due_at = (facts.get("promise") or {}).get("due_at")
    return f", hẹn trả kết quả lúc {_moment(due_at)}" if due_at else ""


def _completed(facts: Facts) -> str:
    rejected = " Kết quả: không được chấp thuận." if facts.get("result") == "rejected" else ""
    return f"{_agency(facts)} đã giải quyết xong hồ sơ.{rejected}"


_DUTIES = {
    "accepted": "hồ sơ được tiếp nhận",
    "supplement": "cần bổ sung giấy tờ",
    "refusal": "hồ sơ không được tiếp nhận",
    "completed": "đã có kết quả",
    "late": "hồ sơ quá ngày hẹn",
    "reappointed": "hẹn lại ngày trả kết quả",
    "stopped": "hồ sơ dừng giải quyết",
}
_BY = {"sms": "tin nhắn", "email": "thư điện tử"}


def _at_the_desk(facts: Facts) -> str:
    if (moved := _RESULT_MOVES.get(facts["step"])) is not None:
        return f"{_desk(facts)} {moved}."
    what = DESK_STEPS.get(facts["step"], "Một bước tại Bộ phận Một cửa")
    return f"{what}: {dong(facts['amount'])}." if facts.get("amount") else f"{what}."


_RESULT_MOVES = {
    "result-ready": "đã có kết quả",
    "result-sent": "chuyển kết quả đến nơi ông/bà chọn nhận",
    "result-arrived": "đã nhận kết quả để trả cho ông/bà",
}
_CORRECTED = {
    "contact": "thông tin liên hệ",
    "applicant": "thông tin người nộp",
    "case": "trường hợp giải quyết",
    "components": "giấy tờ trong hồ sơ",
}


def _corrected(facts: Facts) -> str:
    """What was corrected, never to what."""
    what = ", ".join(_CORRECTED[one] for one in facts.get("what", ()) if one in _CORRECTED)
    return f"{_desk(facts)} đính chính {what or 'thông tin của hồ sơ'}."


INTERNAL_FORMS = frozenset({"06"})
"""Between offices: the control slip that goes with the papers."""


def _form(facts: Facts) -> str:
    return (
        "" if facts["kind"] in INTERNAL_FORMS else f"{_desk(facts)} lập {facts['title']}, số {facts['written_number']}."
    )


_RESULTS = {
    "approved": "được chấp thuận", "rejected": "không được chấp thuận", "stopped": "dừng giải quyết",
    "withdrawn": "rút hồ sơ",
}  # fmt: skip


_SOUGHT = {"lead": "giải quyết", "cooperating": "phối hợp, hồ sơ vẫn được giải quyết"}


def _told(facts: Facts) -> str:
    return _DUTIES.get(facts["duty"], "tình trạng hồ sơ")


def _unreached(facts: Facts) -> str:
    if facts.get("reason") == TOLD_OTHERWISE:
        return f"Đã báo cho ông/bà {told_how(facts)}: {_told(facts)}."
    return f"Chưa báo được cho ông/bà: {_told(facts)}."


TOLD: Mapping[str, Callable[[Facts], str]] = {
    "dossier.submitted.v1": lambda f: f"Hồ sơ được nộp đến {_desk(f)}.",
    "dossier.accepted.v1": lambda f: f"{_desk(f)} tiếp nhận hồ sơ{_promised(f)}.",
    "dossier.supplement_requested.v1": lambda f: f"{_desk(f)} đề nghị bổ sung giấy tờ, lần {f['request']}.",
    "dossier.supplement_received.v1": lambda f: (
        f"Giấy tờ bổ sung lần {f['request']} đã được nhận{from_proxy(f)}{_promised(f)}."
    ),
    "dossier.refused.v1": lambda f: f"{_desk(f)} không tiếp nhận hồ sơ.",
    "dossier.withdrawal_requested.v1": lambda f: f"{_desk(f)} nhận yêu cầu rút hồ sơ{from_proxy(f)}.",
    "dossier.stopped.v1": lambda f: f"{_desk(f)} dừng giải quyết hồ sơ{' theo yêu cầu' if f.get('withdrawn') else ''}.",
    "dossier.desk_step_recorded.v1": _at_the_desk,
    "dossier.fee_paid.v1": lambda f: f"Đã nhận {dong(f['amount'])} phí, lệ phí.",
    "dossier.finished_on_the_spot.v1": lambda f: f"{_desk(f)} giải quyết và trả kết quả ngay.",
    "dossier.corrected.v1": _corrected,
    "dossier.form_issued.v1": _form,
    OLD_DOSSIER_ENTERED: lambda f: f"{_desk(f)} nhận hồ sơ (theo sổ cũ).",
    "dossier.routed.v1": lambda f: f"Hồ sơ được chuyển {plain(routed_to(f))}.",
    "dossier.routing_failed.v1": lambda f: (
        f"Chưa xác định được cơ quan {_SOUGHT[f.get('role', 'lead')]}; người phụ trách đã được báo."
    ),
    "dossier.handed_over.v1": lambda f: f"{_agency(f)} đã nhận {_what(f)}.",
    "dossier.hand_over_refused.v1": lambda f: f"Chưa chuyển được {_what(f)} đến {_agency(f)}; cán bộ đang xử lý.",
    "dossier.acknowledged.v1": lambda f: f"{_agency(f)} xác nhận đang giữ hồ sơ.",
    "dossier.step_recorded.v1": lambda f: f"{_agency(f)}: {plain(f['step_name'])}.",
    "dossier.supplement_asked.v1": lambda f: f"{_agency(f)} đề nghị bổ sung giấy tờ; Bộ phận Một cửa đang xem xét.",
    "dossier.leg_completed.v1": lambda f: f"{_agency(f)} đã làm xong phần việc của mình.",
    "dossier.completed.v1": _completed,
    OLD_DOSSIER_FINISHED: lambda f: f"Giải quyết xong theo sổ cũ: {_RESULTS[f['result']]}.",
    OLD_DOSSIER_RETURNED: lambda f: f"{_desk(f)} đã trả kết quả (theo sổ cũ).",
    "dossier.result_returned.v1": lambda f: f"{_desk(f)} đã trả kết quả.",
    "deadline.missed.v1": lambda f: f"Đã quá ngày hẹn trả kết quả {_moment(f['due_at'])}.",
    "message.sent.v1": lambda f: f"Đã gửi {_BY.get(f['channel'], 'thông báo')} cho ông/bà: {_told(f)}.",
    "citizen.unreached.v1": _unreached,
}
TOLD = {**TOLD, **{f"{type[:-3]}.v2": TOLD[type] for type in ("message.sent.v1", "citizen.unreached.v1")}}
"""What a citizen is told, by type of step; nothing of one that has no words."""

_ORDER = {type: place for place, type in enumerate(TOLD)}
"""Within one second: systems stamp what they did a moment apart, each by its own clock."""

NOT_TOLD = frozenset(
    {
        "dossier.correction_handed_over.v1",
        "dossier.recalled.v1",
        "dossier.recall_refused.v1",
        "deadline.clock_started.v1",
        "deadline.clock_paused.v1",
        "deadline.clock_restarted.v1",
        "deadline.clock_stopped.v1",
        "deadline.warning_raised.v1",
        "message.failed.v1",
        "message.failed.v2",
    }
)
"""The hub's own business: dates are said with the steps that set them, a message by its last word."""


def citizen_steps(steps: Iterable[Step]) -> tuple[CitizenStep, ...]:
    """The steps told, newest first; the same fact told twice is one step, what a newer version has kept is none."""
    known = [step for step in steps if step.type in TOLD]
    ordered = sorted(known, key=lambda step: (step.at.replace(microsecond=0), _ORDER[step.type]), reverse=True)
    told = dict.fromkeys(CitizenStep(step.at, TOLD[step.type](json.loads(step.facts))) for step in ordered)
    return tuple(step for step in told if step.text)[:MOST_STEPS]


@dataclass(frozen=True, slots=True)
class Held:
    """An agency that has the dossier, and since when."""

    agency: str
    since: datetime


def held_by(steps: Iterable[Step]) -> Held | None:
    """Which deciding agency got the dossier last: each leg's first sign of it counts. None: none has."""
    first: dict[str, Held] = {}
    kept = sorted(steps, key=lambda step: (step.at, step.recorded_at))
    routed = [json.loads(step.facts) for step in kept if step.type == "dossier.routed.v1"]
    heard = {leg["leg"] for facts in routed for leg in facts["legs"] if leg.get("role") == "cooperating"}
    for step in kept:
        if step.type in ("dossier.handed_over.v1", "dossier.acknowledged.v1", "dossier.supplement_asked.v1"):
            facts = json.loads(step.facts)
            if facts["leg"] in heard:
                continue
            first.setdefault(facts["agency"]["code"], Held(_agency(facts), step.at))
    return max(first.values(), key=lambda held: held.since, default=None)


def last_correction(steps: Iterable[Step]) -> str | None:
    """What was corrected last, and when; None: nothing was."""
    found = [step for step in steps if step.type == "dossier.corrected.v1"]
    if not found:
        return None
    last = max(found, key=lambda step: step.at)
    return f"{time_of(last.at)}: {_corrected(json.loads(last.facts))}"
