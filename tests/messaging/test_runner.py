"""A batch is one transaction: what fails is dropped alone, what is repeated is not run, what races is run again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub_events.ids import derive_id
from hub_events.routing import DossierRoutingFailedV1
from hub_messaging.clock import real_now
from hub_messaging.database import UNAVAILABLE, Connection
from hub_messaging.errors import CannotProcess, EventTooLarge, LostLease
from hub_messaging.jobs import Done, Failed, Job, Repeat, once
from hub_messaging.leases import Leases
from hub_messaging.requests import Answer, KeyReused
from hub_messaging.runner import GroupRunner
from hub_messaging.work import NewWork
from tests.messaging.conftest import ToyService
from tests.messaging.toy import Toy, ToyUnitOfWork, hear, settled_state

pytestmark = pytest.mark.stack
Another = Callable[..., Awaitable[ToyService]]
SAID = DossierRoutingFailedV1(reason="heard", leg="lead", competence="toy")


def noting(dossier_id: UUID, *, fails: Exception | None = None, inbox: UUID | None = None) -> Job[ToyUnitOfWork, int]:
    """Changes all that a job can change; then perhaps raises."""
    cause = uuid4()

    def run(uow: ToyUnitOfWork) -> int:
        toy = hear(uow, dossier_id, cause)
        uow.publish(SAID, dossier_id=dossier_id, id=derive_id(cause, "said"))
        uow.work.add(NewWork(derive_id(cause, "work"), "toys", dossier_id, "toy", real_now(), b"x"))
        uow.timers.set(dossier_id, "toy", uow.now)
        if fails is not None:
            raise fails
        return len(toy.facts)

    return Job(run=run, keys={"toys": (dossier_id,)}, inbox=inbox)


async def counts(toy: ToyService) -> tuple[int, ...]:
    """Rows of toy, outbox, outbox_pending, work, work_body, timer."""
    tables = ("toy", "outbox", "outbox_pending", "work", "work_body", "timer")
    return tuple([await toy.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables])


async def test_changes_of_a_failed_job_are_dropped_while_the_batch_commits(toy: ToyService) -> None:
    good, bad, also_good = uuid4(), uuid4(), uuid4()
    wrong = CannotProcess("wrong")
    results = await toy.runner.run([noting(good), noting(bad, fails=wrong), noting(also_good)])
    assert results == [Done(1), Failed(wrong), Done(1)]
    assert set(await settled_state(toy.pool)) == {good, also_good}
    assert await counts(toy) == (2, 2, 2, 2, 2, 2)


async def test_a_failed_job_does_not_see_or_spoil_what_others_did_to_the_same_aggregate(toy: ToyService) -> None:
    dossier = uuid4()
    results = await toy.runner.run([noting(dossier), noting(dossier, fails=ValueError()), noting(dossier)])
    assert [result.value for result in results if isinstance(result, Done)] == [1, 2]
    assert len((await settled_state(toy.pool))[dossier].facts) == 2


async def test_a_trouble_that_a_handler_raises_is_its_own_and_not_the_databases(toy: ToyService) -> None:
    results = await toy.runner.run([noting(uuid4(), fails=TimeoutError()), noting(uuid4(), fails=OSError())])
    assert all(isinstance(result, Failed) for result in results)


async def test_repeats_are_not_run_within_a_batch_or_later(toy: ToyService) -> None:
    dossier, event = uuid4(), uuid4()
    job = noting(dossier, inbox=event)
    assert await toy.runner.run([job, job]) == [Done(1), Repeat()]
    assert await toy.runner.run([job, noting(dossier, inbox=event)]) == [Repeat(), Repeat()]
    assert await counts(toy) == (1, 1, 1, 1, 1, 1)


async def test_an_id_that_was_published_is_not_published_again(toy: ToyService) -> None:
    cause, dossier = uuid4(), uuid4()

    def say(uow: ToyUnitOfWork) -> None:
        uow.publish(SAID, dossier_id=dossier, id=derive_id(cause, "said"))

    await toy.runner.run([Job(run=say), Job(run=say)])
    await toy.runner.run([Job(run=say)])
    assert (await counts(toy))[1:3] == (1, 1)


async def test_an_event_above_512_kb_is_refused_before_the_commit(toy: ToyService) -> None:
    long = SAID.model_copy(update={"competence": "x" * 600_000})

    def say(uow: ToyUnitOfWork) -> None:
        uow.publish(long, dossier_id=uuid4(), id=uuid4())

    (result,) = await toy.runner.run([Job(run=say)])
    assert isinstance(result, Failed)
    assert isinstance(result.error, EventTooLarge)


async def test_two_processes_that_create_the_same_aggregates_at_once_lose_nothing(another: Another) -> None:
    first, second = await another(0), await another(1)
    dossiers = [uuid4() for _ in range(20)]

    async def hear_all(toy: ToyService) -> None:
        for _ in range(10):
            some = random.sample(dossiers, 8)
            results = await toy.runner.run([noting(dossier) for dossier in some])
            assert all(isinstance(result, Done) for result in results)

    await asyncio.gather(hear_all(first), hear_all(second), hear_all(first))
    heard = [fact for toy in (await settled_state(first.pool)).values() for fact in toy.facts]
    assert len(heard) == len(set(heard)) == 240


async def test_a_data_error_fails_only_the_guilty(toy: ToyService) -> None:
    guilty = [uuid4(), uuid4()]

    def spoil(dossier: UUID) -> Job[ToyUnitOfWork, int]:
        def run(uow: ToyUnitOfWork) -> int:
            uow.toys.put(dossier, Toy(dossier, note="a\x00b"))
            return 0

        return Job(run=run, keys={"toys": (dossier,)})

    saved = []

    async def also(_connection: Connection) -> None:
        saved.append(1)

    jobs = [noting(uuid4()), spoil(guilty[0]), noting(uuid4()), spoil(guilty[1]), noting(uuid4())]
    results = await toy.runner.run(jobs, also=also)
    assert [type(result) for result in results] == [Done, Failed, Done, Failed, Done]
    assert len(await settled_state(toy.pool)) == 3
    assert saved == [1]


async def test_a_value_of_the_wrong_kind_is_the_jobs_fault_and_does_not_look_like_a_lost_database(
    toy: ToyService,
) -> None:
    def wrong(uow: ToyUnitOfWork) -> int:
        uow.toys.put(dossier, replace(Toy(dossier), rang="twice"))  # type: ignore[arg-type]
        return 0

    dossier = uuid4()
    results = await toy.runner.run([noting(uuid4()), Job(run=wrong, keys={"toys": (dossier,)})])
    assert [type(result) for result in results] == [Done, Failed]


async def test_a_unique_violation_that_stays_fails_only_its_job(toy: ToyService) -> None:
    def note(dossier: UUID) -> Job[ToyUnitOfWork, int]:
        def run(uow: ToyUnitOfWork) -> int:
            uow.toys.put(dossier, Toy(dossier, note="the only one"))
            return 0

        return Job(run=run, keys={"toys": (dossier,)})

    results = await toy.runner.run([note(uuid4()), note(uuid4()), noting(uuid4())])
    assert [type(result) for result in results] == [Done, Failed, Done]


async def test_a_rescue_is_recorded_in_the_same_transaction(toy: ToyService) -> None:
    dossier = uuid4()

    def rescue(uow: ToyUnitOfWork, error: Exception) -> None:
        uow.toys.put(dossier, Toy(dossier, note=type(error).__name__))

    await toy.runner.run([noting(dossier, fails=KeyError("x"))._replace(rescue=rescue)])
    assert (await settled_state(toy.pool))[dossier].note == "KeyError"


async def test_a_batch_under_a_lost_lease_commits_nothing(another: Another) -> None:
    first, second = await another(0), await another(1)
    leases = await first.leases.hold(["role", "other"])
    await first.pool.execute("UPDATE lease SET until = now() - interval '1 s' WHERE name = 'role'")
    assert await second.leases.hold(["role"])
    with pytest.raises(LostLease) as lost:
        await first.runner.run([noting(uuid4())], fence=leases)
    assert lost.value.names == {"role"}
    assert await counts(first) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("run_out", [True, False])
async def test_a_transaction_that_a_lease_fences_holds_off_its_take_over_and_nothing_else(
    another: Another, run_out: bool
) -> None:
    """Its process may be frozen in the middle: others go on with what is theirs."""
    first, second = await another(0), await another(1)
    leases = await first.leases.hold(["role"])
    if run_out:
        await first.pool.execute("UPDATE lease SET until = now() - interval '1 s'")

    async def meanwhile(_connection: Connection) -> None:
        async with asyncio.timeout(1):
            assert (await second.leases.hold(["another", "role"])).keys() == {"another"}

    await first.runner.run([noting(uuid4())], fence=leases, also=meanwhile)
    assert (await second.leases.hold(["another", "role"])).keys() == ({"another", "role"} if run_out else {"another"})


async def test_a_restarted_slot_waits_for_what_its_former_process_still_writes(another: Another) -> None:
    first, reborn = await another(0), await another(0)
    leases = await first.leases.hold(["role"])
    taken: list[asyncio.Task[object]] = []

    async def meanwhile(_connection: Connection) -> None:
        taken.append(asyncio.create_task(reborn.leases.hold(["role"])))
        await asyncio.sleep(0.2)
        assert not taken[0].done()

    await first.runner.run([noting(uuid4())], fence=leases, also=meanwhile)
    assert await taken[0]


# Requests


def request(key: str, body: bytes, dossier: UUID, refuse: bool = False) -> Job[ToyUnitOfWork, Answer]:
    def command(uow: ToyUnitOfWork) -> tuple[int, bytes]:
        if refuse:
            raise CannotProcess("not-so")
        toy = hear(uow, dossier, uuid4())
        return 201, str(len(toy.facts)).encode()

    return once(key, sha256(body).digest(), command, {"toys": (dossier,)})


async def test_the_same_request_gets_the_same_answer_and_has_one_effect(another: Another) -> None:
    first, second = await another(0), await another(1)
    dossier = uuid4()
    runners = [GroupRunner(first.runner), GroupRunner(second.runner)]
    answers = await asyncio.gather(*(runners[n % 2].run(request("key", b"body", dossier)) for n in range(20)))
    assert {(answer.status, answer.body) for answer in answers} == {(201, b"1")}
    assert len((await settled_state(first.pool))[dossier].facts) == 1


async def test_a_key_that_was_used_for_another_body_is_refused(toy: ToyService) -> None:
    group = GroupRunner(toy.runner)
    await group.run(request("key", b"body", uuid4()))
    with pytest.raises(KeyReused):
        await group.run(request("key", b"another body", uuid4()))


async def test_a_refused_request_leaves_nothing_and_may_be_mended_under_its_key(toy: ToyService) -> None:
    group, dossier = GroupRunner(toy.runner), uuid4()
    with pytest.raises(CannotProcess):
        await group.run(request("key", b"wrong", dossier, refuse=True))
    assert await toy.pool.fetchval("SELECT count(*) FROM request") == 0
    assert (await group.run(request("key", b"mended", dossier))).status == 201


async def test_requests_that_arrive_together_share_commits(toy: ToyService) -> None:
    group = GroupRunner(toy.runner)
    before = await toy.pool.fetchval("SELECT pg_current_xact_id()::text::bigint")
    await asyncio.gather(*(group.run(request(f"key {n}", b"", uuid4())) for n in range(200)))
    after = await toy.pool.fetchval("SELECT pg_current_xact_id()::text::bigint")
    assert after - before < 12


async def test_one_failing_request_does_not_fail_those_that_share_its_commit(toy: ToyService) -> None:
    group = GroupRunner(toy.runner)
    answers = await asyncio.gather(
        *(group.run(request(f"key {n}", b"", uuid4(), refuse=n % 3 == 0)) for n in range(30)), return_exceptions=True
    )
    assert [isinstance(answer, CannotProcess) for answer in answers] == [n % 3 == 0 for n in range(30)]


async def test_a_client_that_goes_away_does_not_disturb_the_others_of_its_group(toy: ToyService) -> None:
    group = GroupRunner(toy.runner)
    tasks = [asyncio.create_task(group.run(request(f"key {n}", b"", uuid4()))) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [n == 3 for n in range(10)]


async def test_without_a_database_requests_fail_with_its_trouble(toy: ToyService) -> None:
    group = GroupRunner(toy.runner)
    toy.pool.terminate()
    with pytest.raises(UNAVAILABLE):
        await group.run(request("key", b"", uuid4()))


# Side by side


async def test_inputs_of_every_kind_over_the_same_dossiers_never_deadlock(another: Another) -> None:
    """HTTP groups, events, outcomes and timers of two processes, 6 s of them, on 15 dossiers in any order."""
    processes = [await another(slot) for slot in range(2)]
    dossiers = [uuid4() for _ in range(15)]
    troubles: list[Exception] = []
    until = asyncio.get_running_loop().time() + 6

    async def repeatedly(toy: ToyService, act: Callable[[ToyService], Awaitable[object]]) -> None:
        while asyncio.get_running_loop().time() < until:
            try:
                await act(toy)
            except UNAVAILABLE as trouble:
                troubles.append(trouble)

    async def events(toy: ToyService) -> object:
        some = random.choices(dossiers, k=20)
        shared = [uuid4() for _ in range(4)]
        return await toy.runner.run([noting(d, inbox=random.choice([uuid4(), *shared])) for d in some])

    groups = {id(toy): GroupRunner(toy.runner) for toy in processes}

    async def requests(toy: ToyService) -> object:
        keys = random.choices([f"key {n}" for n in range(30)], k=10)
        jobs = [groups[id(toy)].run(request(key, b"", random.choice(dossiers))) for key in keys]
        return await asyncio.gather(*jobs)

    async def outcomes(toy: ToyService) -> object:
        rows = await toy.pool.fetch("SELECT id, dossier_id FROM work WHERE state = 'ready' ORDER BY random() LIMIT 30")
        return await toy.runner.run([settling(row["id"], row["dossier_id"]) for row in rows])

    async def timers(toy: ToyService) -> object:
        def move(dossier: UUID) -> Job[ToyUnitOfWork, None]:
            def run(uow: ToyUnitOfWork) -> None:
                hear(uow, dossier, uuid4())
                uow.timers.cancel(dossier, "toy") if random.random() < 0.5 else uow.timers.set(
                    dossier, "other", uow.now
                )

            return Job(run=run, keys={"toys": (dossier,)})

        return await toy.runner.run([move(dossier) for dossier in random.sample(dossiers, 8)])

    acts = (events, requests, outcomes, timers)
    await asyncio.gather(*(repeatedly(toy, act) for toy in processes for act in acts))
    assert troubles == []
    for toy in (await settled_state(processes[0].pool)).values():
        assert len(toy.facts) == len(set(toy.facts))
    # In each lane one row of a dossier is ready at a time, and what stands behind has something before it.
    assert not await processes[0].pool.fetch(
        "SELECT lane, dossier_id FROM work WHERE state = 'ready' GROUP BY lane, dossier_id HAVING count(*) > 1"
    )
    assert not await processes[0].pool.fetchval(
        "SELECT count(*) FROM work AS w WHERE state = 'behind' AND NOT EXISTS (SELECT FROM work AS e WHERE"
        " e.lane = w.lane AND e.dossier_id = w.dossier_id AND e.seq < w.seq AND e.state IN ('ready', 'behind'))"
    )


def settling(work_id: UUID, dossier_id: UUID) -> Job[ToyUnitOfWork, None]:
    from hub_messaging.work import DONE, Settled, WorkRow

    row = WorkRow(work_id, "toys", dossier_id, "toy", real_now(), real_now(), 0, 0, b"")

    def run(uow: ToyUnitOfWork) -> None:
        uow.work.settle(Settled(row, DONE, "sent", 1, 0))

    return Job(run=run, keys={"toys": (dossier_id,)})


async def test_a_row_added_while_the_one_before_it_ends_is_never_left_behind(another: Another) -> None:
    """The new row is inserted, not yet committed, while the outcome of the former is written; and the other way."""
    first, second = await another(0), await another(1)
    dossier = uuid4()
    await first.runner.run([noting(dossier)])
    for _ in range(40):
        await first.pool.execute("TRUNCATE work")
        former, later = uuid4(), uuid4()

        def add(work_id: UUID) -> Job[ToyUnitOfWork, None]:
            new = NewWork(work_id, "toys", dossier, "toy", real_now(), b"")
            return Job(run=lambda uow: uow.work.add(new), keys={"toys": (dossier,)})

        await first.runner.run([add(former)])

        async def slowly(_connection: Connection) -> None:
            await asyncio.sleep(random.random() * 0.01)

        await asyncio.gather(
            first.runner.run([add(later)], also=slowly),
            second.runner.run([settling(former, dossier)], also=slowly),
        )
        assert await first.pool.fetchval("SELECT state FROM work WHERE id = $1", later) == "ready"


async def test_a_lease_has_one_holder_a_restarted_slot_takes_back_its_own_and_each_change_raises_the_epoch(
    toy: ToyService,
) -> None:
    first, second = Leases(toy.pool, "one"), Leases(toy.pool, "two")
    (lease,) = (await first.hold(["role"])).values()
    assert await second.hold(["role"]) == {}
    assert (await first.hold(["role"]))["role"] == lease
    reborn = Leases(toy.pool, "one")
    assert (await reborn.hold(["role"]))["role"].epoch == lease.epoch + 1
    await reborn.give_back(["role"])
    assert (await second.hold(["role"]))["role"].epoch == lease.epoch + 2
    assert await reborn.hold(["role"]) == {}


async def test_the_database_tells_what_the_pool_is_asked_for(toy: ToyService) -> None:
    assert await toy.pool.fetchval("SHOW statement_timeout") == "15s"
    with pytest.raises(asyncpg.UndefinedTableError):
        await toy.pool.execute("SELECT * FROM nowhere")
