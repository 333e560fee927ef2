"""Biểu mẫu và tiến trình bị giết: kill -9 while forms are being made leaves whole forms or nothing, and no gap."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.hosted import free_port, listening, process
from tests.intake.conftest import ACCEPTANCE, FrontDoor, residence

pytestmark = pytest.mark.stack

BY = {"officer": "cb-01", "signer": {"name": "Lê Thị Ví Dụ", "title": "Công chức tiếp nhận"}}
FORMS = 12


@pytest.mark.parametrize("seconds", [0.1, 0.8, 1.1])
async def test_a_form_asked_for_before_and_after_a_kill_is_one_form(door: FrontDoor, seconds: float) -> None:
    ids = [(await door.submitted(residence(acceptance=ACCEPTANCE)))["dossier_id"] for _ in range(3)]
    ports = {"http_port": free_port(), "probe_port": free_port()}
    wanted = [(f"/v1/dossiers/{ids[n % 3]}/forms/01", str(uuid4())) for n in range(FORMS)]

    async with process(door.intake.settings.model_copy(update=ports), "127.0.0.1:1", "web") as child:
        url = f"http://127.0.0.1:{ports['http_port']}"
        async with httpx.AsyncClient(base_url=url, timeout=20, headers={"Authorization": door.bearer}) as client:
            await listening(client)
            asked = [
                asyncio.create_task(client.post(path, json=BY, headers={"Idempotency-Key": key}))
                for path, key in wanted
            ]
            await asyncio.sleep(seconds)
            child.kill()
            before = await asyncio.gather(*asked, return_exceptions=True)

    answered: dict[str, Any] = {}
    for (path, key), was in zip(wanted, before, strict=True):
        now = await door.post(path, BY, key=key)
        assert now.status_code == 201, now.text
        if isinstance(was, httpx.Response):
            assert now.json() == was.json(), "what was answered once is the answer for ever"
        answered[now.json()["form_id"]] = now.json()
    forms = [form for id in ids for form in (await door.get(f"/v1/dossiers/{id}/forms")).json()["items"]]
    assert {form["form_id"] for form in forms} == answered.keys()
    assert sorted(int(form["number"].split("/")[0]) for form in forms) == list(range(1, FORMS + 1))
