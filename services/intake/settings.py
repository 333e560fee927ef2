"""Cấu hình của dịch vụ tiếp nhận."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from hub_messaging.settings import ServiceSettings, SettingsConfigDict

PACKAGED_DATA = Path(__file__).parent / "data"


class Settings(ServiceSettings):
    """Settings by environment, prefix `INTAKE_`."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")

    sealing_keys_file: Path
    """Keys for contact and form data: intake seals both."""
    public_url: str = Field(default="http://127.0.0.1:18001", pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    """Where citizens reach this service's pages: printed on forms as a QR code."""
    form_signer: Literal["paper", "sandbox", "pades"] | None = None
    """How official forms are signed: `paper` leaves room for hand and stamp, `pades` signs the PDF (extra `pades`),
    `sandbox` has no legal force and is refused in production. Unset: paper in production, sandbox elsewhere."""
    form_signing_key_file: Path | None = None
    """For `pades`: the office's key and certificate chain (PKCS#12)."""
    form_signing_passphrase_file: Path | None = None
    """The passphrase of that file, in one of its own."""
    proxies_in_front: int = Field(default=0, ge=0, le=10)
    """Our own proxies in front, each adding to X-Forwarded-For; 0: the socket's address is the client's."""
    data_folder: Path = PACKAGED_DATA
    """Where procedures.json and desks.json lie."""
    stuck_after_seconds: int = Field(default=300, ge=1, le=86_400)
    """Real time from the acceptance after which a missing route, clock or notice is listed and counted as stuck."""
    duplicate_window_days: int = Field(default=30, ge=1, le=366)
    """Dossiers of one person and procedure received within so many days are pointed out as possible duplicates."""
    caller_requests_per_second: int = Field(default=1000, ge=1, le=100_000)
    """What one token's subject may ask of this process, twice as much at once; above it 429 with Retry-After."""
    caller_limits_file: Path | None = None
    """Limits of single systems (JSON: a token's subject → requests a second); read again when it changes."""
    consumer_linger_ms: int = Field(default=300, ge=0, le=1000)
    """The timeline may lag a little: fewer, larger batches."""
    files_url: str = Field(default="file:///var/lib/mot-cua-hub/files", pattern=r"^(file:///.+|s3://[^/\s]+.*)$")
    """Where files of dossiers lie: a folder, or s3://bucket/prefix with its credentials in AWS_*."""
    files_most_bytes: int = Field(default=100 * 1024 * 1024, ge=1, le=4 * 1024**3)
    """Of one file."""
    files_swept_every_seconds: float = Field(default=600.0, gt=0)
    """How often what uploads have left behind is looked for."""
    seals_every_seconds: float = Field(default=5.0, gt=0, le=300)
    """How often new steps of the timeline are sealed; until then nothing proves that they were not changed."""
    scanner_url: str | None = Field(default=None, pattern=r"^clamd://[^:/\s]+:[0-9]{1,5}$")
    """The virus scanner (clamd://host:port) that looks at every file before it is given out; unset: nobody looks."""

    @property
    def signs_forms(self) -> str:
        """The signer that is meant."""
        return self.form_signer or ("paper" if self.environment == "production" else "sandbox")

    @model_validator(mode="after")
    def _no_sandbox_signature_in_production(self) -> Self:
        if self.environment == "production" and self.form_signer == "sandbox":
            raise ValueError("form_signer sandbox has no legal force and is refused in production; unset it")
        return self

    @model_validator(mode="after")
    def _a_key_for_who_signs_with_it(self) -> Self:
        files = [self.form_signing_key_file, self.form_signing_passphrase_file]
        if any((file is None) == (self.form_signer == "pades") for file in files):
            raise ValueError("form_signer pades, form_signing_key_file and form_signing_passphrase_file go together")
        return self
