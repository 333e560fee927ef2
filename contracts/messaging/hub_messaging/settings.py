"""Cấu hình: what every service reads from its environment.

A wrong or misspelt setting stops the start with one clear line. Plain pydantic reads it: pydantic-settings would load
its readers of clouds, secrets and command lines into every process (20 modules, 4 MB).
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


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
    """Number of this process among those of the same role; stable over restarts (a StatefulSet's ordinal)."""
    pool_size: int = Field(default=8, ge=3, le=50)
    clock_file: Path | None = None
    """Moves business time in a demo or test; refused in production."""
    jwks_file: Path
    """Public keys of those who issue tokens (JWKS)."""
    token_issuer: str = Field(default="mot-cua-hub/issuer", min_length=1)
    """The `iss` of the tokens that are taken: another issuer's, when its keys lie in that file."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    consumer_linger_ms: int = Field(default=0, ge=0, le=1000)
    """Pause after each batch read. Cost is per batch: what nobody waits for may gather."""
    relay_linger_ms: int = Field(default=0, ge=0, le=1000)
    """Pause after each chunk sent to Kafka, for the same reason."""

    traces_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Where traces go (OTLP over HTTP, e.g. http://collector:4318/v1/traces); unset: none are made."""
    traces_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces begun here that are kept; whoever joins a trace does as its beginner."""

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
