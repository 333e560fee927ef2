"""Facts and a competence table as short as tests can use them. All people are invented."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hub_events.event import Envelope, Fact
from hub_events.examples import examples_of
from hub_events.ids import derive_id
from hub_events.intake import (
    DossierAcceptedV1,
    DossierCorrectedV1,
    DossierDeskStepRecordedV1,
    DossierResultReturnedV1,
    DossierStoppedV1,
    DossierSupplementReceivedV1,
)
from hub_messaging.clock import real_now
from services.routing.domain.competence import Agency, Competence, Rule
from services.routing.store.unit_of_work import RoutingUnitOfWork

NOW = datetime(2026, 3, 2, 1, 5, tzinfo=UTC)
RECORDED = real_now()
POLICE = Agency("G01.26.20.01", "Công an phường Hoàn Kiếm")
COMMITTEE = Agency("H26.20.01", "Ủy ban nhân dân phường Hoàn Kiếm")
COMMUNE = "00070"


def a_competence(*rules: Rule, edition: str = "1") -> Competence:
    """Police of one commune by default."""
    given = rules or (Rule("commune-police", ("*",), COMMUNE, POLICE.code),)
    return Competence("2026-03-01", edition, [POLICE, COMMITTEE], given, {COMMUNE: "01", "00167": "01", "01273": "04"})


def a_leg(leg: str = "lead", agency_kind: str = "commune-police", **changes: Any) -> dict[str, Any]:
    return {"leg": leg, "agency_kind": agency_kind, **changes}


def _promise(due_at: datetime) -> dict[str, Any]:
    return {
        "due_at": due_at,
        "counted_from": NOW,
        "term": {"text": "3 ngày làm việc", "unit": "working_day", "amount": 3},
    }


def accepted(dossier_id: UUID, **changes: Any) -> Fact[DossierAcceptedV1]:
    body: dict[str, Any] = {
        "dossier_code": "H26.20.01-260302-0001",
        "procedure": {"code": "1.004222", "version": 1, "name": "Đăng ký thường trú"},
        "desk": {"code": "H26.20.01", "name": "Phường Hoàn Kiếm", "territory": COMMUNE},
        "territory": COMMUNE,
        "channel": "counter",
        "received_at": NOW,
        "accepted_at": NOW,
        "accepted_by": "cb-01",
        "promise": _promise(NOW + timedelta(days=3)),
        "legs": [a_leg()],
        "components": [{"code": "to-khai", "name": "Tờ khai CT01", "originals": 1}],
        **changes,
    }
    return a_fact(DossierAcceptedV1.model_validate(body), dossier_id, "accepted")


def supplement(dossier_id: UUID, request: int = 1, **changes: Any) -> Fact[DossierSupplementReceivedV1]:
    body: dict[str, Any] = {
        "request": request,
        "received_at": NOW + timedelta(days=request),
        "received_by": "cb-01",
        "components": [{"code": "ban-sao", "copies": 1}],
        "promise": _promise(NOW + timedelta(days=3 + request)),
        **changes,
    }
    return a_fact(DossierSupplementReceivedV1.model_validate(body), dossier_id, f"supplement-{request}")


def corrected(dossier_id: UUID, number: int = 1, hour: int | None = None, **changes: Any) -> Fact[DossierCorrectedV1]:
    """`hour`: when it was said, by a clock that may be wrong."""
    body: dict[str, Any] = {
        "corrected_at": NOW + timedelta(hours=number),
        "corrected_by": "cb-01",
        "correction": number,
        "what": ["applicant", "contact"],
        "desk": {"code": "H26.20.01", "name": "Phường Hoàn Kiếm", "territory": COMMUNE},
        "dossier_code": "H26.20.01-260302-0001",
        "components": [{"code": "to-khai", "name": "Tờ khai CT01", "originals": 1}],
        "sealed_form": f"a..b.c{number}.d",
        **changes,
    }
    return a_fact(
        DossierCorrectedV1.model_validate(body), dossier_id, f"corrected-{number}", timedelta(hours=hour or number)
    )


def stopped(dossier_id: UUID) -> Fact[DossierStoppedV1]:
    example = examples_of(DossierStoppedV1.type)[1].fact.data
    return a_fact(example.model_copy(update={"stopped_at": NOW + timedelta(hours=1)}), dossier_id, "stopped")


def result_ready(dossier_id: UUID, step: str = "result-ready") -> Fact[DossierDeskStepRecordedV1]:
    example = examples_of(DossierDeskStepRecordedV1.type)[1].fact.data
    said = example.model_copy(update={"step": step, "recorded_at": NOW + timedelta(hours=2)})
    return a_fact(said, dossier_id, step)


def result_returned(dossier_id: UUID) -> Fact[DossierResultReturnedV1]:
    example = examples_of(DossierResultReturnedV1.type)[1].fact.data
    return a_fact(example.model_copy(update={"returned_at": NOW + timedelta(hours=3)}), dossier_id, "returned")


def a_fact(data: Any, dossier_id: UUID, word: str, later: timedelta = timedelta(0)) -> Fact[Any]:
    envelope = Envelope(
        id=derive_id(dossier_id, word),
        type=data.type,
        source="/hub/intake",
        subject=str(dossier_id),
        occurred_at=NOW + later,
        recorded_at=RECORDED,
        story=derive_id(dossier_id, "story"),
    )
    return Fact(envelope, data)


def a_uow(now: datetime = NOW) -> RoutingUnitOfWork:
    return RoutingUnitOfWork(now)


def said(uow: RoutingUnitOfWork) -> list[str]:
    """Types of the events that were kept."""
    return [record.envelope.type for record in uow.outbox.kept]
