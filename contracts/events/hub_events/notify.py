"""Thông báo: what `notify` says about duties to inform (topic `notify-delivery-events`)."""

from typing import ClassVar, Final, Literal

from pydantic import Field

from hub_events.event import Event
from hub_events.values import Moment, OfficerCode, Slug

Duty = Literal["accepted", "supplement", "refusal", "completed", "late"]
"""What a citizen must be told (NĐ 61/2018 Đ.17, 19, 20; kept under NĐ 118/2025). Closed: what came to be told later
(`stopped`) is said by the second version of each event, which takes any duty."""

TOLD_OTHERWISE: Final = "told-otherwise"
"""Reason of `citizen.unreached` where no message reached the citizen, but a person told them in another way."""


class MessageSentV1(Event):
    """Đã gửi thông báo: the supplier took the message. It does not yet say that the citizen has it."""

    type: ClassVar[str] = "message.sent.v1"
    duty: Duty
    occasion: int = Field(default=1, ge=1)
    """First, second … time that this duty arose for the dossier."""
    channel: Literal["sms", "email"]
    supplier: Slug
    sent_at: Moment
    attempts: int = Field(ge=1)
    supplier_reference: str | None = Field(default=None, max_length=100)


class MessageFailedV1(Event):
    """Gửi thông báo không thành công: the supplier refused the message for good."""

    type: ClassVar[str] = "message.failed.v1"
    duty: Duty
    occasion: int = Field(default=1, ge=1)
    channel: Literal["sms", "email"]
    supplier: Slug
    failed_at: Moment
    reason: Slug


class CitizenUnreachedV1(Event):
    """Không báo được cho người nộp: no channel is left; the desk must reach the person otherwise."""

    type: ClassVar[str] = "citizen.unreached.v1"
    duty: Duty
    occasion: int = Field(default=1, ge=1)
    unreached_at: Moment
    reason: Slug
    told_by: OfficerCode | None = None
    """Who told them in another way (`told-otherwise`), where that was said; and how: `phone`, `counter`, `post`."""
    told_how: Slug | None = None


class MessageSentV2(Event):
    """Đã gửi thông báo: as v1, about a duty that v1 doesn't know. Each message is told by one of the two."""

    type: ClassVar[str] = "message.sent.v2"
    duty: Slug
    occasion: int = Field(default=1, ge=1)
    channel: Literal["sms", "email"]
    supplier: Slug
    sent_at: Moment
    attempts: int = Field(ge=1)
    supplier_reference: str | None = Field(default=None, max_length=100)


class MessageFailedV2(Event):
    """Gửi thông báo không thành công: as v1, about a duty that v1 doesn't know."""

    type: ClassVar[str] = "message.failed.v2"
    duty: Slug
    occasion: int = Field(default=1, ge=1)
    channel: Literal["sms", "email"]
    supplier: Slug
    failed_at: Moment
    reason: Slug


class CitizenUnreachedV2(Event):
    """Không báo được cho người nộp: as v1, about a duty that v1 doesn't know."""

    type: ClassVar[str] = "citizen.unreached.v2"
    duty: Slug
    occasion: int = Field(default=1, ge=1)
    unreached_at: Moment
    reason: Slug
    told_by: OfficerCode | None = None
    """Who told them in another way (`told-otherwise`), where that was said; and how: `phone`, `counter`, `post`."""
    told_how: Slug | None = None
