"""Cấu hình: what every service reads from its environment.

A wrong or misspelt setting stops the start with one clear line. Plain pydantic reads it: pydantic-settings would load
its readers of clouds, secrets and command lines into every process (20 modules, 4 MB).
"""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

BUILT_IN_ISSUER = "mot-cua-hub/issuer"
_SAFE_ADDRESS = re.compile(r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?)/[^\s#]*")


class SettingsConfigDict(ConfigDict, total=False):
    """What a class of settings says of itself."""

    env_prefix: str
    """Begins the name of each of its environment variables: `INTAKE_`."""


class Settings(BaseModel):
    """Settings that `load` reads from the environment; each class names its prefix."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True
    )


class ServiceSettings(Settings):
    """Settings that all services share; each service adds its own and the prefix of its name (`INTAKE_…`)."""

    environment: Literal["demo", "test", "production"] = "production"
    database_url: str = Field(pattern=r"^postgresql://", repr=False)
    kafka_servers: str = Field(pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$")
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=1, le=65535)
    probe_port: int = Field(ge=1, le=65535)
    slot: int = Field(default=0, ge=0, le=9999)
    """Number of this process among all of its service, whatever their role; stable over restarts.

    Where each role is a StatefulSet: its ordinal, and an offset for each role.
    """
    pool_size: int = Field(default=8, ge=3, le=50)
    clock_file: Path | None = None
    """Moves business time in a demo or test; refused in production."""
    jwks_url: str | None = None
    """Where a foreign issuer publishes its keys: its document at …/.well-known/openid-configuration, or a JWKS."""
    jwks_file: Path | None = Field(default=None, validate_default=True)
    """The keys themselves (JWKS), instead: those of the built-in issuer, or another's."""
    token_issuer: str = Field(default=BUILT_IN_ISSUER, min_length=1, validate_default=True)
    """The `iss` of the tokens that are taken."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    consumer_linger_ms: int = Field(default=0, ge=0, le=1000)
    """Pause after each batch read. Cost is per batch: what nobody waits for may gather."""
    relay_linger_ms: int = Field(default=0, ge=0, le=1000)
    """Pause after each chunk sent to Kafka, for the same reason."""

    traces_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Where traces go (OTLP over HTTP, e.g. http://collector:4318/v1/traces); unset: none are made."""
    traces_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces begun here that are kept; whoever joins a trace does as its beginner."""

    @field_validator("jwks_url")
    @classmethod
    def _fetched_safely(cls, url: str | None) -> str | None:
        if url is not None and not _SAFE_ADDRESS.fullmatch(url):
            raise ValueError("must be https://host/path (http:// only on this machine)")
        return url

    @field_validator("jwks_file")
    @classmethod
    def _keys_in_one_place(cls, file: Path | None, others: ValidationInfo) -> Path | None:
        if "jwks_url" in others.data and (file is None) == (others.data["jwks_url"] is None):
            raise ValueError("set this one or …_JWKS_URL, and not both")
        return file

    @field_validator("token_issuer")
    @classmethod
    def _foreign_keys_are_somebodys(cls, issuer: str, others: ValidationInfo) -> str:
        if others.data.get("jwks_url") is not None and issuer == BUILT_IN_ISSUER:
            raise ValueError("must name the issuer whose keys are at …_JWKS_URL: the `iss` of its tokens")
        return issuer

    @model_validator(mode="after")
    def _clock_only_in_demo(self) -> Self:
        if self.environment == "production" and self.clock_file is not None:
            raise ValueError("clock_file moves business time and is refused in production; unset it")
        return self


S = TypeVar("S", bound=Settings)
T = TypeVar("T")
CONFIGURATION_EXIT_CODE = 78


def load(kind: type[S]) -> S:
    """Reads the settings from the environment, or ends the process with one line for each mistake (exit code 78)."""
    prefix = kind.model_config["env_prefix"]
    found = {name: value for name, value in os.environ.items() if name.upper().startswith(prefix)}
    fields = {prefix + name.upper(): name for name in kind.model_fields}
    mistakes = [f"{name}: no such setting" for name in sorted(found) if name.upper() not in fields]
    try:
        settings = kind(**{fields[name.upper()]: found[name] for name in found if name.upper() in fields})
    except ValidationError as invalid:
        for error in invalid.errors(include_input=False, include_url=False):
            name = prefix + str(error["loc"][0]).upper() if error["loc"] else prefix.rstrip("_")
            mistakes.append(f"{name}: {error['msg']}")
    if mistakes:
        sys.stderr.write("settings: " + "\nsettings: ".join(mistakes) + "\n")
        raise SystemExit(CONFIGURATION_EXIT_CODE)
    return settings


def joined(join: Callable[[S], T], settings: S) -> T:
    """What `join` makes of the settings, or the end of the process with one clear line (exit code 78)."""
    try:
        return join(settings)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"settings: {error}\n")
        raise SystemExit(CONFIGURATION_EXIT_CODE) from None
