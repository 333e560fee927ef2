"""What is taken back: never sent if it was certainly not taken; what died in the call is found out, not forgotten."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub_messaging import lanes as lanes_module
from hub_messaging import leases as leases_module
from hub_messaging import retries, work
from hub_messaging.clock import real_now
from hub_messaging.database import Writes
from hub_messaging.jobs import Job
from hub_messaging.lanes import LaneKeeper
from hub_messaging.migrations import WITHDRAWN_V1
from hub_messaging.outcomes import Outcome, Refused, Sent, TryAgain
from hub_messaging.taken_over import LANES_AT_ONCE, inherit
from hub_messaging.unknown import NotSent, UnknownOutcomes
from hub_messaging.withdrawn import trust
from hub_messaging.work import WorkRows
from tests.messaging.conftest import ToyService, going
from tests.messaging.test_lanes import Another, Party, add, all_are
from tests.messaging.toy import ToyUnitOfWork, settle, settled_state
from tests.waiting import until

pytestmark = pytest.mark.stack


def keeper(toy: ToyService, party: Party, concurrency: int = 4, repeat_safe: bool = True) -> LaneKeeper[ToyUnitOfWork]:
    return LaneKeeper(
        runner=toy.runner, leases=toy.leases, bells=toy.bells, heart=toy.heart, lanes=lambda: [("toys", concurrency)],
        deliver=party.deliver, settle=settle, repeat_safe=lambda _lane: repeat_safe,
    )  # fmt: skip


async def withdraw(toy: ToyService, dossier: UUID) -> None:
    def run(uow: ToyUnitOfWork) -> None:
        uow.work.withdraw("toys", dossier)

    await toy.runner.run([Job(run=run, keys={"toys": (dossier,)})])


async def rows(toy: ToyService) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await toy.pool.fetch("SELECT state, outcome FROM work ORDER BY seq")]


async def perhaps_under_way(toy: ToyService) -> bool:
    return bool(await toy.pool.fetchval("SELECT count(*) FROM work WHERE started_at IS NOT NULL"))


async def dies(toy: ToyService) -> None:
    """The owner of the lanes is heard of no more."""
    await toy.pool.execute("UPDATE lease SET until = now()")


@pytest.fixture
def dossier() -> UUID:
    return uuid4()


@pytest.fixture
async def successor(another: Another) -> ToyService:
    return await another(slot=1)


async def withdrawn_in_its_time(toy: ToyService, dossier: UUID) -> None:
    await withdraw(toy, dossier)
    await dies(toy)


async def withdrawn_later(toy: ToyService, dossier: UUID) -> None:
    await dies(toy)
    await withdraw(toy, dossier)


Ending = Callable[[ToyService, UUID], Awaitable[None]]
ENDINGS: list[Ending] = [withdrawn_in_its_time, withdrawn_later]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("found", "outcome", "told"), [(Sent("9"), "sent", "sent after 1"), (NotSent(), "withdrawn", None)]
)
async def test_what_was_due_when_its_owner_died_may_have_been_under_way_and_is_found_out(
    toy: ToyService,
    successor: ToyService,
    dossier: UUID,
    ending: Ending,
    found: Sent | NotSent,
    outcome: str,
    told: str | None,
) -> None:
    await toy.leases.hold(["lane:toys"])
    row, _behind = await add(toy, ("toys", dossier), ("toys", dossier))
    await ending(toy, dossier)
    assert await rows(toy) == [("done", "withdrawn")] * 2
    party = Party()
    async with going(keeper(successor, party)):
        await until(all_are(toy, "unknown", 1))
        assert await rows(toy) == [("unknown", "withdrawn"), ("done", "withdrawn")]
        assert await UnknownOutcomes(toy.runner, settle).decide(row, found, "cb-01", "asked by telephone")
        other = uuid4()
        await add(toy, ("toys", other))
        await until(all_are(toy, "done", 3))
    assert [call.dossier_id for call in party.calls] == [other], "it is not sent to see"
    assert (await rows(toy))[0] == ("done", outcome)
    toys = await settled_state(toy.pool)
    assert (toys[dossier].sent if dossier in toys else None) == told


async def test_what_came_after_the_owners_death_was_certainly_not_taken(
    toy: ToyService, successor: ToyService, dossier: UUID
) -> None:
    await toy.leases.hold(["lane:toys"])
    await dies(toy)
    await add(toy, ("toys", dossier))
    await withdraw(toy, dossier)
    await stays_withdrawn(successor)


async def test_a_living_owner_knows_what_it_has_not_begun(
    toy: ToyService, successor: ToyService, dossier: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "FREE_EVERY_SECONDS", 0.0)
    paused = keeper(toy, Party(), concurrency=0)
    async with going(paused):
        await until(lambda: bool(paused.owned_lanes()))
        await add(toy, ("toys", dossier))
        await withdraw(toy, dossier)
        await until(lambda: perhaps_under_way(toy), lambda perhaps: not perhaps)
    await dies(toy)
    await stays_withdrawn(successor)


async def test_an_owner_that_ends_in_order_leaves_no_doubt(
    toy: ToyService, successor: ToyService, dossier: UUID
) -> None:
    paused = keeper(toy, Party(), concurrency=0)
    paused._next_free = float("inf")
    async with going(paused):
        await until(lambda: bool(paused.owned_lanes()))
        await add(toy, ("toys", dossier), ("toys", late := uuid4()))
        await withdraw(toy, dossier)
        assert await perhaps_under_way(toy)
    await withdraw(toy, late)
    await stays_withdrawn(successor)


async def stays_withdrawn(successor: ToyService) -> None:
    """Whoever takes the lane over neither doubts nor sends any of its rows."""
    party = Party()
    async with going(keeper(successor, party)):
        await add(successor, ("toys", other := uuid4()))
        await until(lambda: rows(successor), lambda found: found[-1] == ("done", "sent"))
    assert [call.dossier_id for call in party.calls] == [other]
    assert set((await rows(successor))[:-1]) == {("done", "withdrawn")}
    assert not await perhaps_under_way(successor)


CERTAIN_ENDS: list[tuple[Outcome, tuple[str, str]]] = [
    (Sent("9"), ("done", "sent")),
    (TryAgain("no-connection"), ("done", "withdrawn")),
    (Refused("http-422"), ("done", "withdrawn")),
    (Refused("http-409"), ("refused", "http-409")),
]


@pytest.mark.parametrize(
    ("repeat_safe", "answer", "ends"),
    [
        *((repeat_safe, answer, ends) for repeat_safe in (True, False) for answer, ends in CERTAIN_ENDS),
        (False, TryAgain("timeout"), ("unknown", "withdrawn")),
    ],
)
async def test_an_attempt_under_way_ends_as_it_ends(
    toy: ToyService, dossier: UUID, repeat_safe: bool, answer: Outcome, ends: tuple[str, str]
) -> None:
    party = Party(lambda _row: answer, seconds=0.5)
    async with going(keeper(toy, party, repeat_safe=repeat_safe)):
        await add(toy, ("toys", dossier))
        await until(lambda: bool(party.running))
        await withdraw(toy, dossier)
        assert await rows(toy) == [("done", "withdrawn")]
        await until(lambda: not party.running)
        await until(lambda: rows(toy), lambda found: found == [ends])
    assert (len(party.calls), await rows(toy)) == (1, [ends])


@pytest.mark.parametrize(
    ("state", "reason", "ends"),
    [
        ("refused", "http-422", ("done", "withdrawn")),
        ("refused", "http-409", ("refused", "http-409")),
        ("set_aside", "no-connection", ("done", "withdrawn")),
        ("set_aside", "http-500", ("set_aside", "http-500")),
        ("unknown", "timeout", ("unknown", "withdrawn")),
    ],
)
async def test_what_waits_for_a_person_waits_no_more_unless_the_party_may_have_it(
    toy: ToyService, dossier: UUID, state: str, reason: str, ends: tuple[str, str]
) -> None:
    await add(toy, ("toys", dossier), ("toys", uuid4()))
    await toy.pool.execute("UPDATE work SET state = $1, outcome = $2, attempts = 1", state, reason)
    await withdraw(toy, dossier)
    assert await rows(toy) == [ends, (state, reason)], "nothing of other dossiers"


async def test_what_may_be_taken_waits_no_more_for_what_was_withdrawn(toy: ToyService, dossier: UUID) -> None:
    conflicting, head = await add(toy, ("toys", dossier), ("toys", dossier))
    await toy.pool.execute("UPDATE work SET state = 'refused', outcome = 'http-409' WHERE id = $1", conflicting)
    await toy.pool.execute("UPDATE work SET state = 'ready' WHERE id = $1", head)
    await work.redo(toy.pool, conflicting)
    assert await rows(toy) == [("behind", "http-409"), ("ready", None)]
    await withdraw(toy, dossier)
    assert await rows(toy) == [("ready", "http-409"), ("done", "withdrawn")]


async def test_what_one_attempt_may_have_hidden_no_later_one_makes_certain(
    toy: ToyService, dossier: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.0)
    answers: Iterator[Outcome] = iter([TryAgain("timeout"), TryAgain("no-connection", after_seconds=3600)])
    async with going(keeper(toy, Party(lambda _row: next(answers)))):
        await add(toy, ("toys", dossier))
        await until(lambda: toy.pool.fetchval("SELECT attempts = 2 FROM work"))
    await withdraw(toy, dossier)
    assert await rows(toy) == [("ready", "timeout")], "it is sent on until that is known"


async def test_a_conflict_that_was_taken_for_the_lanes_trouble_may_be_one_all_the_same(toy: ToyService) -> None:
    dossiers = [uuid4() for _ in range(5)]
    async with going(keeper(toy, Party(lambda _row: Refused("http-409")))):
        await add(toy, *(("toys", dossier) for dossier in dossiers))
        await until(lambda: rows(toy), lambda found: ("ready", "http-409 again and again") in found)
    for dossier in dossiers:
        await withdraw(toy, dossier)
    assert set(await rows(toy)) == {("refused", "http-409"), ("ready", "http-409 again and again")}


async def unanswered(successor: ToyService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The successor's first question for its lanes is carried out, but the connection breaks before the answer."""

    async def fetch(*asked: Any) -> None:
        await successor.pool.fetch(*asked)
        raise ConnectionResetError

    with monkeypatch.context() as once:
        once.setattr(successor.leases, "_pool", SimpleNamespace(fetch=fetch))
        with pytest.raises(ConnectionResetError):
            await successor.leases.hold(["lane:toys"])


async def test_that_a_lane_was_abandoned_is_known_although_the_answer_was_lost_with_its_connection(
    toy: ToyService, successor: ToyService, dossier: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(toy, dossier)
    await unanswered(successor, monkeypatch)
    async with going(keeper(successor, Party(), concurrency=0)):
        await until(lambda: rows(toy), lambda found: found == [("ready", "process-ended")], within=5)


async def cut_off(toy: ToyService, dossier: UUID) -> None:
    """Its time is over while it sends."""
    party = Party(seconds=60)
    async with going(keeper(toy, party)):
        await add(toy, ("toys", dossier))
        await until(lambda: bool(party.running))


async def killed(toy: ToyService, dossier: UUID) -> None:
    await toy.leases.hold(["lane:toys"])
    await add(toy, ("toys", dossier))
    await dies(toy)


async def killed_before_it_was_added(toy: ToyService, dossier: UUID) -> None:
    await toy.leases.hold(["lane:toys"])
    await dies(toy)
    await add(toy, ("toys", dossier))


async def ended_in_order(toy: ToyService, dossier: UUID) -> None:
    async with going(keeper(toy, Party(), concurrency=0)) as (task,):
        await until(lambda: toy.pool.fetchval("SELECT count(*) FROM lease"))
        await add(toy, ("toys", dossier))
        assert not task.done()


@pytest.mark.parametrize(
    ("ending", "repeat_safe", "ends"),
    [
        (killed, True, ("ready", "process-ended")),
        (cut_off, True, ("ready", "not-recorded")),
        (killed, False, ("done", "withdrawn")),
        (killed_before_it_was_added, True, ("done", "withdrawn")),
        (ended_in_order, True, ("done", "withdrawn")),
    ],
)
async def test_what_may_have_been_taken_when_its_owner_ended_no_later_failure_makes_certain(
    toy: ToyService,
    successor: ToyService,
    dossier: UUID,
    monkeypatch: pytest.MonkeyPatch,
    ending: Ending,
    repeat_safe: bool,
    ends: tuple[str, str],
) -> None:
    monkeypatch.setattr(lanes_module, "DRAIN_SECONDS", 0.1)
    await ending(toy, dossier)
    away = Party(lambda _row: TryAgain("no-connection", after_seconds=3600))
    async with going(keeper(successor, away, repeat_safe=repeat_safe)):
        await until(lambda: bool(away.calls))
        await until(lambda: toy.pool.fetchval("SELECT next_at > now() + interval '1 min' FROM work"))
    await withdraw(toy, dossier)
    assert await rows(toy) == [ends], "it is sent on until that is known, or was certainly not taken"


async def test_what_may_have_been_taken_is_noted_while_the_lane_is_paused_too(
    toy: ToyService, successor: ToyService, dossier: UUID
) -> None:
    await killed(toy, dossier)
    async with going(keeper(successor, Party(), concurrency=0)):
        await until(lambda: rows(toy), lambda found: found == [("ready", "process-ended")])
    await withdraw(toy, dossier)
    assert await rows(toy) == [("ready", "process-ended")]


async def test_an_owner_that_was_followed_meanwhile_takes_no_mark_away(
    toy: ToyService, successor: ToyService, dossier: UUID
) -> None:
    (lease,) = (await toy.leases.hold(["lane:toys"])).values()
    await add(toy, ("toys", dossier))
    await withdraw(toy, dossier)
    await dies(toy)
    await successor.leases.hold(["lane:toys"])
    await trust(toy.pool, [lease], ())
    assert await perhaps_under_way(toy)


async def test_an_owner_that_was_followed_before_it_looked_round_doubts_nothing(
    toy: ToyService, successor: ToyService, dossier: UUID
) -> None:
    (lease,) = (await toy.leases.hold(["lane:toys"])).values()
    await dies(toy)
    party = Party(lambda row: TryAgain("no-connection") if row.dossier_id == dossier else Sent(), seconds=0.5)
    async with going(keeper(successor, party)):
        await add(successor, ("toys", dossier))
        await until(lambda: bool(party.running))
        await withdraw(toy, dossier)
        await inherit(toy.pool, toy.leases, [replace(lease, abandoned_at=real_now())], [10])
        await until(lambda: not party.running)
        await add(successor, ("toys", uuid4()))
        await until(lambda: rows(toy), lambda found: found[-1] == ("done", "sent"))
    assert await rows(toy) == [("done", "withdrawn"), ("done", "sent")]


async def test_many_lanes_are_taken_over_some_at_a_time_and_their_leases_last(
    toy: ToyService, successor: ToyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"agency-{number}" for number in range(2 * LANES_AT_ONCE + 1)]
    await toy.leases.hold([f"lane:{name}" for name in names])
    await add(toy, *((name, uuid4()) for name in names))
    await dies(toy)
    held = await successor.leases.hold([f"lane:{name}" for name in names])
    seen: list[int] = []

    async def renew() -> None:
        seen.append(await toy.pool.fetchval("SELECT count(*) FROM work WHERE outcome = 'process-ended'"))

    monkeypatch.setattr(successor.leases, "renew", renew)
    await inherit(toy.pool, successor.leases, list(held.values()), [10] * len(names))
    assert seen == [LANES_AT_ONCE, 2 * LANES_AT_ONCE, len(names)]


async def test_renewing_prolongs_every_lease_that_is_held(toy: ToyService, monkeypatch: pytest.MonkeyPatch) -> None:
    await toy.leases.hold(["lane:a", "lane:b"])
    monkeypatch.setattr(leases_module, "BEAT_SECONDS", 0.0)
    await toy.pool.execute("UPDATE lease SET until = now() + interval '1 s'")
    await toy.leases.renew()
    assert await toy.pool.fetchval("SELECT min(until) > now() + interval '2 s' FROM lease")


async def test_what_becomes_due_while_the_stop_is_written_may_be_under_way_too(toy: ToyService, dossier: UUID) -> None:
    await toy.leases.hold(["lane:toys"])
    stopped = WorkRows()
    stopped.withdraw("toys", dossier)
    stopped.keep()
    async with toy.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT now()")
        await add(toy, ("toys", dossier))
        await stopped.flush(connection, Writes())
    assert await rows(toy) == [("done", "withdrawn")]
    assert await perhaps_under_way(toy)


async def test_indexes_that_an_operator_has_built_before_the_migration_stand_in_nobodys_way(toy: ToyService) -> None:
    await toy.pool.execute(WITHDRAWN_V1)
