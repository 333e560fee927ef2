"""What a batch is made of: jobs, and what became of each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from hub_messaging.requests import SHELF, Answer, KeyReused
from hub_messaging.unit_of_work import UnitOfWork

U = TypeVar("U", bound=UnitOfWork)
R = TypeVar("R")


class StopReading(Exception):
    """Something is wrong with us, not with the records of this partition: nothing of the batch is committed."""

    def __init__(self, why: str, topic: str, partition: int) -> None:
        super().__init__(why)
        self.why = why
        self.topic = topic
        self.partition = partition


class Job(NamedTuple, Generic[U, R]):
    """One thing to do in a batch.

    `keys` names the aggregates it needs, by shelf. `inbox` is the event's id: a job whose id was seen before is not
    run. `rescue` records what becomes of it when it raises (a dead letter); without one its error goes to the caller.
    """

    run: Callable[[U], R]
    keys: Mapping[str, Iterable[Any]] = MappingProxyType({})
    inbox: UUID | None = None
    rescue: Callable[[U, Exception], None] | None = None


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """The job ran and its changes are committed."""

    value: R


@dataclass(frozen=True, slots=True)
class Repeat:
    """The event was handled before; nothing was done."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The job raised; its changes were dropped, the rest of the batch is committed."""

    error: Exception


Result = Done[R] | Repeat | Failed


def kept_answer(key: str, body_sha256: bytes, uow: UnitOfWork) -> Answer | None:
    """What was answered to that request; None: it is no repeat. Needs SHELF with the key. Raises KeyReused."""
    known: Answer | None = uow.requests.get(key)
    if known is not None and known.body_sha256 != body_sha256:
        raise KeyReused("idempotency-key-reused", "this key was used for another request body")
    return known


def once(
    key: str,
    body_sha256: bytes,
    command: Callable[[U], tuple[int, bytes]],
    keys: dict[str, Iterable[Any]],
) -> Job[U, Answer]:
    """The job that runs `command` (→ status, body) the first time and repeats its answer afterwards."""

    def run(uow: U) -> Answer:
        known = kept_answer(key, body_sha256, uow)
        if known is not None:
            return known
        status, body = command(uow)
        answer = Answer(key, body_sha256, status, body)
        uow.requests.put(key, answer)
        return answer

    return Job(run=run, keys={**keys, SHELF: (key,)})
