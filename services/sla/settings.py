"""Cấu hình của dịch vụ theo dõi thời hạn."""

from pydantic import Field

from hub_messaging.settings import ServiceSettings, SettingsConfigDict


class Settings(ServiceSettings):
    """Settings by environment, prefix `SLA_`."""

    model_config = SettingsConfigDict(env_prefix="SLA_")

    consumer_linger_ms: int = Field(default=300, ge=0, le=1000)
    """A clock counts in minutes; facts may gather."""
    relay_linger_ms: int = Field(default=100, ge=0, le=1000)
