"""How a command about files is carried out: in the group commit of files, its refusal as problem details."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from starlette.responses import Response

from hub_messaging.jobs import Job
from hub_web.tokens import Caller
from services.intake.api.commands import once_for_its_key, repeated
from services.intake.api.files.file_problems import file_problem_of

T = TypeVar("T")


class Runs(Protocol):
    """The group commit (hub_messaging.runner.GroupRunner)."""

    async def run(self, job: Job[Any, T]) -> T: ...


class FileCommands:
    """Carries out what is asked about files."""

    def __init__(self, runner: Runs) -> None:
        self._runner = runner

    async def once(
        self,
        command: Callable[[Any], BaseModel],
        *,
        keys: dict[str, Iterable[Any]],
        caller: Caller,
        route: str,
        key: str,
        body: bytes,
    ) -> Response:
        """201 with what was made, once per Idempotency-Key; the kept answer for a repeat. Raises Problem."""

        def made(uow: Any) -> bytes:
            return command(uow).model_dump_json().encode()

        return await once_for_its_key(
            self.run, made, keys=keys, caller=caller, route=route, key=key, body=body, status=201
        )

    async def repeated(self, *, caller: Caller, route: str, key: str, body: bytes) -> Response | None:
        """The kept answer for a repeat, before checks that it may not pass any more. Raises Problem."""
        return await repeated(self.run, caller=caller, route=route, key=key, body=body)

    async def run(self, job: Job[Any, T]) -> T:
        """What the job gives, committed. Raises Problem."""
        with as_problems():
            return await self._runner.run(job)

    async def run_as_is(self, job: Job[Any, T]) -> T:
        """The same, for one who has to undo something first. Raises Refusal."""
        return await self._runner.run(job)


@contextmanager
def as_problems() -> Iterator[None]:
    """Refusals as problem details."""
    try:
        yield
    except Exception as error:
        problem = file_problem_of(error)
        if problem is None:
            raise
        raise problem from None
