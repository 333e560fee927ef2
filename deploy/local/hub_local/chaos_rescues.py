"""Quấy phá mà người vận hành phải giúp: an alarm must ring, then an operator's commands must make the hub whole.

Each has the whole stack for itself. The commands are those of docs/operations.md, typed as they stand there.
"""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from hub_events.topics import TOPICS, topic_of
from hub_local.chaos_alarms import Silent
from hub_local.chaos_ground import READY_SECONDS, Ground, NotDone, Wrong
from hub_local.chaos_plan import AGENCIES, BAD_PARTIES, GATEWAY, Disturbance
from hub_local.layout import StackNotUsable
from hub_local.proof import Witness
from hub_local.topic_log import log_of
from hub_messaging.clock import Clock
from hub_messaging.topics import administering, apply_topics

MISSED: Mapping[str, str] = {"intake": "route", "routing": "route", "notify": "notice", "sla": "clock"}
"""Service → what a dossier lacks that is not told on by it."""
RINGS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "kafka": ("HubOutboxNotDrained", {"service": "intake"}),
    "postgres": ("HubProcessNotReady", {"service": "intake"}),
    **{name: ("HubDossiersStuck", {"missing": missing}) for name, missing in MISSED.items() if name != "intake"},
    AGENCIES: ("HubLaneOpen", {"service": "routing"}),
    GATEWAY: ("HubLaneOpen", {"service": "notify"}),
}
"""Who is down → the alert that must ring for it, and the labels by which it is known."""
RINGS_WITHIN_SECONDS = 120.0
"""An event must be a minute old before anybody is called for it."""
SILENT_WITHIN_SECONDS = 90.0
COMMAND_SECONDS = 240.0
FAR_BEHIND = 1000
FOLLOWED_SECONDS = 5.0
"""Desks go on so long between a backup and the loss."""
STILL_TO_COME = timedelta(minutes=30)
"""A result stated so far ahead of the hub's clock isn't taken while anything here goes on."""
GONE_SECONDS = 2.0
WITH_GAPS = 2
"""How `hub restore` ends when its report names something."""

_POSITIONS = """
SELECT topic, partition, next_offset FROM position WHERE next_offset > 0 AND topic <> ALL ($1)
ORDER BY topic, partition
"""
_MISPLACE = "UPDATE position SET next_offset = $3 WHERE topic = $1 AND partition = $2"
_REGISTER = "SELECT id::text FROM dossier"
_UNSENT = "SELECT key FROM outbox JOIN outbox_pending USING (seq)"
_ROUTED = "SELECT count(*) FROM transfer WHERE dossier_id = ANY($1::uuid[])"


async def down_until_it_rings(ground: Ground, what: Disturbance) -> str:
    """A server, a service or a party is away until the alert for it has a reason to ring; then that must go."""
    alert, where = RINGS[what.target]
    if not await _is_silent(ground, alert, where):
        raise NotDone(f"{alert} rings already")
    async with _away(ground, what.target):
        rang = await ground.alarms.rung(alert, RINGS_WITHIN_SECONDS, **where)
    await ground.alarms.silent(alert, SILENT_WITHIN_SECONDS, **where)
    return f"{rang}, and is silent again"


@asynccontextmanager
async def _away(ground: Ground, target: str) -> AsyncIterator[None]:
    if target in (AGENCIES, GATEWAY):
        await ground.door.put_behaviour(target, dict(BAD_PARTIES["answers 503"]))
        yield
        await ground.door.put_behaviour(target, {})
    else:
        await ground.stack.stop_one(target)
        yield
        await ground.stack.start_one(target)


async def lose_position(ground: Ground, what: Disturbance) -> str:
    """A service's position is outside one partition: that must stop with an alarm, until its topic is told anew."""
    service = what.target
    if (misplaced := await _misplaced(ground, what)) is None:
        raise NotDone(f"{service} has read nothing yet")
    place, words = misplaced
    ground.stack.kill(service)
    rang = await ground.alarms.rung(
        "HubConsumerStopped", RINGS_WITHIN_SECONDS, service=service, topic=place.topic, partition=str(place.partition)
    )
    producer = next(topic.producer for topic in TOPICS if topic.name == place.topic)
    return f"{words}; {rang}; {await _told_anew(ground, producer)}"


async def _misplaced(ground: Ground, what: Disturbance) -> tuple[TopicPartition, str] | None:
    """Moves one position out of its log; which, and how. None: there is none yet."""
    chance = random.Random(f"{ground.seed} {what.number}")  # noqa: S311 - a choice, no secret
    async with _witness(ground).database(what.target) as connection:
        compacted = [topic.name for topic in TOPICS if topic.compacted]  # their records can't be deleted
        rows = await connection.fetch(_POSITIONS, compacted)
        if not rows:
            return None
        topic, partition, position = chance.choice(rows)
        place = TopicPartition(topic, partition)
        if what.manner == "before the begin":
            async with administering(ground.layout.kafka_servers) as admin:
                await admin.delete_records({place: RecordsToDelete(position)})
            outside = position - 1
        else:
            outside = (await log_of(ground.layout.kafka_servers, topic))[place][1] + FAR_BEHIND
        await connection.execute(_MISPLACE, topic, partition, outside)
    return place, f"{what.target} stands at {outside} of {topic}/{partition}"


async def delete_topic(ground: Ground, what: Disturbance) -> str:
    """A topic is deleted and made anew, empty: dossiers that get no further must be missed, until it is told anew.

    Its readers may have nothing to stop at: their group leaves the topic out while it is away.
    """
    topic, where = topic_of(what.target), {"missing": MISSED[what.target]}
    if not await _is_silent(ground, "HubDossiersStuck", where):
        raise NotDone("HubDossiersStuck rings already")
    async with administering(ground.layout.kafka_servers) as admin:
        await admin.delete_topics([topic.name])
    await asyncio.sleep(GONE_SECONDS)
    await apply_topics(ground.layout.kafka_servers)
    rang = await ground.alarms.rung("HubDossiersStuck", RINGS_WITHIN_SECONDS, **where)
    told = await _told_anew(ground, topic.producer)
    await ground.alarms.silent("HubDossiersStuck", SILENT_WITHIN_SECONDS, **where)
    return f"{rang}; {told}"


async def _is_silent(ground: Ground, alert: str, where: Mapping[str, str]) -> bool:
    """Whether the alert has no reason to ring left from what was done before; otherwise nothing would be shown."""
    try:
        await ground.alarms.silent(alert, SILENT_WITHIN_SECONDS, **where)
    except Silent:
        return False
    return True


async def _told_anew(ground: Ground, producer: str) -> str:
    async with _hub_down(ground):
        await _operator(ground, "republish", "--service", producer, "--again")
    await ground.alarms.silent("HubConsumerStopped", SILENT_WITHIN_SECONDS)
    return f"{producer}'s topic told anew, all silent"


async def restore(ground: Ground, what: Disturbance) -> str:
    """All databases are set back to a backup, while Kafka knows more or is lost too.

    What was accepted after the backup is entered anew by the desks; where Kafka knows it, the report must name it.
    """
    async with ground.load.only_plain(READY_SECONDS) as at_rest:
        if not at_rest:
            raise NotDone("the desks were still at work")
        return await _restored(ground, what)


async def _restored(ground: Ground, what: Disturbance) -> str:
    backups = ground.layout.folder / "backups" / str(what.number)
    backups.mkdir(parents=True)
    await _answers_kept_back(ground)
    await _operator(ground, "backup", str(backups))
    await asyncio.sleep(FOLLOWED_SECONDS)
    await ground.stack.stop_one("intake")
    register, unsent = await _asked(ground, _REGISTER), await _asked(ground, _UNSENT)
    is_ahead = what.manner == "Kafka is ahead"
    async with _hub_down(ground):
        keep = ["--keep-kafka"] if is_ahead else []
        await _operator(ground, "restore", str(backups), "--force", *keep, may_end_with=WITH_GAPS)
    kept = await _asked(ground, _REGISTER)
    lost = register - kept
    report = _newest_report(ground)
    if is_ahead and (untold := lost - unsent - {one["dossier_id"] for one in report["unknown_dossiers"]}):
        raise Wrong(f"{len(untold)} lost dossiers are not in the report of hub restore, {min(untold)} for one")
    entered = ground.load.enter_anew(lost)
    ground.load.may_be_told_twice({one["subject"] for found in report["unknown_events"].values() for one in found})
    await _answers_given(ground, kept)
    return f"{len(lost)} dossiers lost, {len(lost & unsent)} known to no one else, {entered} entered anew"


async def _answers_kept_back(ground: Ground) -> None:
    """From now on agencies wait with their results; returns when all earlier ones have been taken.

    But for those of an hour that is still to come, since the clock was set back: they are taken when it has come.
    """
    await ground.door.put_behaviour(AGENCIES, {"callback": "on_command"})
    async with asyncio.timeout(READY_SECONDS):
        while True:
            await asyncio.sleep(1.0)
            soon = (Clock(ground.layout.clock_file).now() + STILL_TO_COME).isoformat()
            if all(one["due_at"] is None or (one["at"] or "") > soon for one in await _untaken(ground)):
                return


async def _answers_given(ground: Ground, register: set[str]) -> None:
    """Once routing knows what the register has, agencies give the results that they have kept back.

    They may also have what no register will ever have again: what this restore or an earlier one has lost.
    """
    kept_back = await _untaken(ground)
    known = sorted({one["dossier_id"] for one in kept_back} & register)
    try:
        async with asyncio.timeout(READY_SECONDS):
            async with _witness(ground).database("routing") as connection:
                while await connection.fetchval(_ROUTED, known) < len(known):
                    await asyncio.sleep(0.5)
    except TimeoutError:
        raise Wrong(f"routing does not know all of {len(known)} dossiers that agencies have") from None
    for agency in {one["party"] for one in kept_back}:
        await ground.door.release(agency)


async def _untaken(ground: Ground) -> list[dict[str, Any]]:
    return [one for one in await _witness(ground).callbacks() if one["outcome"] == "waiting"]


def _newest_report(ground: Ground) -> Any:
    """What the last restore has found that others know and the restored databases don't."""
    return json.loads(max((ground.layout.folder / "reports").glob("restore-*.json")).read_text())


async def _asked(ground: Ground, question: str) -> set[str]:
    """One column of text out of intake's database."""
    async with _witness(ground).database("intake") as connection:
        return {row[0] for row in await connection.fetch(question)}


def _witness(ground: Ground) -> Witness:
    return Witness(ground.layout, ground.stack.keys.passwords, ground.door)


@asynccontextmanager
async def _hub_down(ground: Ground) -> AsyncIterator[None]:
    """`hub down`, what is done then, `hub up`. Raises Wrong when the hub does not come back."""
    await ground.stack.stop()
    yield
    try:
        await ground.stack.start()
    except StackNotUsable as error:
        raise Wrong(f"the hub does not come back: {error}") from error


async def _operator(ground: Ground, *arguments: str, may_end_with: int = 0) -> None:
    """`hub …` as a person types it. Raises Wrong when it fails."""
    layout = ground.layout
    own = {"HUB_FOLDER": str(layout.folder), "HUB_PORT_BASE": str(layout.port_base), "HUB_CACHE": str(layout.cache)}
    child = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("hub")),
        *arguments,
        env={**os.environ, **own},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            said, _ = await child.communicate()
    except TimeoutError:
        raise Wrong(f"hub {arguments[0]} did not end within {COMMAND_SECONDS:g} s") from None
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    if child.returncode not in (0, may_end_with):
        raise Wrong(f"hub {' '.join(arguments)} ended with {child.returncode}: {said.decode()[-500:]}")
