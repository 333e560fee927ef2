"""Cấu hình của dịch vụ theo dõi thời hạn."""

from pydantic_settings import SettingsConfigDict

from hub_messaging.settings import ServiceSettings


class Settings(ServiceSettings):
    """Settings by environment, prefix `SLA_`."""

    model_config = SettingsConfigDict(env_prefix="SLA_")
