"""Cơ quan giải quyết: every agency there could be, taking hand-overs and answering in its own time."""

import time
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from uuid_utils import UUID, uuid5

from hub_sandbox.behaviour import Behaviour
from hub_sandbox.callbacks import ON_COMMAND
from hub_sandbox.entries import Callback, Effect

SIGNING_OFFICER = "CB-01"
UUID_SPELLING = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_Said = tuple[str, dict[str, Any], float]
"""A callback's type, its members, and its share of the time until the last one."""


class Component(BaseModel):
    code: str = Field(min_length=1, max_length=80)
    name: str = Field(min_length=1)
    originals: int = Field(ge=0)
    copies: int = Field(ge=0)


class Handover(BaseModel):
    """Hồ sơ được chuyển đến: what routing sends, checked as a careful agency would."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["dossier", "supplement"]
    dossier_id: str = Field(pattern=UUID_SPELLING)
    leg: str = Field(pattern=r"^[a-z0-9]+([-_.:][a-z0-9]+)*$", max_length=80)
    request: int | None = Field(default=None, ge=1)
    """Which supplement this is, when the sender counts them."""
    dossier_code: str = Field(min_length=1, max_length=53)
    agency_code: str = Field(min_length=1, max_length=35)
    procedure_code: str = Field(min_length=1, max_length=40)
    procedure_name: str = Field(min_length=1, max_length=2000)
    received_at: AwareDatetime
    promised_at: AwareDatetime | None = None
    sent_at: AwareDatetime
    callback_url: str = Field(pattern=r"^https?://[^\s]+$", max_length=500)
    applicant: dict[str, Any]
    components: tuple[Component, ...] = ()

    def duty(self) -> str:
        """What may arrive once: the leg, or one supplement to it."""
        if self.kind == "dossier":
            return self.leg
        return f"{self.leg}:supplement:{self.request or _second(self.received_at)}"


class Correction(BaseModel):
    """Đính chính: all as it stands now."""

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["correction"]
    dossier_id: str = Field(pattern=UUID_SPELLING)
    leg: str = Field(pattern=r"^[a-z0-9]+([-_.:][a-z0-9]+)*$", max_length=80)
    correction: int = Field(ge=1)
    what: tuple[Literal["applicant", "case", "components"], ...] = Field(min_length=1)
    case: str | None
    agency_code: str = Field(min_length=1, max_length=35)
    corrected_at: AwareDatetime
    sent_at: AwareDatetime
    callback_url: str = Field(pattern=r"^https?://[^\s]+$", max_length=500)
    applicant: dict[str, Any]
    components: tuple[Component, ...]


class Cancellation(BaseModel):
    """Yêu cầu dừng giải quyết."""

    model_config = ConfigDict(hide_input_in_errors=True)

    dossier_id: str = Field(pattern=UUID_SPELLING)
    leg: str = Field(pattern=r"^[a-z0-9]+([-_.:][a-z0-9]+)*$", max_length=80)
    dossier_code: str = Field(min_length=1, max_length=53)
    agency_code: str = Field(min_length=1, max_length=35)
    foreign_number: str | None = Field(max_length=100)
    reason: str = Field(min_length=1, max_length=80)
    withdrawn: bool
    stopped_at: AwareDatetime
    sent_at: AwareDatetime
    callback_url: str = Field(pattern=r"^https?://[^\s]+$", max_length=500)


HANDOVER = TypeAdapter(Handover)
CANCELLATION = TypeAdapter(Cancellation)
CORRECTION = TypeAdapter(Correction)


def plan_of(effect: Effect, handover: Handover, behaviour: Behaviour, traceparent: str | None = None) -> list[Callback]:
    """The callbacks that a new hand-over leads to, in the order they are sent. Ids follow from the effect's key."""
    if behaviour.callback == "never":
        return []
    if behaviour.asks_supplement and handover.kind == "dossier":
        said = [("supplement_asked", _question(handover), 1.0)]
    else:
        completed = ("completed", _result(effect, behaviour), 1.0)
        early: list[_Said] = [("acknowledged", {}, 0.2), ("step", {"step": _STEP}, 0.6)] if behaviour.steps else []
        late: list[_Said] = [("acknowledged", {}, 1.0)] if behaviour.out_of_order else []
        said = [*early, completed, *late]
        if behaviour.completed in {"twice_with_another_id", "another_body_same_id"}:
            said.insert(said.index(completed) + 1, completed)
    planned = [_callback(effect, handover, behaviour, traceparent, place, *one) for place, one in enumerate(said)]
    if behaviour.completed == "another_body_same_id":
        first, second = (callback for callback in planned if callback.type == "completed")
        second.said_as, second.members = first.id, {**second.members, "result": _OTHER_RESULT}
    return planned


def _callback(
    effect: Effect,
    handover: Handover,
    behaviour: Behaviour,
    traceparent: str | None,
    place: int,
    kind: str,
    members: dict[str, Any],
    share: float,
) -> Callback:
    on_command = behaviour.callback == "on_command"
    # A second dossier made of the same request is another one to an agency that does not look at keys.
    plan = str(uuid5(UUID(effect.key), str(effect.number))) if effect.duplicate else effect.key
    return Callback(
        id=str(uuid5(UUID(plan), f"callback:{place}:{kind}")),
        plan=plan,
        party=effect.party,
        url=handover.callback_url,
        traceparent=traceparent,
        dossier_id=effect.dossier_id,
        type=kind,
        members={
            "type": kind,
            "dossier_id": effect.dossier_id,
            "leg": handover.leg,
            "foreign_number": effect.answer,
            **members,
        },
        due_at=ON_COMMAND if on_command else time.time() + behaviour.callback_seconds * share,
        times=2 if kind == "completed" and behaviour.completed == "twice" else behaviour.callback_times,
    )


def late_word(effect: Effect, told: Cancellation, behaviour: Behaviour, traceparent: str | None) -> Callback:
    """The callback of an agency that does not say at once whether it has stopped."""
    return Callback(
        id=str(uuid5(UUID(effect.key), "callback:cancellation_answered")),
        plan=effect.key,
        party=effect.party,
        url=told.callback_url,
        traceparent=traceparent,
        dossier_id=effect.dossier_id,
        type="cancellation_answered",
        members={
            "type": "cancellation_answered",
            "dossier_id": effect.dossier_id,
            "leg": told.leg,
            "outcome": "stopped",
        },
        due_at=ON_COMMAND if behaviour.callback == "on_command" else time.time() + behaviour.callback_seconds,
        times=behaviour.callback_times,
    )


_STEP = {"code": "appraisal", "name": "Thẩm định hồ sơ", "officer": SIGNING_OFFICER}


_OTHER_RESULT = {"code": "approved", "number": "KQ-khac"}


def _result(effect: Effect, behaviour: Behaviour) -> dict[str, Any]:
    approved = behaviour.result == "approved"
    return {"result": {"code": behaviour.result, **({"number": f"KQ-{effect.answer}"} if approved else {})}}


def _question(handover: Handover) -> dict[str, Any]:
    code = handover.components[0].code if handover.components else "to-khai"
    note = "Bản sao bị mờ, đề nghị nộp lại bản rõ."
    return {"reason": "Giấy tờ chưa đọc được.", "items": [{"code": code, "note": note}]}


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
