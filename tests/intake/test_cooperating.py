"""Cơ quan phối hợp: a leg of their own where they are named clearly; they decide and hold nothing."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from hub_events.event import Event
from hub_events.routing import DossierHandedOverV1, DossierRoutedV1, DossierRoutingFailedV1
from services.intake.domain.citizen.citizen_steps import citizen_steps, held_by
from services.intake.domain.progress import Progress
from services.intake.domain.timeline import Step, shape_of, step_of
from services.intake.store.live_reference import published_from
from tests.intake.procedure_texts import procedure_text
from tests.intake.published import only

NOW = datetime(2026, 3, 2, 1, 5, tzinfo=UTC)
POLICE = {"code": "G01.26.20.01", "name": "Công an phường Hoàn Kiếm"}
DEPARTMENT = {"code": "H26.11", "name": "Sở Xây dựng thành phố Hà Nội"}
ROUTED = DossierRoutedV1.model_validate(
    {
        "legs": [
            {"leg": "a-partner", "agency": DEPARTMENT, "role": "cooperating"},
            {"leg": "lead", "agency": POLICE},
        ],
        "competence": "competence@1",
    }
)


@pytest.mark.parametrize(
    ("cooperating", "kinds", "flagged"),
    [
        ("Không có thông tin", [], False),
        ("Sở Xây dựng", ["construction-department"], False),
        ("Sở Xây dựng; Ủy ban nhân dân cấp xã", ["construction-department", "commune-committee"], False),
        ("Sở Xây dựng; Cơ quan Ví dụ", ["construction-department"], True),
        ("Ngân hàng Nhà nước", [], True),
        ("Công an Xã", [], True),
        ("Các cơ quan có liên quan", [], True),
    ],
)
def test_agencies_that_cooperate_get_a_leg_where_they_are_named_clearly(
    cooperating: str, kinds: list[str], flagged: bool
) -> None:
    one = only(procedure_text(cooperating=cooperating))
    legs = one.procedure.procedure(1, None).legs
    assert [(leg.leg, leg.role, leg.order, leg.agency_kind) for leg in legs] == [
        ("lead", "lead", 1, "commune-police"),
        *((f"partner-{n}", "cooperating", 1, kind) for n, kind in enumerate(kinds, start=1)),
    ]
    assert ({reason.slug for reason in one.reasons} == {"cooperating-agency"}) is flagged
    assert published_from(one.written) == one.procedure
    assert ("cooperating_kinds" in one.written) is bool(kinds), "the content of others stays the same"


def test_without_an_agency_that_resolves_nobody_cooperates() -> None:
    one = only(procedure_text(agency="Cục Ví dụ", cooperating="Sở Xây dựng"))
    assert one.procedure.procedure(1, None).legs == ()


def test_lists_name_the_agency_that_resolves() -> None:
    assert Progress(uuid4()).after(ROUTED, NOW).agency_code == POLICE["code"]


MISSING = DossierRoutingFailedV1(
    reason="no-competent-agency", leg="a-partner", role="cooperating", competence="competence@1"
)
LEAD_ALONE = ROUTED.model_copy(update={"legs": ROUTED.legs[1:]})
JOINED = ROUTED.model_copy(update={"added": ("a-partner",)})


def step(event: Event, minutes: int) -> Step:
    at = NOW + timedelta(minutes=minutes)
    return step_of(event, dossier_id=uuid4(), event_id=uuid4(), occurred_at=at, recorded_at=at)


def handed(leg: str, agency: dict[str, str], minutes: int) -> Step:
    at = NOW + timedelta(minutes=minutes)
    body = {"leg": leg, "agency": agency, "handed_over_at": at, "attempts": 1}
    return step(DossierHandedOverV1.model_validate(body), minutes)


def test_a_citizen_is_told_who_resolves_holds_the_dossier() -> None:
    steps = [step(ROUTED, 0), handed("lead", POLICE, 1), handed("a-partner", DEPARTMENT, 2)]
    held = held_by(steps)
    assert held is not None
    assert held.agency == POLICE["name"]


def test_a_missing_partner_doesnt_make_the_dossier_one_that_goes_nowhere() -> None:
    before = Progress(uuid4()).after(LEAD_ALONE, NOW)
    assert before.after(MISSING, NOW) == before
    assert "route" not in before.missing
    assert before.after(JOINED, NOW + timedelta(days=1)).agency_code == POLICE["code"]


def test_a_partner_that_is_found_later_is_told_as_one_more() -> None:
    steps = [step(LEAD_ALONE, 0), step(MISSING, 1), step(JOINED, 2)]
    assert [shape_of(one.type).text(json.loads(one.facts)) for one in steps] == [
        "Chuyển đến Công an phường Hoàn Kiếm.",
        "Chưa xác định được cơ quan phối hợp, các cơ quan khác vẫn giải quyết; người quản trị dữ liệu đang được báo.",
        "Chuyển thêm đến Sở Xây dựng thành phố Hà Nội.",
    ]
    assert [told.text for told in reversed(citizen_steps(steps))] == [
        "Hồ sơ được chuyển đến Công an phường Hoàn Kiếm.",
        "Chưa xác định được cơ quan phối hợp, hồ sơ vẫn được giải quyết; người phụ trách đã được báo.",
        "Hồ sơ được chuyển thêm đến Sở Xây dựng thành phố Hà Nội.",
    ]


def test_what_a_version_before_has_kept_reads_as_it_did() -> None:
    of_old = DossierRoutingFailedV1(reason="no-competent-agency", leg="lead", competence="competence@1")
    kept = {name: value for name, value in json.loads(step(of_old, 0).facts).items() if name != "role"}
    (told,) = citizen_steps([step(of_old, 0)._replace(facts=json.dumps(kept))])
    assert told.text == "Chưa xác định được cơ quan giải quyết; người phụ trách đã được báo."
    text = "Chưa xác định được cơ quan có thẩm quyền; người quản trị dữ liệu đang được báo."
    assert shape_of(of_old.type).text(kept) == text
