"""What operators may do with refused records: list, show, replay, discard; every decision with its reason."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from hub_web.app import make_app
from hub_web.dead_letters import dead_letter_router
from hub_web.tokens import ALL, Issuer, Verifier

PLACE = "/v1/routing/dead-letters"


class RecordsInMemory:
    """Refused records as `hub_messaging.refused` keeps them."""

    def __init__(self, count: int) -> None:
        self.rows: dict[int, dict[str, Any]] = {n: _record(n) for n in range(1, count + 1)}

    async def listed(self, state: str, after: int, most: int) -> list[dict[str, Any]]:
        found = [row for row in self.rows.values() if row["state"] == state and row["id"] > after]
        return [{k: v for k, v in row.items() if k not in {"headers", "body", "key"}} for row in found[:most]]

    async def shown(self, record_id: int) -> dict[str, Any] | None:
        return self.rows.get(record_id)

    async def decide(self, record_id: int, state: str, who: str, why: str) -> bool:
        row = self.rows.get(record_id)
        if row is None or row["state"] not in {"dead", "waiting"}:
            return False
        row |= {"state": state, "decided_by": who, "decided_why": why}
        return True


def _record(n: int) -> dict[str, Any]:
    return {
        "id": n, "topic": "intake-dossier-events", "partition": 0, "offset": n, "type": "dossier.accepted.v1",
        "state": "dead", "reason": "invalid-body", "detail": "desk: missing", "attempts": 1, "next_at": None,
        "refused_at": datetime(2026, 3, 2, tzinfo=UTC), "decided_by": None, "decided_why": None,
        "key": "k", "headers": [["ce_type", "dossier.accepted.v1"]], "body": "{}",
    }  # fmt: skip


@pytest.fixture
def records() -> RecordsInMemory:
    return RecordsInMemory(count=5)


@pytest.fixture
async def operator(records: RecordsInMemory, verifier: Verifier, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    app = make_app("Routing", "1", verifier, [dead_letter_router("routing", records)])
    token = issuer.issue("ops@hub", "operator", ["operations"], ALL)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://hub", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def test_the_list_goes_on_where_a_page_ended_and_shows_no_bodies(operator: httpx.AsyncClient) -> None:
    first = (await operator.get(PLACE, params={"limit": 3})).json()
    second = (await operator.get(PLACE, params={"limit": 3, "cursor": first["next_cursor"]})).json()

    assert [item["id"] for item in first["items"] + second["items"]] == [1, 2, 3, 4, 5]
    assert second["next_cursor"] is None
    assert "body" not in first["items"][0]


async def test_a_record_is_shown_with_its_headers_and_body(operator: httpx.AsyncClient) -> None:
    shown = (await operator.get(f"{PLACE}/2")).json()

    assert (shown["reason"], shown["body"]) == ("invalid-body", "{}")
    assert shown["headers"] == [["ce_type", "dossier.accepted.v1"]]


async def test_a_replay_keeps_who_and_why(operator: httpx.AsyncClient, records: RecordsInMemory) -> None:
    answer = await operator.post(f"{PLACE}/2/replay", json={"why": "đã sửa dữ liệu thẩm quyền"})

    assert answer.status_code == 200
    assert answer.json()["state"] == "waiting"
    assert records.rows[2]["decided_by"] == "ops@hub"
    assert records.rows[2]["decided_why"] == "đã sửa dữ liệu thẩm quyền"


async def test_what_was_discarded_cannot_be_replayed(operator: httpx.AsyncClient) -> None:
    await operator.post(f"{PLACE}/2/discard", json={"why": "bản ghi thử nghiệm"})

    answer = await operator.post(f"{PLACE}/2/replay", json={"why": "nhầm"})

    assert answer.status_code == 409
    assert (answer.json()["slug"], answer.json()["state"]) == ("already-decided", "discarded")


@pytest.mark.parametrize("body", [{}, {"why": "  "}, {"why": "x" * 501}, {"why": "đúng", "who": "tôi"}])
async def test_a_decision_needs_a_reason_and_nothing_else(operator: httpx.AsyncClient, body: dict[str, str]) -> None:
    assert (await operator.post(f"{PLACE}/2/discard", json=body)).status_code == 422


@pytest.mark.parametrize("record_id", ["99", "0", "x"])
async def test_a_record_that_is_not_there_is_refused_clearly(operator: httpx.AsyncClient, record_id: str) -> None:
    answer = await operator.get(f"{PLACE}/{record_id}")

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_only_operators_may(operator: httpx.AsyncClient, issuer: Issuer) -> None:
    token = issuer.issue("desk", "system", ["dossiers:submit"], ALL)

    answer = await operator.get(PLACE, headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["slug"]) == (403, "scope-missing")
