"""Bàn giao: which leg is given what, and when. Each function gives the transfer, and what becomes work rows."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from services.routing.domain.transfer import Consignment, Leg, Plan, Transfer


class Handover(NamedTuple):
    """One consignment for one leg: becomes a work row. `replaces`: events whose hand-over the agency refused."""

    leg: Leg
    consignment: Consignment
    replaces: tuple[UUID, ...] = ()


def add_supplement(transfer: Transfer, supplement: Consignment) -> tuple[Transfer, list[Handover]]:
    """The applicant completed the dossier: every agency that has it gets the supplement, the others when they start.

    An agency that has a newer one already gets no older form and no older date after it.
    """
    if supplement.request in transfer.supplements:
        return transfer, []
    newest = max(transfer.supplements, default=0) < supplement.request
    due = supplement if newest else supplement._replace(sealed_form=None, promised_at=None)
    plan = transfer.plan and transfer.plan.promised(supplement)
    transfer = transfer._replace(plan=plan, supplements=tuple(sorted((*transfer.supplements, supplement.request))))
    if transfer.over:
        return transfer, []
    handovers = [Handover(leg, due) for leg in transfer.legs if leg.started]
    if len(handovers) == len(transfer.legs) > 0:
        return transfer, handovers
    return transfer._replace(waiting=_in_order(*transfer.waiting, supplement)), handovers


def add_correction(
    transfer: Transfer, correction: Consignment, offered: Callable[[str], bool]
) -> tuple[Transfer, list[Handover]]:
    """Đính chính: every agency that has the dossier is told, by a call or by a person; the others get it right at once.

    Each correction says all as it stands, so an older one than was read is not told any more. An agency that refused
    the dossier gets it anew, and must be told by a person until it has taken that; what is corrected meanwhile follows
    that hand-over, as if there had been no refusal.
    """
    newest = max(transfer.corrections, default=0) < correction.request
    if correction.request in transfer.corrections:
        return transfer, []
    transfer = transfer._replace(corrections=tuple(sorted((*transfer.corrections, correction.request))))
    if transfer.over or not newest:
        return transfer, []
    handovers = []
    for leg in [leg for leg in transfer.legs if leg.started]:
        untold = leg._replace(untold=(*leg.untold, correction.request))
        if anew := _anew(transfer.plan, leg, correction):
            handovers.append(anew)
            begun = untold._replace(anew=(*leg.anew, correction.cause.id), refused_at=None, refused_reason=None)
            transfer = transfer.with_leg(begun)
        elif leg.agency is not None and not leg.turned_away and offered(leg.agency.code):
            handovers.append(Handover(leg, correction))
        else:
            transfer = transfer.with_leg(untold)
    if all(leg.started for leg in transfer.legs) and transfer.legs:
        return transfer, handovers
    return transfer._replace(waiting=_in_order(*transfer.waiting, correction)), handovers


def _anew(plan: Plan | None, leg: Leg, correction: Consignment) -> Handover | None:
    """The dossier as it stands, for an agency that refused it; a plan of a version before may lack its dates."""
    if not leg.mendable or plan is None or plan.received_at is None:
        return None
    if plan.promised_at is None and not plan.undated:
        return None
    dossier = correction._replace(
        kind="dossier", received_at=plan.received_at, promised_at=plan.promised_at, what=(), case=None
    )
    return Handover(leg, dossier, (plan.cause.id, *leg.anew))


def _in_order(*waiting: Consignment) -> tuple[Consignment, ...]:
    return tuple(sorted(waiting, key=lambda one: (one.kind != "dossier", one.cause.occurred_at, one.request)))


def _corrected(waiting: tuple[Consignment, ...]) -> list[Consignment]:
    """What a leg gets that starts now: what was corrected meanwhile is right in it from the beginning."""
    corrections = [one for one in waiting if one.kind == "correction"]
    others = [one for one in waiting if one.kind != "correction"]
    if not corrections:
        return others
    newest = max(corrections, key=lambda one: one.request)
    return [_mended(one, newest) for one in others]


def _mended(one: Consignment, newest: Consignment) -> Consignment:
    """A supplement that came after the correction says it itself."""
    if one.kind == "dossier":
        return one._replace(sealed_form=newest.sealed_form, components=newest.components)
    if one.sealed_form is not None and one.cause.occurred_at < newest.cause.occurred_at:
        return one._replace(sealed_form=newest.sealed_form)
    return one


def start_legs(transfer: Transfer) -> tuple[Transfer, list[Handover]]:
    """Starts the legs whose turn it is and whose agency is known: those of the lowest order that is not completed."""
    if transfer.over:
        return transfer, []
    turn = min((leg.order for leg in transfer.legs if leg.outcome is None), default=0)
    starting = [leg for leg in transfer.legs if leg.agency and not leg.started and leg.order <= turn]
    handovers = [Handover(leg, consignment) for leg in starting for consignment in _corrected(transfer.waiting)]
    for leg in starting:
        transfer = transfer.with_leg(leg._replace(started=True))
    if all(leg.started for leg in transfer.legs):
        transfer = transfer._replace(waiting=())
    return transfer, handovers
