"""How a command is carried out: once per Idempotency-Key, in the group commit, its refusal as problem details."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from uuid import UUID

from starlette.responses import Response

from hub_messaging.jobs import Job, once
from hub_messaging.requests import Answer
from hub_web.routes import answer
from hub_web.tokens import Caller
from services.intake.api.answers import registered_view
from services.intake.api.problems import problem_of
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.handlers.ports import DOSSIERS, LIVES, PROGRESS

Command = Callable[[Any], Dossier]
"""Takes the unit of work; the dossier as it is afterwards."""


class Runs(Protocol):
    """The group commit (hub_messaging.runner.GroupRunner)."""

    async def run(self, job: Job[Any, Answer]) -> Answer: ...


class Commands:
    """Carries out what systems and officers ask."""

    def __init__(self, runner: Runs) -> None:
        self._runner = runner

    async def carry_out(
        self,
        command: Command,
        *,
        dossier_id: UUID,
        keys: dict[str, Iterable[Any]],
        caller: Caller,
        route: str,
        key: str,
        body: bytes,
        status: int = 200,
    ) -> Response:
        """The answer, committed; the kept one for a repeat. Raises Problem."""

        def run(uow: Any) -> tuple[int, bytes]:
            dossier = command(uow)
            progress = uow.progress.get(dossier_id) or Progress(dossier_id)
            return status, registered_view(dossier, progress, uow.lives.get(dossier_id))

        needs = {**keys, PROGRESS: (dossier_id,)}
        if DOSSIERS in keys:  # a new one has no record of the desk
            needs[LIVES] = (dossier_id,)
        job = once(f"{caller.subject} {route} {key}", hashlib.sha256(body).digest(), run, needs)
        try:
            kept = await self._runner.run(job)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            raise problem from None
        return answer(kept.body, kept.status)
