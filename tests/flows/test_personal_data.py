"""Dữ liệu cá nhân: names, numbers and what people wrote are planted, and then looked for everywhere."""

from typing import Any

import pytest

from hub_local.layout import SERVICES
from tests.canary import NAME, PERSONAL_ID, PHONE, found_in, told_in_files
from tests.flows.hub import OFFICER, Hub
from tests.flows.load import database
from tests.flows.records import all_records

pytestmark = pytest.mark.stack

ADDRESS, REQUEST, REASON = "Canary số 7 ngõ 9", "Canary xin giấy", "Canary lý do"


async def whole_life(hub: Hub) -> str:
    """A dossier whose every personal field is planted, through a supplement and to its end; and a refused one."""
    await hub.door.put_behaviour("*", {"steps": True})
    body: dict[str, Any] = {
        **await hub.body(),
        "applicant": {"kind": "citizen", "full_name": NAME, "personal_id": PERSONAL_ID, "address": ADDRESS},
        "contact": {"full_name": NAME, "phone": PHONE},
        "request": REQUEST,
        "form": {"relative": NAME, "note": REASON},
    }
    refused = await hub.post("/v1/dossiers", body)
    await hub.decide(refused["dossier_id"], "refuse", reason_code="not-entitled", reason=REASON)
    submitted = await hub.post("/v1/dossiers", body)
    here = str(submitted["dossier_id"])
    first = body["components"][0]
    await hub.decide(here, "request-supplement", components=[first["code"]], reason=REASON)
    await hub.reached(here, "sent supplement:1")
    await hub.decide(here, "supplement", components=[first], form={"relative": NAME})
    await hub.decide(here, "accept")
    await hub.reached(here, "clock_stopped", "sent completed:1")
    await hub.reached(refused["dossier_id"], "sent refusal:1")
    return here


async def test_personal_data_rest_and_travel_sealed_only(hub: Hub) -> None:
    """Kafka's records and all four databases, as they lie there."""
    here = await whole_life(hub)

    records = [record.as_bytes for record in await all_records(hub)]
    assert any(here.encode() in record for record in records), "what is not personal can be found"
    assert [found for record in records if (found := found_in(record))] == []
    for service in SERVICES:
        rows = await all_rows(hub, service)
        assert any(here in row for row in rows), service
        assert [found for row in rows if (found := found_in(row))] == [], service


async def test_personal_data_are_never_told_in_logs_metrics_and_error_answers(hub: Hub) -> None:
    here = await whole_life(hub)
    await provoke(hub, here)

    assert told_in_files(hub.layout) == []
    for process in (*SERVICES, "sandbox"):
        metrics = (await hub.http.get(hub.layout.url(f"{process}-probe") + "/metrics")).text
        assert found_in(metrics) == [], process


async def provoke(hub: Hub, here: str) -> None:
    """Mistakes around the planted values: no answer repeats them."""
    whole = {**await hub.body(), "applicant": {"kind": "citizen", "full_name": NAME, "personal_id": PERSONAL_ID}}
    wrong: list[tuple[str, Any]] = [
        ("/v1/dossiers", {**whole, "contact": {"phone": PHONE + "x"}}),
        ("/v1/dossiers", {**whole, NAME: 1}),
        ("/v1/dossiers", {**whole, "applicant": {"kind": NAME, "full_name": PERSONAL_ID}}),
        ("/v1/dossiers", {**whole, "procedure_code": NAME}),
        (f"/v1/dossiers/{NAME}/accept", {"officer": OFFICER}),
        (f"/v1/dossiers/{here}/refuse", {"officer": OFFICER, "reason_code": NAME, "reason": REASON}),
        (
            f"/v1/dossiers/{here}/request-supplement",
            {"officer": OFFICER, "components": [PERSONAL_ID], "reason": REASON},
        ),
    ]
    for number, (path, body) in enumerate(wrong):
        headers = {**hub.token(), "idempotency-key": f"canary-{number}"}
        answer = await hub.http.post(hub.layout.url("intake") + path, json=body, headers=headers)
        assert 400 <= answer.status_code < 500, (number, answer.status_code)
        assert found_in(answer.content) == [], number
    looked = await hub.http.get(hub.layout.url("intake") + f"/v1/dossiers?code={PERSONAL_ID}", headers=hub.token())
    assert looked.status_code in (200, 422)
    assert found_in(looked.content) == []


async def all_rows(hub: Hub, service: str) -> list[str]:
    """Every row of every table of a service's database, as text; of bytes what is not ASCII is escaped."""
    rows = []
    async with database(hub, service) as connection:
        for (table,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            columns = await connection.fetch(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1", table
            )
            shown = [f"encode({name}, 'escape')" if kind == "bytea" else f'"{name}"::text' for name, kind in columns]
            found = await connection.fetch(f"SELECT concat_ws(' ', {', '.join(shown)}) FROM {table}")
            rows += [row[0] for row in found]
    return rows
