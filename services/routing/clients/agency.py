"""Hệ thống của cơ quan giải quyết: one attempt at one call, signed, under one Idempotency-Key."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json, to_json

from hub_messaging import tracing
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.outcomes import Blocked, Outcome, Refused, Sent, TryAgain, classify
from hub_messaging.sealing import SealingKeys
from hub_messaging.unknown import NotSent
from hub_messaging.work import WorkRow
from hub_web.client import CallFailed, Client
from hub_web.signatures import sign
from services.routing.domain.endpoint import EndpointOf, Offer
from services.routing.handlers.dossier_corrected import CORRECTION
from services.routing.handlers.parcels import Parcel, read_parcel
from services.routing.handlers.recall import CANCELLATION, read_cancellation

FORM = "form"
HANDOVERS = "handovers"
OFFERED: Mapping[str, Offer] = {CANCELLATION: "cancellations", CORRECTION: "corrections"}
"""By kind of work row: the call that an agency may not take, and where it takes it."""
LONGEST_FOREIGN_NUMBER = 100


class AgencySystems:
    """Hands over to whichever agency's lane a work row stands in."""

    def __init__(
        self, http: Client, endpoint_of: EndpointOf, keys: Callable[[], SealingKeys], callback_base_url: str
    ) -> None:
        self._http = http
        self._endpoint_of = endpoint_of
        self._keys = keys
        self._callbacks = callback_base_url.rstrip("/") + "/v1/callbacks/"

    async def send(self, row: WorkRow) -> Outcome:
        """One attempt. Personal data is open in memory only, for as long as the request takes."""
        endpoint, offer = self._endpoint_of(row.lane), OFFERED.get(row.kind)
        if endpoint is None:
            return Blocked("no-endpoint")
        if offer is not None and offer not in endpoint.offers:
            return Refused("not-offered", alone=True)
        try:
            body = self._cancellation(row) if row.kind == CANCELLATION else self._body(row)
        except NotYet as missing:
            return Blocked(missing.reason)
        except CannotProcess as broken:
            return Refused(broken.reason)
        headers = {
            "content-type": "application/json",
            "idempotency-key": str(row.id),
            **sign(str(row.id), body, endpoint.secrets[0]),
            **tracing.headers(),
        }
        try:
            answer = await self._http.post(f"{endpoint.url}/{offer or HANDOVERS}", body, headers)
        except CallFailed as failed:
            return TryAgain(failed.reason)
        unfinished = classify(answer.status, answer.headers.get("retry-after"))
        if unfinished is None:
            return Sent(_detail(row, answer.content))
        return unfinished if row.kind == "dossier" else _by_itself(unfinished, answer.status)

    async def ask(self, row: WorkRow) -> Sent | NotSent | None:
        """Whether the agency has what was sent under this row's key; None: it can't be asked or doesn't tell."""
        endpoint = self._endpoint_of(row.lane)
        if endpoint is None or not endpoint.status_query:
            return None
        try:
            signed = sign(str(row.id), b"", endpoint.secrets[0])
            answer = await self._http.get(f"{endpoint.url}/{OFFERED.get(row.kind, HANDOVERS)}/{row.id}", signed)
        except CallFailed:
            return None
        if answer.status == HTTPStatus.OK:
            return Sent(_detail(row, answer.content))
        return NotSent() if answer.status == HTTPStatus.NOT_FOUND else None

    def _body(self, row: WorkRow) -> bytes:
        """The same bytes at every attempt. The form names its papers; without a form they go by their codes.

        Written by what read the form at the desk: another library may refuse what that one takes (long integers).
        """
        parcel = read_parcel(row.body)
        form = self._form(row, parcel)
        applicant, listed = form.pop("applicant", {}), form.pop("components", None)
        return to_json(
            {
                "kind": parcel.kind,
                "dossier_id": str(row.dossier_id),
                "leg": parcel.leg,
                **_numbered(parcel),
                **({"role": parcel.role} if parcel.role != "lead" else {}),
                "dossier_code": parcel.dossier_code,
                "agency_code": parcel.agency_code,
                "procedure_code": parcel.procedure_code,
                "procedure_name": parcel.procedure_name,
                **_times(parcel),
                "sent_at": _written(parcel.sent_at),
                "callback_url": self._callbacks + parcel.agency_code,
                "applicant": applicant,
                "form": form,
                "components": listed if listed is not None else [asdict(part) for part in parcel.components],
            }
        )

    def _cancellation(self, row: WorkRow) -> bytes:
        told = read_cancellation(row.body)
        return to_json(
            {
                "dossier_id": str(row.dossier_id),
                "leg": told.leg,
                "dossier_code": told.dossier_code,
                "agency_code": told.agency_code,
                "foreign_number": told.foreign_number,
                "reason": told.reason,
                "withdrawn": told.withdrawn,
                "stopped_at": _written(told.stopped_at),
                "sent_at": _written(told.sent_at),
                "callback_url": self._callbacks + told.agency_code,
            }
        )

    def _form(self, row: WorkRow, parcel: Parcel) -> dict[str, Any]:
        """Who applies, for what, with which papers; empty for a supplement that changes nothing about them."""
        if parcel.sealed_form is None:
            return {}
        form = self._keys().open(FORM, row.dossier_id, parcel.sealed_form)
        if not isinstance(form, dict):
            raise CannotProcess("form-unreadable")
        return form


def _by_itself(outcome: Outcome, status: int) -> Outcome:
    """Hand-overs may work although this call doesn't: the lane goes on."""
    if isinstance(outcome, Refused) or status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return Refused(f"http-{status}", alone=True)
    return outcome


def _numbered(parcel: Parcel) -> dict[str, Any]:
    match parcel.kind:
        case "dossier":
            return {}
        case "supplement":
            return {"request": parcel.request}
        case "correction":
            return {"correction": parcel.request, "what": parcel.what, "case": parcel.case}


def _times(parcel: Parcel) -> dict[str, Any]:
    if parcel.kind == "correction":
        return {"corrected_at": _written(parcel.received_at)}
    return {"received_at": _written(parcel.received_at), "promised_at": _written(parcel.promised_at)}


def _detail(row: WorkRow, content: bytes) -> str | None:
    """What of an agency's 2xx counts: its own number, or whether it stopped. It took the call, readable or not."""
    try:
        answer = from_json(content)
    except ValueError:
        return None
    said = answer.get("outcome" if row.kind == CANCELLATION else "foreign_number") if isinstance(answer, dict) else None
    if isinstance(said, int) and not isinstance(said, bool):
        said = str(said)
    return said if isinstance(said, str) and 0 < len(said) <= LONGEST_FOREIGN_NUMBER else None


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
