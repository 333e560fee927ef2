"""Đồng hồ hẹn giờ: "wake this dossier's handler at that business time", set and cancelled in the caller's transaction.

A timer is only a reminder: its handler decides from the aggregate whether something is due, so a timer that rings
twice, late, or after its reason is gone does no harm.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub_messaging.database import Connection, Writes

_SET = """
INSERT INTO timer (dossier_id, kind, due_at)
SELECT dossier_id, kind, due_at
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS given(dossier_id, kind, due_at)
ON CONFLICT (dossier_id, kind) DO UPDATE SET due_at = excluded.due_at
"""
_CANCEL = """
DELETE FROM timer USING unnest($1::uuid[], $2::text[]) AS given(dossier_id, kind)
WHERE timer.dossier_id = given.dossier_id AND timer.kind = given.kind
"""
_FIRED = """
DELETE FROM timer USING unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS given(dossier_id, kind, due_at)
WHERE timer.dossier_id = given.dossier_id AND timer.kind = given.kind AND timer.due_at = given.due_at
"""


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer: at most one of each kind per dossier; setting it again moves it."""

    dossier_id: UUID
    kind: str
    due_at: datetime


class Timers:
    """The timers that a batch sets and cancels; the last word on each holds."""

    def __init__(self) -> None:
        self._staged: dict[tuple[UUID, str], datetime | None] = {}
        self._staged_fired: list[Timer] = []
        self.kept: dict[tuple[UUID, str], datetime | None] = {}
        self.fired: list[Timer] = []

    def fire(self, timer: Timer) -> None:
        """The timer has rung: gone, unless it was moved meanwhile."""
        self._staged_fired.append(timer)

    def set(self, dossier_id: UUID, kind: str, due_at: datetime) -> None:
        self._staged[dossier_id, kind] = due_at

    def cancel(self, dossier_id: UUID, kind: str) -> None:
        self._staged[dossier_id, kind] = None

    def keep(self) -> None:
        if self._staged or self._staged_fired:
            self.kept.update(self._staged)
            self.fired += self._staged_fired
            self.discard()

    def discard(self) -> None:
        self._staged.clear()
        self._staged_fired.clear()

    async def flush(self, connection: Connection, writes: Writes) -> None:
        if self.fired:  # first: its handler may have set the same timer anew
            await connection.execute(
                _FIRED,
                [timer.dossier_id for timer in self.fired],
                [timer.kind for timer in self.fired],
                [timer.due_at for timer in self.fired],
            )
        to_set = sorted((key, due_at) for key, due_at in self.kept.items() if due_at is not None)
        to_cancel = sorted(key for key, due_at in self.kept.items() if due_at is None)
        if to_set:
            writes.add(
                _SET, [key[0] for key, _ in to_set], [key[1] for key, _ in to_set], [due_at for _, due_at in to_set]
            )
        if to_cancel:
            writes.add(_CANCEL, [key[0] for key in to_cancel], [key[1] for key in to_cancel])

    def bells(self) -> Iterable[str]:
        return ()
