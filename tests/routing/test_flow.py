"""A dossier's way through routing: accepted → handed over → answered, with a real database and real sockets."""

import pytest

from tests.routing.conftest import Hub
from tests.waiting import until

pytestmark = pytest.mark.stack


async def test_an_accepted_dossier_is_handed_over_once_and_completed_by_the_agencys_answer(hub: Hub) -> None:
    await hub.behave(steps=True)
    dossier_id = await hub.accept()

    async def told() -> bool:
        """Five facts: an agency may answer before the hand-over itself is noted, so its order is not fixed."""
        return len(await hub.types(dossier_id)) == 5

    await until(told)

    (effect,) = await hub.effects(dossier_id)
    assert effect["party"] == "G01.26.20.01"
    assert (await hub.state(dossier_id))["state"] == "completed"
    types = await hub.types(dossier_id)
    assert types[0] == "dossier.routed.v1"
    assert sorted(types) == [
        "dossier.acknowledged.v1",
        "dossier.completed.v1",
        "dossier.handed_over.v1",
        "dossier.routed.v1",
        "dossier.step_recorded.v1",
    ]
    (leg,) = (await hub.state(dossier_id))["legs"]
    assert leg["foreign_number"] == effect["answer"]
    assert leg["outcome"]["result"] == "approved"
