"""Phiếu kiểm soát quá trình giải quyết hồ sơ (mẫu 06): each hand-over of a dossier as a row, from its timeline."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hub_worktime import VIETNAM
from services.intake.domain.desk.desk_steps import DESK_STEPS
from services.intake.domain.forms.forms import Fields, FormFacts
from services.intake.domain.judgement import judgement
from services.intake.domain.national_status import standing_of
from services.intake.domain.timeline import Facts, Step

_CITIZEN = "Người nộp hồ sơ"
_RESULTS = {"early": "Trước hạn", "on_time": "Đúng hạn", "late": "Quá hạn"}
_LAST = {"dossier.completed.v1": 1, "dossier.result_returned.v1": 2}
_ENDED = {"approved": "Đã có kết quả", "rejected": "Không được chấp thuận"}

Row = dict[str, str | None]
Side = tuple[str, str | None]
"""A unit, and the person who acted for it where the step says so."""


def slip_fields(facts: FormFacts) -> Fields:
    """Cơ quan chủ trì, phối hợp, and the rows in the order of what happened."""
    seen: set[tuple[str, str, str]] = set()
    rows: list[Row] = []
    for step in sorted(facts.steps, key=_place):
        told = (step.type, step.at.isoformat(), step.facts)  # the same fact under two ids is one row
        if told not in seen and (row := _row(step, facts)) is not None:
            rows.append(row)
        seen.add(told)
    lead, others = _agencies(facts)
    return {"lead_agency": lead, "cooperating_agencies": others, "rows": rows}


def _place(step: Step) -> tuple[datetime, int, datetime]:
    """Minutes are printed: within one, clocks of agencies may differ by seconds, and the end comes last."""
    return step.at.replace(second=0, microsecond=0), _LAST.get(step.type, 0), step.at


def _agencies(facts: FormFacts) -> tuple[str | None, list[str]]:
    routed = [json.loads(step.facts) for step in facts.steps if step.type == "dossier.routed.v1"]
    legs = routed[-1]["legs"] if routed else []
    leads = [leg for leg in legs if facts.roles.get(leg["leg"]) == "lead"] or legs[:1]
    names = [leg["agency"]["name"] for leg in legs if leg not in leads]
    lead = leads[0]["agency"]["name"] if leads else facts.progress.agency_name
    if any(step.type == "dossier.finished_on_the_spot.v1" for step in facts.steps):
        lead = facts.dossier.desk.name
    return lead, list(dict.fromkeys(name for name in names if name != lead))


def _row(step: Step, facts: FormFacts) -> Row | None:
    shape = _ROWS.get(step.type)
    if shape is None:
        return None
    told = json.loads(step.facts)
    (giver, gave), (taker, took), note = shape(told, facts.dossier.desk.name)
    return {
        "gives": giver,
        "takes": taker,
        "at": step.at.astimezone(VIETNAM).strftime("%H:%M\n%d/%m/%Y"),
        "result": _result(step, facts),
        "note": note,
        "gave": gave,
        "took": took,
    }


def _result(step: Step, facts: FormFacts) -> str | None:
    """Trước hạn, đúng hạn, quá hạn: said where the work ends."""
    ended = judgement(standing_of(facts.dossier, facts.progress, facts.life))
    if step.type != "dossier.completed.v1" or ended is None or ended.outcome is None:
        return None
    return _RESULTS[ended.outcome]


def _agency(told: Facts) -> str:
    return str(told["agency"]["name"])


def _handed_over(told: Facts, desk: str) -> tuple[Side, Side, str]:
    number = f"; số của cơ quan: {told['foreign_number']}" if told.get("foreign_number") else ""
    what = "Chuyển hồ sơ bổ sung" if told.get("what") == "supplement" else "Chuyển hồ sơ"
    return (desk, None), (_agency(told), None), what + number


def _restarted(told: Facts) -> str:
    again = "; thời hạn tính lại từ đầu" if told.get("promise") else ""
    return f"Đã bổ sung lần {told['request']}{again}"


_ROWS: Mapping[str, Callable[[Mapping[str, Any], str], tuple[Side, Side, str]]] = {
    "dossier.accepted.v1": lambda told, desk: (
        (_CITIZEN, None), (desk, told.get("accepted_by")), "Tiếp nhận hồ sơ",
    ),
    "dossier.supplement_requested.v1": lambda told, desk: (
        (desk, told.get("requested_by")), (_CITIZEN, None), f"Yêu cầu bổ sung lần {told['request']}",
    ),
    "dossier.supplement_received.v1": lambda told, desk: (
        (_CITIZEN, None), (desk, told.get("received_by")), _restarted(told),
    ),
    "dossier.desk_step_recorded.v1": lambda told, desk: (
        (desk, told.get("officer")), (desk, None), DESK_STEPS.get(told["step"], str(told["step"])),
    ),
    "dossier.finished_on_the_spot.v1": lambda told, desk: (
        (_CITIZEN, None), (desk, told.get("accepted_by")), "Tiếp nhận, giải quyết và trả kết quả tại chỗ",
    ),
    "dossier.stopped.v1": lambda told, desk: (
        (desk, told.get("stopped_by")), (_CITIZEN, None), "Dừng giải quyết hồ sơ",
    ),
    "dossier.result_returned.v1": lambda told, desk: (
        (desk, told.get("returned_by")), (_CITIZEN, None), "Trả kết quả",
    ),
    "dossier.handed_over.v1": _handed_over,
    "dossier.step_recorded.v1": lambda told, desk: (
        (_agency(told), told.get("officer")), (_agency(told), None), str(told["step_name"]),
    ),
    "dossier.supplement_asked.v1": lambda told, desk: (
        (_agency(told), None), (desk, None), "Đề nghị bổ sung hồ sơ",
    ),
    "dossier.leg_completed.v1": lambda told, desk: (
        (_agency(told), None), (desk, None), f"Xong phần việc của mình; {_ENDED.get(told['result'], told['result'])}",
    ),
    "dossier.completed.v1": lambda told, desk: (
        (_agency(told), None), (desk, None), _ENDED.get(told["result"], str(told["result"])),
    ),
}  # fmt: skip
"""Who gives, who takes, and what: for each step that moves the dossier from hand to hand."""
