"""Một máy chủ: docker-compose.yml and the Dockerfiles say what `hub up` does, though no engine runs them here."""

import asyncio
import importlib
import os
import re
import subprocess
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from hub_events.topics import COMPACTED, TOPICS
from hub_local import kafka_node, steps
from hub_local import postgres as local_postgres
from hub_local.keys import ensure_keys
from hub_local.layout import PORTS, SERVICES, Layout
from hub_local.number_ranges import reserve_numbers
from hub_local.supervisor import Program
from hub_messaging.clock import real_now
from hub_messaging.settings import ServiceSettings, load
from tests.stack import PostgresServer

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
PORT_BASE = 18_000
NOT_ON_A_SERVER = {"CLOCK_FILE"}
"""Settings of `hub up` that a server must not have: they move business time."""
ON_THIS_MACHINE_ONLY = {"postgres-data", "databases", "kafka-files", "sandbox"}
"""What images and deploy/postgres/databases.sh bring there, and the other side, which is real there."""
ONLY_IN_CONTAINERS = {"HTTP_HOST", "SLOT"}
_SAID = """
INSERT INTO outbox (event_id, type, key, headers, body, recorded_at) VALUES (gen_random_uuid(), $1, '', '', '', $2)
"""
_NUMBERED = "INSERT INTO number_range VALUES ('H26.15/250101', 7), ('H26.15/PXL/2020', 9)"
each_service = pytest.mark.parametrize("service", SERVICES)


def roles_of(service: str) -> dict[str, dict[str, Any]]:
    """The containers that run a role of the service, by role."""
    marker = f"services.{service}.entrypoints."
    return {
        container["command"][-1].removeprefix(marker): container
        for container in CONTAINERS.values()
        if container.get("command", [""])[-1].startswith(marker)
    }


def filled(environment: dict[str, str]) -> dict[str, str]:
    """The environment with every `${NAME:?}` given."""
    given = {
        "CALLBACK_BASE_URL": "https://hub.example.org",
        "PUBLIC_URL": "https://hub.example.org",
        "SMS_URL": "https://sms.example.org",
    }
    return {
        name: re.sub(r"\$\{\w+?_(\w+):\?\}", lambda found: given.get(found[1], "secret"), value)
        for name, value in environment.items()
    }


def dockerfile(service: str) -> str:
    return (ROOT / "services" / service / "Dockerfile").read_text()


def members_of(project: Path) -> set[Path]:
    """The workspace members that a member stands on, itself included."""
    wanted = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[<>=!~; \[]", text)[0] for text in wanted]
    inner = [ROOT / "contracts" / name.removeprefix("hub-") for name in names if name.startswith("hub-")]
    return {project}.union(*(members_of(member) for member in inner))


@each_service
def test_every_role_has_a_container(service: str) -> None:
    entry_points = {file.stem for file in (ROOT / "services" / service / "entrypoints").glob("*.py")}
    assert roles_of(service).keys() == entry_points - {"__init__", "service"}
    for role, container in roles_of(service).items():
        assert CONTAINERS[f"{service}-{role}"] is container
        assert container["command"][:2] == ["python", "-m"]
        importlib.import_module(container["command"][2])


def test_what_hub_up_starts_has_a_container_and_nothing_else_has(tmp_path: Path) -> None:
    layout = Layout(tmp_path, PORT_BASE)
    started = {step.name for step in steps.everything(layout, ensure_keys(layout), lambda _name, _text: None)}
    alone = {"postgres", "kafka", "topics"}
    assert started - alone == {*SERVICES, *ON_THIS_MACHINE_ONLY, "migrations"}
    roles = {f"{service}-{role}" for service in SERVICES for role in roles_of(service)}
    assert CONTAINERS.keys() == alone | roles | {f"migrate-{service}" for service in SERVICES}


@each_service
def test_a_container_has_the_settings_of_hub_up(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path, PORT_BASE)
    prefix = service.upper() + "_"
    here = {name.removeprefix(prefix) for name in steps.service(service, layout, ensure_keys(layout)).environment}
    kind = settings_kind(service)
    for container in roles_of(service).values():
        there = {name.removeprefix(prefix): value for name, value in container["environment"].items()}
        assert there.keys() == here - NOT_ON_A_SERVER | ONLY_IN_CONTAINERS
        assert there["HTTP_PORT"] == str(PORT_BASE + PORTS[service])
        assert there["PROBE_PORT"] == str(PORT_BASE + PORTS[f"{service}-probe"])
        with monkeypatch.context() as patch:
            for name, value in filled(container["environment"]).items():
                patch.setenv(name, value)
            assert load(kind).environment == "production"


def settings_kind(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.settings")
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )
    return kind


@each_service
def test_no_two_processes_of_a_service_share_a_slot(service: str) -> None:
    slots = [container["environment"][f"{service.upper()}_SLOT"] for container in roles_of(service).values()]
    assert len(set(slots)) == len(slots), "leases would change hands at every beat"


@each_service
def test_schema_and_topics_come_before_what_needs_them(service: str) -> None:
    done = {"condition": "service_completed_successfully"}
    migration = CONTAINERS[f"migrate-{service}"]
    assert migration["command"] == ["python", "-m", "hub_messaging.migrations", service]
    assert migration["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for role, container in roles_of(service).items():
        needs = container["depends_on"]
        assert needs[f"migrate-{service}"] == done
        if (service, role) == ("intake", "web"):
            assert "topics" not in needs, "intake accepts with its database alone"
        else:
            assert needs["topics"] == done


def test_nothing_is_killed_before_it_has_had_the_time_to_end_that_it_has_under_hub_up(tmp_path: Path) -> None:
    layout = Layout(tmp_path, PORT_BASE)
    programs = steps.everything(layout, ensure_keys(layout), lambda _name, _text: None)
    given = {step.name: step.stop_seconds for step in programs if isinstance(step, Program)}
    for name, container in CONTAINERS.items():
        if container["restart"] == "unless-stopped":
            seconds = int(container.get("stop_grace_period", "10s").removesuffix("s"))
            assert seconds >= given[name.partition("-")[0]], f"{name} is killed after {seconds} s"


def test_topics_are_made_by_the_same_job() -> None:
    assert CONTAINERS["topics"]["command"] == ["python", "-m", "hub_messaging.topics", "kafka:9092", "6", "1"]
    assert CONTAINERS["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert len(TOPICS) == len({topic.name for topic in TOPICS})


def test_everything_named_is_there() -> None:
    for name, container in CONTAINERS.items():
        assert set(container.get("depends_on", {})) <= CONTAINERS.keys(), name
        assert set(container.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
        assert (ROOT / container.get("build", {}).get("dockerfile", "docker-compose.yml")).is_file()
        for volume in container.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_file()


def test_nothing_is_published_beyond_this_machine() -> None:
    published = {port for container in CONTAINERS.values() for port in container.get("ports", ())}
    ports = {PORT_BASE + PORTS[service] for service in SERVICES}
    assert published == {f"127.0.0.1:{port}:{port}" for port in ports}


@each_service
def test_a_service_sees_its_own_secrets_only(service: str) -> None:
    sealing = {f"sealing-{service}.json"}
    own = {"intake": sealing, "routing": sealing | {"endpoints.json"}, "notify": sealing, "sla": set()}[service]
    for container in roles_of(service).values():
        assert set(container["secrets"]) == {"jwks.json"} | own
        for other in set(SERVICES) - {service}:
            assert other.upper() + "_" not in str(container["environment"])


def test_no_secret_is_written_down() -> None:
    for name, container in CONTAINERS.items():
        for setting, value in container.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|DATABASE_URL", setting):
                assert re.search(r"\$\{[A-Z_]+:\?\}", value), f"{name}: {setting}"


def test_kafka_is_set_as_hub_up_sets_it() -> None:
    jars = (ROOT / "deploy/local/hub_local/data/kafka-jars.sha256").read_text()
    version = re.search(r"org\.apache\.kafka:kafka_2\.13:(\S+)", jars)
    assert version is not None
    assert CONTAINERS["kafka"]["image"] == f"apache/kafka:{version[1]}"
    here = dict(line.split("=", 1) for line in kafka_node.properties(Path("data"), 9092, 9093).splitlines())
    for name, value in CONTAINERS["kafka"]["environment"].items():
        local = name.removeprefix("KAFKA_").lower().replace("_", ".")
        if local in here and local not in {"log.dirs", "listeners", "advertised.listeners", "controller.quorum.voters"}:
            assert value == here[local], name


def test_postgresql_logs_no_more_than_under_hub_up() -> None:
    assert CONTAINERS["postgres"]["image"] == "postgres:18"
    arguments = [text.removeprefix("--") for text in CONTAINERS["postgres"]["command"][1:]]
    settings = dict(text.split("=", 1) for text in arguments)
    assert settings == {name: local_postgres.SETTINGS[name] for name in settings}
    assert {"log_min_error_statement", "log_error_verbosity", "timezone", "max_connections"} <= settings.keys()


@each_service
def test_an_image_holds_its_own_dependencies_only(service: str) -> None:
    text = dockerfile(service)
    members = {member.relative_to(ROOT).as_posix() for member in members_of(ROOT / "services" / service)}
    copied = set(re.findall(r"^COPY ((?:contracts|services)/\S+) \1$", text, re.MULTILINE))
    assert copied == members
    wheels = re.search(r"--wheel-dir /wheels (.+)$", text, re.MULTILINE)
    assert wheels is not None
    assert {path.removeprefix("./") for path in wheels[1].split()} == members
    assert re.findall(r"deploy/locks/(\S+)\.txt", text) == ["bootstrap", service]


@each_service
def test_an_image_is_built_from_locks_and_runs_without_rights(service: str) -> None:
    text = dockerfile(service).replace("\\\n", " ")
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps --no-index" in line for line in installs)
    assert "--no-build-isolation" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["hub"]
    assert f'CMD ["python", "-m", "services.{service}.entrypoints.service"]' in text
    assert f"{service.upper()}_PROBE_PORT" in text
    assert "://" not in text.replace("http://127.0.0.1", "")


@pytest.mark.stack
async def test_the_database_script_gives_each_service_a_database_of_its_own(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    written = (ROOT / "deploy/postgres/databases.sh").read_text()
    script = tmp_path / "databases.sh"
    script.write_text(written.replace("in intake routing notify sla;", "in box_one box_two;"))
    layout, passwords = postgres.stack.layout, postgres.stack.keys.passwords
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(layout.port("postgres")), "PGPASSWORD": passwords["postgres"]}
    own = {"POSTGRES_USER": "postgres", "BOX_ONE_DATABASE_PASSWORD": "it's \\one", "BOX_TWO_DATABASE_PASSWORD": "two"}
    path = f"{local_postgres.binaries()}:{os.environ['PATH']}"
    await asyncio.to_thread(subprocess.run, ["sh", str(script)], check=True, env={"PATH": path, **server, **own})

    async def enters(role: str, password: str, database: str) -> bool:
        try:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=layout.port("postgres"), user=role, password=password, database=database
            )
        except asyncpg.InsufficientPrivilegeError:
            return False
        await connection.execute("CREATE TABLE IF NOT EXISTS mine (id int)")
        await connection.close()
        return True

    assert await enters("box_one", "it's \\one", "box_one")
    assert await enters("box_two", "two", "box_two")
    assert not await enters("box_two", "two", "box_one")


@pytest.mark.stack
@pytest.mark.parametrize("service", SERVICES)
async def test_the_script_for_a_loaded_dump_does_what_a_restore_does(postgres: PostgresServer, service: str) -> None:
    url, now = await postgres.database(service), real_now()
    loaded = now - timedelta(days=2)
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO position (topic, partition, next_offset) VALUES ('t', 0, 99)")
    await connection.execute("INSERT INTO lease VALUES ('relay', '0', gen_random_uuid(), 1, 'infinity')")
    for type, age in (("x.v1", 0), ("x.v1", 20), *((name, 900) for name in COMPACTED)):
        await connection.execute(_SAID, type, now - timedelta(days=age))
    if service == "intake":
        await connection.execute(_NUMBERED)

    psql = str(local_postgres.binaries() / "psql")
    script = ["--file", str(ROOT / "deploy/postgres/begin-anew.sql"), "--set", "ON_ERROR_STOP=1"]
    command = [psql, url, "--quiet", *script, "--set", f"backup={loaded.isoformat()}"]
    await asyncio.to_thread(subprocess.run, command, check=True)

    assert await connection.fetchval("SELECT count(*) FROM position") == 0
    assert await connection.fetchval("SELECT count(*) FROM lease WHERE until > now()") == 0
    assert await connection.fetchval("SELECT count(*) FROM outbox_pending") == 1 + len(COMPACTED)
    if service == "intake":
        rows = await connection.fetch("SELECT key, last FROM number_range")
        await connection.execute(f"DELETE FROM number_range; {_NUMBERED}")
        await reserve_numbers(url, {}, loaded, now)
        assert len(rows) > 30
        assert {*rows} == {*await connection.fetch("SELECT key, last FROM number_range")}
    await connection.close()
