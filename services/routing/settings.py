"""Cấu hình của dịch vụ chuyển hồ sơ."""

from pathlib import Path

from pydantic import Field

from hub_messaging.settings import ServiceSettings, SettingsConfigDict


class Settings(ServiceSettings):
    """Settings by environment, prefix `ROUTING_`."""

    model_config = SettingsConfigDict(env_prefix="ROUTING_")

    sealing_keys_file: Path
    """Keys for form data; read again when it changes."""
    endpoints_file: Path
    """Addresses and secrets of the agencies; read again when it changes."""
    callback_base_url: str = Field(pattern=r"^https?://[^\s?#]+$")
    """Where agencies reach this service; `/v1/callbacks/<agency code>` is added."""
    data_folder: Path = Path(__file__).parent / "data"
    """Holds competence.json; read again when it changes."""
    lane_concurrency: int = Field(default=8, ge=1, le=64)
    """Requests under way at one agency."""
    attempt_seconds: float = Field(default=10.0, gt=0, le=30)
    """How long an agency may take to answer."""
    consumer_linger_ms: int = Field(default=5, ge=0, le=1000)
    relay_linger_ms: int = Field(default=50, ge=0, le=1000)
    """The hand-over itself waits for no relay of ours."""
