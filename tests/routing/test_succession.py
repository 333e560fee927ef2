"""Cơ quan kế thừa: who is no more is succeeded, from the day after its last one, in whatever order it is heard."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_events.event import Envelope, Fact
from hub_events.reference import AgencyPublishedV1
from hub_messaging.clock import real_now
from services.routing.domain.competence import Agency
from services.routing.domain.succession import AgencyVersion, heirs
from tests.routing.conftest import Hub
from tests.routing.facts import COMMUNE, POLICE, a_competence
from tests.waiting import until

LAST_DAY = date(2025, 6, 30)
HEIR = "G01.26.20.09"


def version(code: str, successor: str | None = None, valid_to: date | None = None, **changes: Any) -> AgencyVersion:
    begin = changes.pop("valid_from", date(2018, 1, 1))
    told = {"edition": 1, "name": f"Cơ quan {code}", "withdrawn": False, **changes}
    return AgencyVersion(
        key=f"agency/{code}@{begin}", code=code, valid_from=begin, valid_to=valid_to, successor=successor, **told
    )


def codes(versions: Iterable[AgencyVersion], day: date = date(2026, 3, 2)) -> dict[str, str]:
    return {code: agency.code for code, agency in heirs(versions, day).items()}


def test_an_agency_keeps_its_tasks_to_its_last_day() -> None:
    merged = [version("A", "B", LAST_DAY), version("B")]
    assert codes(merged, LAST_DAY) == {}
    assert codes(merged, LAST_DAY + timedelta(days=1)) == {"A": "B"}
    assert heirs(merged, date(2026, 1, 1))["A"] == Agency("B", "Cơ quan B")


def test_a_chain_is_followed_to_who_is_there() -> None:
    chain = [version("A", "B", LAST_DAY), version("B", "C", LAST_DAY), version("C")]
    assert codes(chain) == {"A": "C", "B": "C"}


def test_a_successor_that_is_not_known_yet_is_waited_for() -> None:
    assert codes([version("A", "B", LAST_DAY)]) == {}
    assert codes([version("A", "B", LAST_DAY), version("B", "C", LAST_DAY)]) == {"A": "B"}


def test_what_was_withdrawn_never_was_and_who_began_anew_is_no_more_succeeded() -> None:
    assert codes([version("A", "B", LAST_DAY, withdrawn=True), version("B")]) == {}
    again = version("A", valid_from=date(2025, 7, 1))
    assert codes([version("A", "B", LAST_DAY), again, version("B")]) == {}


def test_a_circle_ends() -> None:
    assert set(codes([version("A", "B", LAST_DAY), version("B", "A", LAST_DAY)]).values()) <= {"A", "B"}


NAMES = "ABCDEF"


@given(
    st.lists(
        st.builds(
            version, st.sampled_from(NAMES), st.sampled_from([None, *NAMES]), st.sampled_from([None, LAST_DAY]),
            withdrawn=st.booleans(),
        ),
        max_size=6, unique_by=lambda one: one.code,
    )
)  # fmt: skip
def test_the_order_of_what_was_heard_says_nothing(versions: list[AgencyVersion]) -> None:
    found = heirs(versions, date(2026, 3, 2))
    assert all(heirs(order, date(2026, 3, 2)) == found for order in list(permutations(versions))[:24])
    assert all(agency.code != code for code, agency in found.items())


def test_a_table_with_heirs_says_so_and_keeps_who_is_no_more() -> None:
    table = a_competence()
    heir = Agency(HEIR, "Công an phường mới")
    after = table.succeeded_by({POLICE.code: heir, "G09": heir}, 4)
    assert after.competent("commune-police", "1.004222", COMMUNE) == heir
    assert table.competent("commune-police", "1.004222", COMMUNE) == POLICE
    assert {POLICE.code, HEIR} <= after.agencies.keys()
    assert after.version == "competence@2026-03-01+agencies@4"
    assert after.edition != table.edition
    assert table.succeeded_by({"G09": heir}, 4) is table, "an agency that no rule names changes nothing"


def published(code: str, edition: int, **changes: Any) -> Fact[AgencyPublishedV1]:
    about = {"code": code, "valid_from": "2018-01-01", "edition": edition, "name": f"Cơ quan {code}", "vertical": True}
    event = AgencyPublishedV1.model_validate({**about, **changes})
    now = real_now()
    envelope = Envelope(uuid4(), event.type, "/hub/intake", event.key, datetime(2026, 3, 2, tzinfo=UTC), now)
    return Fact(envelope, event)


@pytest.mark.stack
async def test_a_dossier_for_an_agency_that_was_merged_goes_to_its_successor(hub: Hub) -> None:
    before = await hub.accept()
    await until(lambda: hub.effects(before))
    for fact in (
        published(POLICE.code, 2, valid_to="2025-06-30", successor=HEIR),
        published(POLICE.code, 1),
        published(HEIR, 2, name="Công an phường mới"),
        published(HEIR, 2, name="Công an phường mới"),
    ):
        await hub.read(fact)
    rows = await hub.fetch("SELECT code, edition FROM agency ORDER BY code")
    assert [tuple(row) for row in rows] == [(POLICE.code, 2), (HEIR, 2)]
    await until(lambda: asyncio.sleep(0, hub.service.competence().version), lambda seen: seen.endswith("+agencies@2"))

    after = await hub.accept()
    (effect,) = await until(lambda: hub.effects(after))
    assert effect["target"] == HEIR if "target" in effect else True
    legs = (await hub.state(after))["legs"]
    assert [leg["agency"]["code"] for leg in legs] == [HEIR]
    assert [leg["agency"]["code"] for leg in (await hub.state(before))["legs"]] == [POLICE.code]
    told = await hub.fetch("SELECT body FROM outbox WHERE key = $1 AND type = 'dossier.routed.v1'", str(after))
    assert b"competence@2026-03-01+agencies@2" in told[0]["body"]
    lanes = {lane["name"]: lane for lane in (await hub.get("/v1/lanes")).json()["items"]}
    assert lanes[HEIR]["agency"] == "Công an phường mới"
    assert POLICE.code in lanes, "who is no more still answers for what it has"


@pytest.mark.stack
async def test_an_agency_that_the_table_knows_already_changes_nothing_as_long_as_it_is_there(hub: Hub) -> None:
    """Told by intake under another name, even: the table's rules and names hold."""
    before = hub.service.competence()
    await hub.read(
        published(POLICE.code, 1), published("G01.26.20.08", 1, valid_to="2025-06-30", successor=POLICE.code)
    )
    await until(
        lambda: asyncio.sleep(0, hub.service._successions._seen), lambda seen: seen is not None and seen[0] == 2
    )
    assert hub.service.competence() is before
    assert before.competent("commune-police", "1.004222", COMMUNE) == POLICE
