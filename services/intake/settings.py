"""Cấu hình của dịch vụ tiếp nhận."""

from pathlib import Path

from pydantic import Field

from hub_messaging.settings import ServiceSettings, SettingsConfigDict

PACKAGED_DATA = Path(__file__).parent / "data"


class Settings(ServiceSettings):
    """Settings by environment, prefix `INTAKE_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")

    sealing_keys_file: Path
    """Keys for contact and form data: intake seals both."""
    public_url: str = Field(default="http://127.0.0.1:18001", pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    """Where citizens reach this service's pages: printed on forms as a QR code."""
    data_folder: Path = PACKAGED_DATA
    """Where procedures.json and desks.json lie."""
    stuck_after_seconds: int = Field(default=300, ge=1, le=86_400)
    """Real time from the acceptance after which a missing route, clock or notice is listed and counted as stuck."""
    caller_requests_per_second: int = Field(default=1000, ge=1, le=100_000)
    """What one token's subject may ask of this process, twice as much at once; above it 429 with Retry-After."""
    consumer_linger_ms: int = Field(default=300, ge=0, le=1000)
    """The timeline may lag a little: fewer, larger batches."""
