"""The toy as a process of its own: `python -m tests.messaging.toy_process`, settings by environment (TOY_…)."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from hub_messaging.outcomes import Outcome, Sent
from hub_messaging.process import Role, Spine, run_process
from hub_messaging.settings import ServiceSettings, SettingsConfigDict, load
from hub_messaging.work import WorkRow
from tests.messaging.toy import ToyUnitOfWork, handlers, maker, ring, settle, use_topics


class ToySettings(ServiceSettings):
    """Settings of the toy."""

    model_config = SettingsConfigDict(env_prefix="TOY_")

    topics: str = ""
    deliver_seconds: float = 0.0
    repeat_safe: bool = True
    effects: bool = False
    """Logs each effect, before the time of delivering."""
    stuck: bool = False


def lanes() -> Iterable[tuple[str, int]]:
    return [("toys", 8)]


def main() -> None:
    settings = load(ToySettings)
    use_topics(settings.topics)
    service = f"toy-{settings.topics}"
    spine: Spine[ToyUnitOfWork] = Spine(service, settings, maker(service))

    async def deliver(row: WorkRow) -> Outcome:
        if settings.effects:
            structlog.get_logger().info("effect_made")
        await asyncio.sleep(settings.deliver_seconds)
        if b":" in row.body:
            raise ValueError(row.body.decode())
        return Sent()

    async def block() -> None:
        import time

        time.sleep(120)

    async def roles() -> Sequence[Role]:
        stuck: list[Any] = [Role("stuck", block)] if settings.stuck else []
        work = [
            spine.timers(ring),
            Role("lanes", spine.lanes(lanes, deliver, settle, lambda _lane: settings.repeat_safe).run),
            *spine.consumer(handlers()),
        ]
        return [spine.relay(), *work, *spine.housekeeping(), *stuck]

    run_process(spine, roles)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
