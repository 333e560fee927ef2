"""A wrong or misspelt setting stops the start with one clear line that shows no secret."""

import pytest

from hub_messaging.settings import CONFIGURATION_EXIT_CODE, ServiceSettings, SettingsConfigDict, load

GOOD = {
    "DATABASE_URL": "postgresql://toy:hemmelig@127.0.0.1:5432/toy",
    "KAFKA_SERVERS": "127.0.0.1:9092,127.0.0.1:9093",
    "HTTP_PORT": "8000",
    "PROBE_PORT": "8001",
    "JWKS_FILE": "/etc/jwks.json",
}


class Some(ServiceSettings):
    """Settings of a service."""

    model_config = SettingsConfigDict(env_prefix="SOME_")

    agencies: int = 5


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"SOME_{name}", value)
    return monkeypatch


def refused(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as end:
        load(Some)
    assert end.value.code == CONFIGURATION_EXIT_CODE
    said = capsys.readouterr().err
    assert "hemmelig" not in said
    return said.splitlines()


@pytest.mark.usefixtures("environment")
def test_good_settings_are_read_frozen_and_show_no_password() -> None:
    settings = load(Some)
    assert (settings.http_port, settings.agencies, settings.environment) == (8000, 5, "production")
    assert "hemmelig" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1  # type: ignore[misc]


def test_a_misspelt_setting_is_named(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SOME_AGENCYS", "6")
    assert refused(capsys) == ["settings: SOME_AGENCYS: no such setting"]


def test_a_misspelt_setting_in_small_letters_is_named_too(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("some_agencys", "6")
    assert refused(capsys) == ["settings: some_agencys: no such setting"]


def test_every_mistake_has_a_line(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SOME_HTTP_PORT", "70000")
    environment.setenv("SOME_KAFKA_SERVERS", "kafka")
    environment.setenv("SOME_DATABASE_URL", "mysql://toy:hemmelig@h/d")
    environment.delenv("SOME_JWKS_FILE")
    lines = refused(capsys)
    assert [line.split(": ")[1] for line in lines] == [
        "SOME_DATABASE_URL", "SOME_KAFKA_SERVERS", "SOME_HTTP_PORT", "SOME_JWKS_FILE",
    ]  # fmt: skip


def test_a_moved_clock_is_refused_in_production(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("SOME_CLOCK_FILE", "/tmp/clock.json")
    (line,) = refused(capsys)
    assert "clock_file moves business time" in line
    environment.setenv("SOME_ENVIRONMENT", "demo")
    assert load(Some).clock_file is not None


def test_an_unknown_environment_is_refused(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SOME_ENVIRONMENT", "prod")
    assert refused(capsys)[0].startswith("settings: SOME_ENVIRONMENT: ")


@pytest.mark.parametrize(
    ("url", "issuer", "file", "lines"),
    [
        ("https://sso.example.vn/realms/hub/.well-known/openid-configuration", "https://sso.example.vn", None, []),
        ("http://127.0.0.1:8080/keys", "https://sso.example.vn", None, []),
        ("http://sso.example.vn/keys", "https://sso.example.vn", None, ["SOME_JWKS_URL: Value error, must be https://"]),
        ("https://a:b@sso.example.vn/keys", "x", None, ["SOME_JWKS_URL: Value error, must be https://"]),
        ("https://sso.example.vn/keys", None, None, ["SOME_TOKEN_ISSUER: Value error, must name the issuer"]),
        ("https://sso.example.vn/keys", "x", "/etc/jwks.json", ["SOME_JWKS_FILE: Value error, set this one or"]),
        (None, None, None, ["SOME_JWKS_FILE: Value error, set this one or"]),
    ],
)  # fmt: skip
def test_keys_of_tokens_come_from_one_place(
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str | None,
    issuer: str | None,
    file: str | None,
    lines: list[str],
) -> None:
    for name, value in {"JWKS_URL": url, "TOKEN_ISSUER": issuer, "JWKS_FILE": file}.items():
        if value is None:
            environment.delenv(f"SOME_{name}", raising=False)
        else:
            environment.setenv(f"SOME_{name}", value)
    if not lines:
        assert load(Some).jwks_url == url
        return
    said = refused(capsys)
    assert len(said) == len(lines)
    assert all(line.startswith("settings: " + start) for line, start in zip(said, lines, strict=True))
