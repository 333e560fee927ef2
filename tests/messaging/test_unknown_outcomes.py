"""A party that makes an effect of every request: an unclear end is listed and found out, never sent again blindly."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

import pytest

from hub_messaging import unknown
from hub_messaging.backlog import Backlog, by_lane
from hub_messaging.jobs import Job
from hub_messaging.lanes import LaneKeeper
from hub_messaging.leases import Lease
from hub_messaging.outcomes import Blocked, Outcome, Refused, Sent, TryAgain, Unknown, without_a_key
from hub_messaging.unknown import NotSent, Questions, Settle, UnknownOutcomes
from hub_messaging.work import WorkRow
from tests.messaging.conftest import Broker, ToyService, going
from tests.messaging.test_lanes import Party, add, all_are
from tests.messaging.test_process import Start, start
from tests.messaging.toy import Mischief, ToyUnitOfWork, settle, settled_state, submitted
from tests.waiting import until

pytestmark = pytest.mark.stack
__all__ = ["start"]

UNCLEAR = ["timeout", "connection-broken", "answer-unreadable", "http-500", "http-502", "http-504", "bug"]
CERTAIN = ["no-connection", "address-unusable", "http-408", "http-425", "http-429", "http-503"]


def keeper(
    toy: ToyService, party: Party, attempt_seconds: float = 10.0, settling: Settle[ToyUnitOfWork] = settle
) -> LaneKeeper[ToyUnitOfWork]:
    return LaneKeeper(
        runner=toy.runner, leases=toy.leases, bells=toy.bells, heart=toy.heart, lanes=lambda: [("toys", 4)],
        deliver=party.deliver, settle=settling, attempt_seconds=attempt_seconds, repeat_safe=lambda _lane: False,
    )  # fmt: skip


def outcomes(toy: ToyService) -> UnknownOutcomes[ToyUnitOfWork]:
    return UnknownOutcomes(toy.runner, settle)


@pytest.fixture
def dossier() -> UUID:
    return uuid4()


@asynccontextmanager
async def asking(toy: ToyService, answer: Sent | NotSent | None) -> AsyncIterator[list[WorkRow]]:
    """Somebody who asks the party, which answers this; gives the questions."""
    asked: list[WorkRow] = []

    async def ask(row: WorkRow) -> Sent | NotSent | None:
        asked.append(row)
        return answer

    async with going(Questions(outcomes(toy), toy.leases, toy.heart, ask)):
        yield asked


async def lose(toy: ToyService, party: Party, dossier: UUID, *more: UUID) -> UUID:
    """A row whose attempt ended unclearly, and rows of other dossiers."""
    answer, party.answer = party.answer, lambda _row: TryAgain("timeout")
    async with going(keeper(toy, party)):
        first, *_ = await add(toy, *(("toys", one) for one in (dossier, *more)))
        await until(all_are(toy, "unknown", 1 + len(more)))
    party.answer = answer
    return first


def test_only_what_is_certain_is_sent_again() -> None:
    assert [without_a_key(TryAgain(reason)) for reason in UNCLEAR] == [Unknown(reason) for reason in UNCLEAR]
    certain: list[Outcome] = [
        *map(TryAgain, CERTAIN),
        Sent("1"),
        Refused("http-422"),
        Blocked("http-401"),
        TryAgain("http-503", 7.0),
    ]
    assert [without_a_key(outcome) for outcome in certain] == certain


async def test_an_unclear_end_is_never_sent_again_and_its_followers_wait(toy: ToyService, dossier: UUID) -> None:
    party = Party(lambda _row: TryAgain("connection-broken"))
    async with going(keeper(toy, party)):
        await add(toy, ("toys", dossier), ("toys", dossier))
        await until(all_are(toy, "unknown", 1))
        await asyncio.sleep(1.5)
        assert len(party.calls) == 1
        assert await all_are(toy, "behind", 1)()
    assert await by_lane(toy.pool) == {"toys": Backlog(due=1, unknown=1)}
    assert await toy.pool.fetchval("SELECT started_at IS NOT NULL FROM work WHERE state = 'unknown'")


async def test_a_party_that_hangs_leaves_an_unknown_row(toy: ToyService, dossier: UUID) -> None:
    async with going(keeper(toy, Party(seconds=60), attempt_seconds=0.2)):
        await add(toy, ("toys", dossier))
        await until(all_are(toy, "unknown", 1))


async def test_what_was_certainly_not_taken_is_sent_again(toy: ToyService, dossier: UUID) -> None:
    answers: Iterator[Outcome] = iter([TryAgain("no-connection"), TryAgain("http-503"), Sent()])
    party = Party(lambda _row: next(answers))
    async with going(keeper(toy, party)):
        await add(toy, ("toys", dossier))
        await until(all_are(toy, "done", 1))
    assert len(party.calls) == 3
    assert await toy.pool.fetchval("SELECT started_at FROM work") is None


@pytest.mark.parametrize(("found", "calls"), [(Sent("9"), 1), (NotSent(), 2)])
async def test_a_person_settles_it_once_and_the_rest_goes_on(
    toy: ToyService, dossier: UUID, found: Sent | NotSent, calls: int
) -> None:
    party = Party()
    row = await lose(toy, party, dossier)
    await add(toy, ("toys", dossier))
    assert await outcomes(toy).decide(row, found, "cb-01", "asked by telephone")
    assert not await outcomes(toy).decide(row, found, "cb-02", "asked by telephone")
    async with going(keeper(toy, party)):
        await until(all_are(toy, "done", 2))
    assert Counter(call.id for call in party.calls)[row] == calls
    settled = await toy.pool.fetchrow("SELECT settled_by, settled_why FROM work WHERE id = $1", row)
    assert tuple(settled or ()) == ("cb-01", "asked by telephone")
    assert (await settled_state(toy.pool))[dossier].sent is not None


@pytest.mark.parametrize("state", ["refused", "set_aside", "unknown"])
@pytest.mark.parametrize(
    ("found", "ends", "outcome", "told"),
    [
        (Sent("9"), "done", "sent", "sent after 1"),
        (NotSent("dealt-with"), "done", "dealt-with", "dealt-with after 1"),
        (NotSent(), "ready", "not-sent", None),
    ],
)
async def test_whatever_waits_for_a_person_can_be_decided_by_one(
    toy: ToyService, dossier: UUID, state: str, found: Sent | NotSent, ends: str, outcome: str, told: str | None
) -> None:
    row, _follower = await add(toy, ("toys", dossier), ("toys", dossier))
    await toy.pool.execute("UPDATE work SET state = $2, attempts = 1, own_failures = 8 WHERE id = $1", row, state)
    assert await outcomes(toy).decide(row, found, "cb-01", "asked by telephone")
    decided = await toy.pool.fetchrow(
        "SELECT state, outcome, own_failures, settled_by, settled_why FROM work WHERE id = $1", row
    )
    ends = "behind" if (state, ends) == ("refused", "ready") else ends  # its dossier went on without it
    assert tuple(decided or ()) == (ends, outcome, 0, "cb-01", "asked by telephone")
    toys = await settled_state(toy.pool)
    assert (toys[dossier].sent if dossier in toys else None) == told
    if ends == "done":
        assert await all_are(toy, "ready", 1)(), "the next of the dossier goes"
        assert not await outcomes(toy).decide(row, found, "cb-02", "asked by telephone")


async def test_what_was_tried_again_since_it_was_looked_at_is_not_decided(toy: ToyService, dossier: UUID) -> None:
    await lose(toy, Party(), dossier)
    ((seen, _age),) = await outcomes(toy).due()
    await toy.pool.execute("UPDATE work SET state = 'refused', attempts = attempts + 1")
    assert not await outcomes(toy).settle(seen, NotSent(), "unknown_outcomes", "found out")


async def test_two_who_settle_at_once_settle_it_once(toy: ToyService, dossier: UUID) -> None:
    row = await lose(toy, Party(), dossier)
    ends = [outcomes(toy).decide(row, found, "cb-01", "asked") for found in (Sent(), NotSent()) * 4]
    assert sorted(await asyncio.gather(*ends)) == [False] * 7 + [True]


async def test_a_party_that_can_be_asked_is_asked(toy: ToyService, dossier: UUID) -> None:
    await lose(toy, Party(), dossier)
    async with asking(toy, Sent("9")):
        await until(all_are(toy, "done", 1))
    assert (await settled_state(toy.pool))[dossier].sent == "sent after 1"


async def test_a_no_is_believed_only_when_nothing_can_be_on_its_way_any_more(toy: ToyService, dossier: UUID) -> None:
    await lose(toy, Party(), dossier)
    async with asking(toy, NotSent()) as asked:
        await until(lambda: len(asked) == 1)
        await asyncio.sleep(0.5)
        assert await all_are(toy, "unknown", 1)()
        late = unknown.BELIEVED_AFTER_SECONDS + 1
        await toy.pool.execute("UPDATE work SET next_at = now(), started_at = now() - make_interval(secs => $1)", late)
        await until(all_are(toy, "ready", 1))


async def test_who_does_not_know_is_asked_less_and_less_often(toy: ToyService, dossier: UUID) -> None:
    await lose(toy, Party(), dossier)
    await toy.pool.execute("UPDATE work SET started_at = now() - interval '3 h'")
    async with asking(toy, None) as asked:
        await until(lambda: len(asked) == 1)

        async def in_an_hour() -> bool:
            return bool(await toy.pool.fetchval("SELECT next_at > now() + interval '59 minutes' FROM work"))

        await until(in_an_hour)


async def test_a_silent_party_holds_up_the_questions_about_nobody_else(toy: ToyService) -> None:
    silent = [uuid4() for _ in range(60)]
    awaited: list[UUID] = []

    async def ask(row: WorkRow) -> Sent | NotSent | None:
        if row.lane == "silent":
            awaited.append(row.id)
            await asyncio.Event().wait()
        return Sent("9")

    async def lose_now(*rows: tuple[str, UUID]) -> None:
        ids = await add(toy, *rows)
        await toy.pool.execute("UPDATE work SET state = 'unknown', attempts = 1 WHERE id = ANY($1)", ids)

    await lose_now(*(("silent", one) for one in silent))
    await lose_now(("toys", uuid4()))
    async with going(Questions(outcomes(toy), toy.leases, toy.heart, ask)):
        await until(all_are(toy, "done", 1), within=10)
        await lose_now(("toys", uuid4()), ("others", uuid4()))
        await until(all_are(toy, "done", 3), within=10)
    assert len(awaited) == 1, "one question at a time"


async def test_of_each_party_the_oldest_few_are_asked_about_in_turn(toy: ToyService) -> None:
    most = unknown.AT_ONCE_OF_A_LANE
    rows = await add(toy, *((lane, uuid4()) for _ in range(most + 5) for lane in ("toys", "others")))
    await toy.pool.execute("UPDATE work SET state = 'unknown', attempts = 1")
    first = [row.id for row, _age in await outcomes(toy).due()]
    assert set(first) == set(rows[: 2 * most])
    await outcomes(toy).ask_later(first)
    assert {row.id for row, _age in await outcomes(toy).due(besides={"others"})} == set(rows[2 * most :: 2])


async def test_whoever_takes_a_lane_over_sends_nothing_that_was_begun(
    another: Callable[..., Awaitable[ToyService]], toy: ToyService, dossier: UUID
) -> None:
    frozen, other = Party(seconds=60), Party()
    first = asyncio.create_task(keeper(toy, frozen).run())
    await add(toy, ("toys", dossier))
    await until(lambda: len(frozen.calls) == 1)
    await toy.pool.execute("UPDATE lease SET until = now() - interval '1 s', epoch = epoch + 1, holder = $1", dossier)
    async with going(keeper(await another(slot=1), other)):
        await until(all_are(toy, "unknown", 1))
        await asyncio.sleep(1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert other.calls == []


async def test_a_stale_owner_does_not_begin(toy: ToyService, dossier: UUID) -> None:
    (row,) = await add(toy, ("toys", dossier))
    lease = (await toy.leases.hold(["lane:toys"]))["lane:toys"]
    await toy.pool.execute("UPDATE lease SET epoch = epoch + 1")
    assert not await unknown.mark_started(toy.pool, row, lease)
    lease = Lease(lease.name, lease.epoch + 1)
    assert await unknown.mark_started(toy.pool, row, lease)
    assert not await unknown.mark_started(toy.pool, row, lease)


async def test_what_the_service_cannot_record_is_not_sent_again(toy: ToyService, dossier: UUID) -> None:
    party = Party()

    def broken(_row: WorkRow, _outcome: Sent | Refused, _attempts: int) -> Job[ToyUnitOfWork, None]:
        raise ZeroDivisionError

    async with going(keeper(toy, party, settling=broken)):
        await add(toy, ("toys", dossier))
        await until(all_are(toy, "unknown", 1))
    assert len(party.calls) == 1


@pytest.mark.parametrize(("repeat_safe", "ends", "effects"), [("false", "unknown", 1), ("true", "done", 2)])
async def test_killed_between_the_call_and_the_record(
    start: Start, toy: ToyService, broker: Broker, repeat_safe: str, ends: str, effects: int
) -> None:
    """One effect and one unknown row where the key is not honoured; elsewhere the same key is sent once more."""
    process = await start(DELIVER_SECONDS="0.5", REPEAT_SAFE=repeat_safe, EFFECTS="true")
    await broker.say(submitted(Mischief.WORK))
    await until(partial(process.said, "effect_made"), within=60)
    process.child.send_signal(signal.SIGKILL)
    await process.child.wait()
    successor = await start(REPEAT_SAFE=repeat_safe, EFFECTS="true")
    await until(all_are(toy, ends, 1), within=60)
    await asyncio.sleep(1)
    made = [line for one in (process, successor) for line in one.logged() if line["event"] == "effect_made"]
    assert len(made) == effects
