"""How a command is carried out: once per Idempotency-Key, in the group commit, its refusal as problem details."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar
from uuid import UUID

from starlette.responses import Response

from hub_messaging.jobs import Job, kept_answer, once
from hub_messaging.requests import SHELF, Answer
from hub_web.problems import Problem
from hub_web.routes import answer
from hub_web.tokens import Caller
from services.intake.api.answers import registered_view
from services.intake.api.problems import problem_of
from services.intake.domain.dossier import Dossier
from services.intake.domain.progress import Progress
from services.intake.domain.refusals import UnknownProcedure
from services.intake.handlers.ports import DOSSIERS, LIVES, PROGRESS

R = TypeVar("R")
Command = Callable[[Any], Dossier]
"""Takes the unit of work; the dossier as it is afterwards."""


Find = Callable[[str, int | None], Awaitable[bool]]
"""Learns a published version that this process hasn't met; False: there is none."""


async def _nothing_more(_code: str, _version: int | None) -> bool:
    return False


class Runs(Protocol):
    """The group commit (hub_messaging.runner.GroupRunner)."""

    async def run(self, job: Job[Any, R]) -> R: ...


async def once_for_its_key(
    runs: Callable[[Job[Any, Answer]], Awaitable[Answer]],
    command: Callable[[Any], bytes],
    *,
    keys: dict[str, Iterable[Any]],
    caller: Caller,
    route: str,
    key: str,
    body: bytes,
    status: int = 200,
    problems: Callable[[Exception], Problem | None] = problem_of,
) -> Response:
    """What `command` answers, committed by `runs`; the kept answer for a repeat of the key.

    `problems` says which problem a failure is; None: it is raised as it is. Raises Problem.
    """
    scope = f"{caller.subject} {route} {key}"
    job: Job[Any, Answer] = once(scope, hashlib.sha256(body).digest(), lambda uow: (status, command(uow)), keys)
    try:
        kept = await runs(job)
    except Exception as error:
        problem = problems(error)
        if problem is None:
            raise
        raise problem from None
    return answer(kept.body, kept.status)


async def repeated(
    runs: Callable[[Job[Any, Answer | None]], Awaitable[Answer | None]],
    *,
    caller: Caller,
    route: str,
    key: str,
    body: bytes,
    problems: Callable[[Exception], Problem | None] = problem_of,
) -> Response | None:
    """The kept answer for a repeat; None: it is the first. Before checks that a repeat may not pass any more.

    Raises Problem.
    """
    scope, sha256 = f"{caller.subject} {route} {key}", hashlib.sha256(body).digest()
    job: Job[Any, Answer | None] = Job(lambda uow: kept_answer(scope, sha256, uow), {SHELF: (scope,)})
    try:
        kept = await runs(job)
    except Exception as error:
        raise problems(error) or error from None
    return None if kept is None else answer(kept.body, kept.status)


class Commands:
    """Carries out what systems and officers ask."""

    def __init__(self, runner: Runs, find: Find = _nothing_more) -> None:
        self._runner = runner
        self._find = find

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

        def run(uow: Any) -> bytes:
            dossier = command(uow)
            progress = uow.progress.get(dossier_id) or Progress(dossier_id)
            return registered_view(dossier, progress, uow.lives.get(dossier_id))

        needs = {**keys, PROGRESS: (dossier_id,)}
        if DOSSIERS in keys:  # a new one has no record of the desk
            needs[LIVES] = (dossier_id,)
        return await self.answer(run, keys=needs, caller=caller, route=route, key=key, body=body, status=status)

    async def answer(
        self,
        run: Callable[[Any], bytes],
        *,
        keys: dict[str, Iterable[Any]],
        caller: Caller,
        route: str,
        key: str,
        body: bytes,
        status: int = 200,
    ) -> Response:
        """What `run` answers, committed; the kept answer for a repeat. Raises Problem."""
        return await once_for_its_key(
            self._run, run, keys=keys, caller=caller, route=route, key=key, body=body, status=status
        )

    async def repeated(self, *, caller: Caller, route: str, key: str, body: bytes) -> Response | None:
        """The kept answer for a repeat, before checks that it may not pass any more. Raises Problem."""
        return await repeated(self._runner.run, caller=caller, route=route, key=key, body=body)

    async def learn(self, code: str, version: int | None = None) -> bool:
        """Learns a version (None: the newest) that another process published a moment ago; False: there is none."""
        return await self._find(code, version)

    async def _run(self, job: Job[Any, Answer]) -> Answer:
        """Once more where the dossier's version was published by another process and isn't known here yet."""
        try:
            return await self._runner.run(job)
        except UnknownProcedure as unknown:
            if not await self.learn(unknown.code, unknown.version):
                raise
            return await self._runner.run(job)
