"""Probes, metrics and API documents of every process that runs."""

import json
import re
from pathlib import Path

import pytest

from hub_events.topics import TOPICS
from hub_local.layout import SERVICES
from tests.flows.hub import Hub

pytestmark = pytest.mark.stack
API = Path(__file__).parents[2] / "docs" / "api"

OF_ITS_WORK = {
    "intake": ("hub_stuck_dossiers", "hub_timeline_unsealed_seconds"),
    "routing": ("hub_lane_work_due", "hub_lane_work_set_aside", "hub_lane_circuit_open", "hub_fact_to_effect_seconds"),
    "notify": ("hub_lane_work_due", "hub_lane_work_set_aside", "hub_lane_circuit_open", "hub_fact_to_effect_seconds"),
    "sla": ("hub_timer_delay_seconds",),
}
OF_THE_SPINE = (
    "hub_outbox_rows",
    "hub_outbox_oldest_seconds",
    "hub_events_consumed_total",
    "hub_consumer_lag_records",
    "hub_dead_letters_open",
    "hub_waiting_oldest_seconds",
)


@pytest.mark.parametrize("process", [*SERVICES, "sandbox"])
async def test_a_process_says_that_it_lives_and_is_ready(hub: Hub, process: str) -> None:
    url = hub.layout.url(f"{process}-probe")

    answers = {path: (await hub.http.get(url + path)).status_code for path in ("/live", "/ready", "/metrics")}

    assert answers == {"/live": 200, "/ready": 200, "/metrics": 200}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_measures_what_operators_watch(hub: Hub, service: str) -> None:
    receipt = await hub.accepted()
    await hub.reached(receipt["dossier_id"], "clock_stopped", "sent completed:1")

    metrics = (await hub.http.get(hub.layout.url(f"{service}-probe") + "/metrics")).text

    assert [name for name in OF_ITS_WORK[service] if f"# TYPE {name} " not in metrics] == []
    assert [name for name in OF_THE_SPINE if not re.search(rf"^{name}(\{{.*\}})? \d", metrics, re.MULTILINE)] == []
    assert re.search(r"^hub_dead_letters_open \d", metrics, re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_describes_itself_to_all_and_answers_only_those_it_knows(hub: Hub, service: str) -> None:
    url = hub.layout.url(service)
    document = await hub.http.get(url + "/openapi.json")

    assert document.json() == json.loads((API / "openapi" / f"{service}.json").read_text()), "run `make schemas`"
    assert (await hub.http.get(url + "/docs")).headers["content-type"].startswith("text/html")
    asked = {path: methods["get"] for path, methods in document.json()["paths"].items() if "get" in methods}
    paths = [path for path, get in asked.items() if "{" not in path and {} not in get["security"]]
    closed = {path: (await hub.http.get(url + path)).status_code for path in paths if "jwks" not in path}
    assert closed
    assert set(closed.values()) == {401}


async def test_intake_shows_the_events_of_the_whole_hub(hub: Hub) -> None:
    url = hub.layout.url("intake")
    page, document = await hub.http.get(url + "/docs/events"), await hub.http.get(url + "/asyncapi.json")

    assert all(topic.name in page.text for topic in TOPICS)
    assert document.json() == json.loads((API / "asyncapi.json").read_text()), "run `make schemas`"
