"""Tries legs without a competent agency again, once for each edition of the competence table."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from prometheus_client import Gauge

from hub_messaging.database import UNAVAILABLE, Pool
from hub_messaging.jobs import Failed, Job
from hub_messaging.runner import Runner
from services.routing.domain.endpoint import Offers
from services.routing.domain.transfer import Transfer
from services.routing.handlers.ports import CompetenceNow
from services.routing.handlers.route import retry_routing
from services.routing.store.unit_of_work import TRANSFERS_SHELF, RoutingUnitOfWork

log = structlog.get_logger(__name__)
EVERY_SECONDS = 2.0
CHUNK = 200

ROUTING_FAILED = Gauge(
    "hub_transfers_routing_failed",
    "Dossiers without a competent agency. `missing` lead: they stand still; cooperating: they go on without it. "
    "Above 0: mend competence.json; GET /v1/transfers?state=routing_failed.",
    ["missing"],
)
CONTRADICTED = Gauge(
    "hub_transfers_contradicted",
    "Dossiers with two different results. Above 0: ask the agency; GET /v1/transfers?contradicted=true.",
)

TO_RECALL = Gauge(
    "hub_transfers_to_recall",
    "Dossiers that were stopped while an agency has them. Above 0: tell the agency; GET /v1/transfers?to_recall=true.",
)
TO_RECALL_OLDEST = Gauge(
    "hub_transfers_to_recall_oldest_seconds",
    "Age of the oldest stop that an agency which has the dossier hasn't agreed to. See HubRecallWaiting.md.",
)

TO_CORRECT = Gauge(
    "hub_transfers_to_correct",
    "Dossiers corrected at the desk whose agency took no call about it. Tell it; GET /v1/transfers?to_correct=true.",
)

_STUCK = """
SELECT (SELECT count(*) FROM transfer WHERE state = 'routing_failed') AS failed,
       (SELECT count(*) FROM transfer
        WHERE state = 'routing_failed' AND legs @> '[{"role": "lead", "agency": null}]') AS held,
       (SELECT count(*) FROM transfer WHERE to_recall) AS to_recall,
       (SELECT min(stopped_at) FROM transfer WHERE to_recall) AS oldest_stop,
       (SELECT count(*) FROM transfer WHERE to_correct) AS to_correct,
       (SELECT count(*) FROM transfer WHERE contradicted) AS contradicted
"""
_FAILED = """
SELECT dossier_id FROM transfer
WHERE state = 'routing_failed' AND edition IS DISTINCT FROM $1 AND dossier_id > $2 ORDER BY dossier_id LIMIT $3
"""


async def measure(pool: Pool, now: datetime) -> None:
    """Sets the gauges of transfers that only people can help on; `now` is business time."""
    row = await pool.fetchrow(_STUCK)
    assert row is not None
    ROUTING_FAILED.labels("lead").set(row["held"])
    ROUTING_FAILED.labels("cooperating").set(row["failed"] - row["held"])
    CONTRADICTED.set(row["contradicted"])
    TO_RECALL.set(row["to_recall"])
    TO_CORRECT.set(row["to_correct"])
    TO_RECALL_OLDEST.set((now - row["oldest_stop"]).total_seconds() if row["oldest_stop"] else 0)


class Rerouting:
    """Compares editions, not moments: a transfer that failed by the old table just after the new one came is found."""

    def __init__(self, runner: Runner[RoutingUnitOfWork], competence: CompetenceNow, offers: Offers) -> None:
        self._runner = runner
        self._competence = competence
        self._offers = offers

    async def run(self, beat: Callable[[], None]) -> None:
        """Until cancelled."""
        while True:
            beat()
            try:
                await self.retry_all(beat)
            except UNAVAILABLE as trouble:
                log.info("rerouting_interrupted", trouble=type(trouble).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def retry_all(self, beat: Callable[[], None]) -> None:
        """Tries all that failed by another edition than the current one."""
        last = UUID(int=0)
        while True:
            rows = await self._runner.pool.fetch(_FAILED, self._competence().edition, last, CHUNK)
            if not rows:
                return
            last = rows[-1]["dossier_id"]
            results = await self._runner.run([self._job(row["dossier_id"]) for row in rows])
            for row, result in zip(rows, results, strict=True):
                if isinstance(result, Failed):
                    log.error("rerouting_failed", dossier_id=str(row["dossier_id"]), error=type(result.error).__name__)
            beat()

    def _job(self, dossier_id: UUID) -> Job[RoutingUnitOfWork, Transfer | None]:
        return Job(
            run=lambda uow: retry_routing(dossier_id, uow, self._competence, self._offers),
            keys={TRANSFERS_SHELF: (dossier_id,)},
        )
