"""Cấu hình của dịch vụ thông báo."""

from pathlib import Path

from pydantic import Field

from hub_events.values import Slug
from hub_messaging.settings import ServiceSettings, SettingsConfigDict


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
    consumer_linger_ms: int = Field(default=150, ge=0, le=1000)
    """A message may wait for its neighbours: nobody feels it, and it costs much less."""
    relay_linger_ms: int = Field(default=100, ge=0, le=1000)
