"""Xét hạn: whether a dossier ended early, on time or late. The clock of `sla` says the same by the same rule.

The database says it once more, for lists, counts and figures: `judged` in migration 0017. See
docs/decisions/0006-when-a-date-is-missed-and-when-it-warns.md.
"""

from datetime import datetime
from typing import NamedTuple

from hub_worktime import Outcome, judged, outcome
from services.intake.domain.dossier import Dossier
from services.intake.domain.standing import Standing


class Judgement(NamedTuple):
    """By which date it is judged (None: none was promised), and by which moment."""

    due_at: datetime | None
    at: datetime

    @property
    def outcome(self) -> Outcome | None:
        return None if self.due_at is None else outcome(self.due_at, self.at)


def judgement(standing: Standing) -> Judgement | None:
    """Of what has ended; None: it hasn't."""
    dossier, ended_at = standing.dossier, standing.ended_at
    if ended_at is None:
        return None
    if dossier.accepted_at is None:
        return Judgement(None, ended_at)
    since, due, pauses = _dates(dossier, dossier.accepted_at)
    number, at = judged(since, pauses, ended_at)
    return Judgement(due[number], at)


def _dates(
    dossier: Dossier, accepted_at: datetime
) -> tuple[dict[int, datetime], dict[int, datetime | None], dict[int, datetime]]:
    """Each promised date by its number: since when it held, and which it was; and each wait after acceptance."""
    since, due, pauses = {0: accepted_at}, {}, {}
    for wait in dossier.waits_after_acceptance:
        pauses[wait.number] = wait.requested_at
        if wait.received_at is not None:
            due[max(since)] = wait.previous_due_at
            since[wait.number] = wait.received_at
    due[max(since)] = dossier.promise.due_at if dossier.promise else None
    return since, due, pauses
