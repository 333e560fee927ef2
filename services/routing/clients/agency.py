"""Hệ thống của cơ quan giải quyết: one attempt to hand over one parcel, signed, under one Idempotency-Key."""

from collections.abc import Callable
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
from services.routing.domain.endpoint import EndpointOf
from services.routing.handlers.parcels import Parcel, read_parcel

FORM = "form"
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

    async def hand_over(self, row: WorkRow) -> Outcome:
        """One attempt. Personal data is open in memory only, for as long as the request takes."""
        endpoint = self._endpoint_of(row.lane)
        if endpoint is None:
            return Blocked("no-endpoint")
        try:
            body = self._body(row)
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
            answer = await self._http.post(f"{endpoint.url}/handovers", body, headers)
        except CallFailed as failed:
            return TryAgain(failed.reason)
        unfinished = classify(answer.status, answer.headers.get("retry-after"))
        return unfinished if unfinished is not None else Sent(_foreign_number(answer.content))

    async def ask(self, row: WorkRow) -> Sent | NotSent | None:
        """Whether the agency has what was sent under this row's key; None: it can't be asked or doesn't tell."""
        endpoint = self._endpoint_of(row.lane)
        if endpoint is None or not endpoint.status_query:
            return None
        try:
            signed = sign(str(row.id), b"", endpoint.secrets[0])
            answer = await self._http.get(f"{endpoint.url}/handovers/{row.id}", signed)
        except CallFailed:
            return None
        if answer.status == HTTPStatus.OK:
            return Sent(_foreign_number(answer.content))
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
                **({"request": parcel.request} if parcel.kind == "supplement" else {}),
                "dossier_code": parcel.dossier_code,
                "agency_code": parcel.agency_code,
                "procedure_code": parcel.procedure_code,
                "procedure_name": parcel.procedure_name,
                "received_at": _written(parcel.received_at),
                "promised_at": _written(parcel.promised_at),
                "sent_at": _written(parcel.sent_at),
                "callback_url": self._callbacks + parcel.agency_code,
                "applicant": applicant,
                "form": form,
                "components": listed if listed is not None else [asdict(part) for part in parcel.components],
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


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _foreign_number(content: bytes) -> str | None:
    """The agency's own number. It took the dossier, so an answer without a readable number is none the less a 2xx."""
    try:
        answer = from_json(content)
    except ValueError:
        return None
    number = answer.get("foreign_number") if isinstance(answer, dict) else None
    return number if isinstance(number, str) and 0 < len(number) <= LONGEST_FOREIGN_NUMBER else None
