"""Vòng đời hồ sơ: withdrawn, stopped, paid for, returned, finished on the spot, through the front door."""

import asyncio
import uuid
from datetime import timedelta
from importlib import import_module
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_events.event import Event
from hub_events.intake import DeskRef, ProcedureRef
from hub_events.routing import DossierCompletedV1
from hub_messaging.sealing import SealingKeys
from services.intake.domain.desk.life import LARGEST_FEE, Life
from services.intake.domain.dossier import Dossier
from services.intake.domain.national_status import national_status, standing_of, state_of
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import FeeNotBelievable
from tests.intake.conftest import ACCEPTANCE, MONDAY_MORNING, FrontDoor, birth, residence
from tests.intake.test_progress import POLICE
from tests.intake.test_timeline import record, told

pytestmark = pytest.mark.stack
STOP = {"reason_code": "applicant-withdraws", "reason": "Ông Nguyễn Văn Mẫu không còn nhu cầu"}
SPOT = {
    "acceptance": {"officer": "cb-01"},
    "appraised": {"officer": "cb-02"},
    "approved": {"officer": "ct-01"},
    "returned": {"officer": "cb-01"},
    "collected_by": "applicant",
}


def done() -> Event:
    return DossierCompletedV1(leg="lead", agency=POLICE, completed_at=MONDAY_MORNING, result="approved")


async def accepted(door: FrontDoor, **changes: Any) -> str:
    return str((await door.submitted(residence(acceptance=ACCEPTANCE, **changes)))["dossier_id"])


async def refused(door: FrontDoor, id: str, action: str, **body: Any) -> tuple[int, str]:
    answer = await door.post(f"/v1/dossiers/{id}/{action}", {**ACCEPTANCE, **body})
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    assert answer.json()["next_step"]
    return answer.status_code, answer.json()["slug"]


async def steps(door: FrontDoor, id: str) -> list[tuple[str, str | None]]:
    found = (await door.get(f"/v1/dossiers/{id}/timeline")).json()["steps"]
    return [(step["text"], step["who"]) for step in found]


async def test_a_citizen_withdraws_the_desk_checks_and_stops(door: FrontDoor) -> None:
    id = await accepted(door)
    asked = await door.decided(id, "request-withdrawal")
    assert (asked["state"], asked["phase"], asked["national_status"]["code"]) == ("accepted", "withdrawal_requested", 7)
    assert await refused(door, id, "request-withdrawal") == (409, "wrong-state")

    stopped = await door.decided(id, "stop", **STOP)
    assert (stopped["phase"], stopped["national_status"]["code"]) == ("stopped", 8)
    assert (stopped["life"]["stop_reason"], stopped["life"]["stopped_by"]) == ("applicant-withdraws", "cb-01")
    shown = (await door.get(f"/v1/dossiers/{id}")).json()
    assert (shown["phase"], shown["possible"], shown["state"]) == ("stopped", [], "accepted")
    events = dict(await door.outbox(id))
    said = events["dossier.stopped.v1"]
    assert (said["withdrawn"], said["dossier_code"], said["reason"]) == (
        True,
        shown["dossier_code"],
        "applicant-withdraws",
    )
    keys = SealingKeys.read(door.intake.settings.sealing_keys_file)
    assert keys.open("contact", uuid.UUID(id), said["sealed_reason"]) == STOP["reason"]
    assert "Nguyễn Văn Mẫu" not in str(events) + str(shown)
    assert (await steps(door, id))[1:] == [
        ("Người nộp yêu cầu rút hồ sơ.", "cb-01"),
        ("Dừng giải quyết hồ sơ theo yêu cầu của người nộp.", "cb-01"),
    ]


async def test_what_ended_at_the_desk_is_stuck_no_more(door: FrontDoor) -> None:
    """Nobody was competent, or nobody said that it was routed: that is nobody's affair any more."""
    stopped, ready, returned, open_still = [await accepted(door) for _ in range(4)]
    await told(door, record(done(), returned))
    await door.decided(stopped, "stop", **STOP)
    await door.decided(ready, "result-ready")
    await door.decided(returned, "return-result", collected_by="applicant")
    pool = door.intake.spine.pool
    await pool.execute("UPDATE progress SET watched_since = watched_since - interval '5 minutes'")
    items = (await door.get("/v1/intake/stuck")).json()["items"]
    assert [item["dossier_id"] for item in items] == [open_still]

    await pool.execute("UPDATE progress SET watched_since = now() - interval '5 minutes'")  # as versions before left it
    await pool.execute(import_module("services.intake.migrations.versions.0018_ended_at_the_desk").ENDED_BEFORE)
    items = (await door.get("/v1/intake/stuck")).json()["items"]
    assert [item["dossier_id"] for item in items] == [open_still]


async def test_nothing_more_is_decided_about_a_stopped_dossier(door: FrontDoor) -> None:
    id = str((await door.submitted(residence()))["dossier_id"])
    await door.decided(id, "stop", **STOP)
    bodies: dict[str, dict[str, Any]] = {
        "accept": {},
        "request-supplement": {"reason": "x"},
        "refuse": {"reason_code": "x", "reason": "x"},
        "request-withdrawal": {},
        "stop": STOP,
        "result-ready": {},
        "return-result": {"collected_by": "applicant"},
        "fees": {"purpose": "le-phi", "amount": 1000},
        "steps": {"step": "signed"},
    }
    for action, body in bodies.items():
        assert await refused(door, id, action, **body) == (409, "wrong-state"), action


async def test_it_is_too_late_to_withdraw_once_a_decision_exists(door: FrontDoor) -> None:
    by_agency, by_desk = await accepted(door), await accepted(door)
    await told(door, record(done(), by_agency))
    await door.decided(by_desk, "result-ready")
    for id in (by_agency, by_desk):
        assert await refused(door, id, "request-withdrawal") == (409, "decision-exists")
        assert await refused(door, id, "stop", **STOP) == (409, "decision-exists")
        assert (await door.get(f"/v1/dossiers/{id}")).json()["national_status"]["code"] == 9


async def test_a_result_that_an_agency_had_made_before_it_heard_of_the_stop_changes_nothing(door: FrontDoor) -> None:
    id = await accepted(door)
    await door.decided(id, "stop", **STOP)
    await told(door, record(done(), id))
    shown = (await door.get(f"/v1/dossiers/{id}")).json()
    assert (shown["phase"], shown["national_status"]["code"], shown["possible"]) == ("stopped", 8, [])


async def test_of_two_officers_one_stops_it_and_the_other_hears_so(door: FrontDoor, second_door: FrontDoor) -> None:
    id = str((await door.submitted(residence()))["dossier_id"])
    answers = await asyncio.gather(
        door.post(f"/v1/dossiers/{id}/stop", {**ACCEPTANCE, **STOP}),
        second_door.post(f"/v1/dossiers/{id}/accept", ACCEPTANCE),
        second_door.post(f"/v1/dossiers/{id}/stop", {**ACCEPTANCE, **STOP}),
    )
    types = [type for type, _ in await door.outbox(id)]
    assert types.count("dossier.stopped.v1") == 1
    assert [answer.status_code for answer in answers].count(200) == len(types) - 1


async def test_a_result_comes_and_is_handed_over(door: FrontDoor) -> None:
    id = await accepted(door)
    await door.decided(id, "steps", step="submitted-for-signature")
    await door.decided(id, "steps", step="signed")
    door.set_time("2026-03-05T09:00:00+07:00")
    ready = await door.decided(id, "result-ready")
    assert (ready["phase"], ready["state"], ready["national_status"]["code"]) == ("result_ready", "completed", 9)
    assert await refused(door, id, "request-supplement", reason="x") == (409, "wrong-state")
    before_it_was_ready = "2026-03-04T16:00:00+07:00"
    for moment in ("2026-03-01T08:00:00+07:00", before_it_was_ready, "2026-03-06T08:00:00+07:00"):
        answer = await refused(door, id, "return-result", collected_by="proxy", at=moment)
        assert answer == (422, "received-at-not-believable")
    back = await door.decided(id, "return-result", collected_by="proxy")
    assert (back["phase"], back["state"], back["national_status"]["code"]) == ("returned", "completed", 10)
    assert (await door.get(f"/v1/dossiers/{id}")).json()["possible"] == []
    event = dict(await door.outbox(id))["dossier.result_returned.v1"]
    assert (event["collected_by"], event["returned_by"]) == ("proxy", "cb-01")
    assert (await steps(door, id))[1:] == [
        ("Trình ký.", "cb-01"),
        ("Đã ký.", "cb-01"),
        ("Kết quả đã về Bộ phận Một cửa.", "cb-01"),
        ("Đã trả kết quả cho người được ủy quyền.", "cb-01"),
    ]


async def test_an_agencys_clock_may_be_ahead_of_the_desks_but_not_by_far(door: FrontDoor) -> None:
    near, far = await accepted(door), await accepted(door)
    for id, ahead in ((near, 4), (far, 8)):
        ready_at = MONDAY_MORNING + timedelta(minutes=ahead)
        await told(door, record(done().model_copy(update={"completed_at": ready_at}), id))
    back = (await door.decided(near, "return-result", collected_by="applicant"))["life"]
    assert back["result_ready_at"] == back["returned_at"]
    assert await refused(door, far, "return-result", collected_by="post") == (422, "received-at-not-believable")


async def test_a_desk_whose_clock_lags_a_little_is_believed_and_nothing_is_dated_before_what_it_follows(
    door: FrontDoor,
) -> None:
    lagging, wrong = ((MONDAY_MORNING - timedelta(seconds=by)).isoformat() for by in (90, 3600))
    id = await accepted(door)
    assert (await refused(door, id, "result-ready", at=wrong))[0] == 422
    ready = (await door.decided(id, "result-ready", at=lagging))["life"]
    assert ready["result_ready_at"] == MONDAY_MORNING.isoformat()
    other = (await door.submitted(birth()))["dossier_id"]
    did = {step: {"officer": "cb-01", "at": lagging} for step in ("appraised", "approved", "returned")}
    finished = await door.post(f"/v1/dossiers/{other}/finish-on-the-spot", SPOT | did)
    assert finished.json()["life"]["returned_at"] == finished.json()["received_at"]


async def test_fees_are_asked_paid_once_and_waived(door: FrontDoor) -> None:
    id = await accepted(door)
    asked = await door.decided(id, "fees", purpose="le-phi", amount=8000)
    await door.decided(id, "fees", purpose="ban-sao", amount=12000)
    assert asked["national_status"]["code"] == 6
    paid = {"reference": "BIDV-2026-001", "by": "bank-transfer"}
    first = await door.decided(id, "fees/1/payment", **paid)
    assert first["national_status"]["code"] == 6, "another one is open"
    assert await door.decided(id, "fees/1/payment", **paid) == first, "the same payment told again"
    assert await refused(door, id, "fees/2/payment", **paid) == (409, "payment-used")
    assert await refused(door, id, "fees/1/payment", **{**paid, "reference": "X-2"}) == (409, "fee-settled")
    assert await refused(door, id, "fees/1/waiver", reason_code="poor-household") == (409, "fee-settled")
    assert await refused(door, id, "fees/3/waiver", reason_code="poor-household") == (404, "fee-unknown")
    waived = await door.decided(id, "fees/2/waiver", reason_code="poor-household")
    assert waived["national_status"]["code"] == 2
    assert [(fee["open"], fee["amount"]) for fee in waived["life"]["fees"]] == [(False, 8000), (False, 12000)]
    events = [body for type, body in await door.outbox(id) if type == "dossier.fee_paid.v1"]
    assert [(event["fee"], event["amount"], event["all_settled"]) for event in events] == [(1, 8000, False)]
    assert [text for text, _ in await steps(door, id)][1:] == [
        "Yêu cầu nộp phí, lệ phí: 8.000 đồng.",
        "Yêu cầu nộp phí, lệ phí: 12.000 đồng.",
        "Đã nộp 8.000 đồng.",
        "Miễn nộp phí, lệ phí: 12.000 đồng.",
    ]


@pytest.mark.parametrize("amount", [0, -1, LARGEST_FEE + 1, 10**18])
async def test_an_amount_that_nobody_can_owe_is_refused_in_clear_words(door: FrontDoor, amount: int) -> None:
    id = await accepted(door)
    assert await refused(door, id, "fees", purpose="le-phi", amount=amount) == (422, "fee-not-believable")


@pytest.mark.parametrize("amount", [1.5, "8000", None, True, 1e3])
async def test_an_amount_is_a_whole_number(door: FrontDoor, amount: Any) -> None:
    id = await accepted(door)
    assert await refused(door, id, "fees", purpose="le-phi", amount=amount) == (422, "invalid-request")


@given(st.integers())
def test_what_is_asked_is_what_is_owed_until_it_is_settled(amount: int) -> None:
    life = Life(uuid.uuid4(), "H26.15.01")
    if not 0 < amount <= LARGEST_FEE:
        with pytest.raises(FeeNotBelievable):
            life.ask_fee("le-phi", amount, MONDAY_MORNING, "cb-01")
        return
    owed = life.ask_fee("le-phi", amount, MONDAY_MORNING, "cb-01")
    assert [fee.amount for fee in owed.open_fees] == [amount]
    paid = owed.pay(1, MONDAY_MORNING, "cash", "R-1")
    assert paid.open_fees == ()
    assert paid.pay(1, MONDAY_MORNING + timedelta(days=1), "online", "R-1") is paid


async def test_on_the_spot_everything_is_done_and_recorded_and_nobody_else_is_asked(door: FrontDoor) -> None:
    id = str((await door.submitted(birth()))["dossier_id"])
    door.set_time("2026-03-02T08:30:00+07:00")
    spot = {**SPOT, "appraised": {"officer": "cb-02", "at": "2026-03-02T08:10:00+07:00"}}
    answer = (await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", spot)).json()
    assert (answer["phase"], answer["national_status"]["code"]) == ("returned", 10)
    assert answer["dossier_code"] == "H26.15.01-260302-0001"
    assert answer["accepted_at"].startswith("2026-03-02T08:10")
    types = [type for type, _ in await door.outbox(id)]
    assert "dossier.accepted.v1" not in types, "so that nothing is handed over"
    assert types[-1] == "dossier.finished_on_the_spot.v1"
    assert (await steps(door, id))[1:] == [
        ("Đã thẩm định tại chỗ.", "cb-02"),
        ("Đã phê duyệt tại chỗ.", "ct-01"),
        ("Đã giải quyết và trả kết quả ngay tại Bộ phận Một cửa, mã H26.15.01-260302-0001.", "cb-01"),
    ]
    assert await door.intake.spine.pool.fetchval("SELECT count(*) FROM progress WHERE NOT settled") == 0, "not stuck"
    following = await door.submitted(residence(acceptance=ACCEPTANCE))
    assert following["dossier_code"].endswith("-0002"), "one range of numbers"


async def test_on_the_spot_in_an_impossible_order_is_refused(door: FrontDoor) -> None:
    id = str((await door.submitted(birth()))["dossier_id"])
    door.set_time("2026-03-02T09:00:00+07:00")
    early = {"officer": "ct-01", "at": "2026-03-02T08:30:00+07:00"}
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", {**SPOT, "approved": early})
    assert answer.json()["slug"] == "steps-out-of-order"
    before = {"officer": "cb-02", "at": "2026-03-01T08:30:00+07:00"}
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", {**SPOT, "appraised": before})
    assert answer.json()["slug"] == "received-at-not-believable"
    await door.decided(id, "accept")
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", SPOT)
    assert answer.json()["slug"] == "wrong-state"


async def test_the_share_made_on_the_spot_is_a_figure_within_the_area(door: FrontDoor) -> None:
    id = str((await door.submitted(birth()))["dossier_id"])
    await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", SPOT)
    for _ in range(2):
        other = await accepted(door)
        await door.decided(other, "result-ready")
        await door.decided(other, "return-result", collected_by="post")
    path = "/v1/figures/on-the-spot?from=2026-03-02&to=2026-03-02"
    assert (await door.get(path)).json() == {
        "returned": 3,
        "on_the_spot": 1,
        "share": 0.3333,
        "desks": [{"returned": 3, "on_the_spot": 1, "share": 0.3333, "desk_code": "H26.15.01"}],
    }
    empty: dict[str, Any] = {"returned": 0, "on_the_spot": 0, "share": None, "desks": []}
    assert (await door.get(path, bearer=door.token(area=["H99.99.99"]))).json() == empty
    assert (await door.get("/v1/figures/on-the-spot?from=2026-03-03&to=2026-03-09")).json() == empty
    for wrong in ("from=2026-03-03&to=2026-03-01", "from=0001-01-01&to=2026-03-01", "from=2026-03-01&to=9999-12-31"):
        assert (await door.get(f"/v1/figures/on-the-spot?{wrong}")).status_code == 422, wrong


async def test_outside_the_callers_area_none_of_it_exists(door: FrontDoor) -> None:
    id = await accepted(door)
    stranger = door.token(area=["H99.99.99"])
    bodies: dict[str, dict[str, Any]] = {
        "request-withdrawal": {},
        "stop": STOP,
        "steps": {"step": "signed"},
        "result-ready": {},
        "return-result": {"collected_by": "applicant"},
        "fees": {"purpose": "x", "amount": 1},
        "fees/1/payment": {"reference": "R-1", "by": "cash"},
        "fees/1/waiver": {"reason_code": "x"},
    }
    for action, body in bodies.items():
        answer = await door.post(f"/v1/dossiers/{id}/{action}", {**ACCEPTANCE, **body}, bearer=stranger)
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found"), action
    answer = await door.post(f"/v1/dossiers/{id}/finish-on-the-spot", SPOT, bearer=stranger)
    assert answer.status_code == 404


async def test_sent_again_under_its_key_each_is_done_once(door: FrontDoor) -> None:
    id = await accepted(door)
    fee = {**ACCEPTANCE, "purpose": "le-phi", "amount": 8000}
    first = await door.post(f"/v1/dossiers/{id}/fees", fee, key="one")
    again = await door.post(f"/v1/dossiers/{id}/fees", fee, key="one")
    assert (again.content, len(again.json()["life"]["fees"])) == (first.content, 1)


def _dossier(state: Any, accepted: bool) -> Dossier:
    return Dossier(
        id=uuid.UUID(int=1),
        state=state,
        procedure=ProcedureRef(code="1.004222", version=1, name="Đăng ký thường trú"),
        desk=DeskRef(code="H26.15.01", name="Phường", territory="00070"),
        territory="00070",
        channel="counter",
        case=None,
        received_at=MONDAY_MORNING,
        components=(),
        findings=(),
        contact_channels=(),
        sealed_contact=None,
        sealed_form="",
        accepted_at=MONDAY_MORNING if accepted else None,
    )


PLAIN = Life(uuid.UUID(int=1), "H26.15.01")
OWING = PLAIN.ask_fee("le-phi", 1000, MONDAY_MORNING, "cb-01")
LIVES = (
    PLAIN,
    OWING,
    OWING._replace(withdrawal_requested_at=MONDAY_MORNING),
    PLAIN._replace(result_ready_at=MONDAY_MORNING),
)
TABLE = {
    # state: national status when nothing else happened, a fee is open, a withdrawal is asked for, the result is here
    "submitted": (1, 6, 7, None),
    "supplement_requested": (5, 5, 7, None),
    "accepted": (2, 6, 7, 9),
    "at the agency": (4, 6, 7, 9),
    "completed": (9, 6, 6, 9),
    "refused": (3, 3, 3, 3),
    "stopped": (8, 8, 8, 8),
    "returned": (10, 10, 10, 10),
}


@pytest.mark.parametrize(("row", "column"), list(product(TABLE, range(len(LIVES)))))
def test_the_ten_national_statuses(row: str, column: int) -> None:
    progress = Progress(
        uuid.UUID(int=1),
        handed_over_at=MONDAY_MORNING if row in ("at the agency", "completed") else None,
        completed_at=MONDAY_MORNING if row == "completed" else None,
    )
    state = "accepted" if row in ("at the agency", "completed") else row
    dossier, life = _dossier(state, state in ("accepted", "returned")), LIVES[column]
    expected = TABLE[row][column]
    if expected is None:
        return  # what was never accepted has no result
    assert national_status(dossier, progress, life).code == expected
    assert state_of(dossier, progress, life) in (
        "submitted",
        "supplement_requested",
        "accepted",
        "refused",
        "completed",
    )
    assert bool(standing_of(dossier, progress, life).possible) == (row not in ("refused", "stopped", "returned"))


def test_all_ten_are_reached() -> None:
    assert {code for codes in TABLE.values() for code in codes if code} == set(range(1, 11))
