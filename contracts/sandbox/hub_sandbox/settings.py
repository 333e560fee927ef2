"""Cấu hình của bên giả lập: settings of the other side, by environment (`SANDBOX_…`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from hub_messaging.settings import Settings, SettingsConfigDict


class SandboxSettings(Settings):
    """A sandbox for demo and tests; it has no place in production."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_")

    environment: Literal["demo", "test"] = "demo"
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=0, le=65535)
    probe_port: int | None = Field(default=None, ge=1, le=65535)
    secrets_file: Path
    """The endpoints file of routing: agency code or `*` → `{"url": …, "secrets": ["whsec_…"]}`."""
    sms_token: str = Field(min_length=8, repr=False)
    """What the SMS gateway expects as bearer token."""
    routing_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """If set, the only place callbacks are sent to."""
    clock_file: Path | None = None
    ledger_file: Path | None = None
    """Remembers effects and callbacks over a restart, a kill included."""
    keep_texts: bool = False
    """Keeps SMS texts and numbers in memory, for tests that read them; invented people only."""
    steps: bool = False
    """Agencies nobody set otherwise also send `acknowledged` and `step`."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
