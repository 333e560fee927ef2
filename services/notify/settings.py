"""Cấu hình của dịch vụ thông báo."""

from datetime import time
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from hub_events.values import Slug
from hub_messaging.settings import ServiceSettings, SettingsConfigDict
from services.notify.domain.sending_hours import SendingHours

LOCAL_TIME = r"^([01]\d|2[0-3]):[0-5]\d$"


class Settings(ServiceSettings):
    """Settings by environment, prefix `NOTIFY_`."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_")

    sealing_keys_file: Path
    """Keys for contact data; read again when a key isn't known."""
    sms_url: str = Field(pattern=r"^https?://[^\s?#]+$")
    """Base address of the SMS supplier's gateway."""
    sms_token: str = Field(min_length=1, repr=False)
    sms_supplier: Slug = "gateway"
    """The supplier's name in lane, events and lists."""
    sms_sender: str = Field(default="MOTCUA", pattern=r"^[A-Za-z0-9._ -]{1,11}$")
    """Tên định danh (brandname) registered for the office."""
    sms_repeat_safe: bool = True
    """The supplier takes one Idempotency-Key once. False: what may have been sent is never sent again by itself."""
    sms_status_query: bool = False
    """The supplier answers `GET <sms_url>/messages/<Idempotency-Key>`: 200 with message_id, or 404."""
    sms_concurrency: int = Field(default=64, ge=1, le=256)
    sms_from: str | None = Field(default=None, pattern=LOCAL_TIME)
    """With `sms_until`: Vietnamese local times between which messages leave (07:00, 21:00); unset: at any hour."""
    sms_until: str | None = Field(default=None, pattern=LOCAL_TIME)
    consumer_linger_ms: int = Field(default=150, ge=0, le=1000)
    """A message may wait for its neighbours: nobody feels it, and it costs much less."""
    relay_linger_ms: int = Field(default=100, ge=0, le=1000)

    @property
    def sms_hours(self) -> SendingHours | None:
        """When messages may leave; None: at any hour."""
        if self.sms_from is None or self.sms_until is None:
            return None
        return SendingHours(time.fromisoformat(self.sms_from), time.fromisoformat(self.sms_until))

    @model_validator(mode="after")
    def _hours_are_two_and_differ(self) -> Self:
        if (self.sms_from is None) != (self.sms_until is None):
            raise ValueError("set SMS_FROM and SMS_UNTIL, or neither")
        if self.sms_from is not None and self.sms_from == self.sms_until:
            raise ValueError("SMS_FROM and SMS_UNTIL must differ; unset both to send at any hour")
        return self
