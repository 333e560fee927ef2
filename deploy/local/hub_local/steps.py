"""What a local stack consists of: PostgreSQL, Kafka, their schemas, the four services and the sandbox, as data."""

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hub_local import kafka, postgres
from hub_local.files import write_whole
from hub_local.keys import Keys
from hub_local.layout import SERVICES, Layout, refuse_unfinished_restore
from hub_local.supervisor import Job, Program, Report, http_ok, run_once

Step = Job | Program

SHARED = (
    *("hub_messaging.process", "hub_messaging.sealing", "hub_messaging.settings", "hub_worktime"),
    *("hub_web.app", "hub_web.dead_letters", "hub_web.server", "hub_web.tokens", "aiohttp"),
)
"""What services stand on and may be imported ahead of all of them. Nothing of their own: what a module tells a table of
the process (a metric, a kind of problem) would be told in the name of all four."""

SCHEMA_SOURCES = (
    ("hub_events", "topics.py"),
    ("hub_messaging", "topics.py"),
    ("hub_messaging", "migrations.py"),
    *((f"services.{name}", "migrations/**/*.py") for name in SERVICES),
)
"""Package → its files that decide what tables and topics look like."""


def database_server(layout: Layout, keys: Keys) -> list[Step]:
    """PostgreSQL with a database and a role for each service."""
    return [
        Job("postgres-data", partial(postgres.create_data, layout, keys.passwords)),
        postgres.server(layout, keys.passwords, needs=("postgres-data",)),
        Job("databases", partial(postgres.create_databases, layout, keys.passwords), needs=("postgres",)),
    ]


def broker(layout: Layout, report: Report) -> list[Step]:
    """Kafka, one node."""
    return [Job("kafka-files", partial(kafka.prepare, layout, report)), kafka.node(layout, needs=("kafka-files",))]


def schemas(layout: Layout, keys: Keys) -> list[Step]:
    """What services never create: migrations, beside Kafka's start; topics, once Kafka answers."""
    urls = {f"{name.upper()}_DATABASE_URL": postgres.database_url(layout, keys.passwords, name) for name in SERVICES}
    migrate = ("hub_messaging.migrations", *SERVICES)
    apply_topics = ("hub_messaging.topics", layout.kafka_servers, "6", "1")
    return [
        Job("migrations", partial(_run_unless_done, layout, "postgres", migrate, urls), needs=("databases",)),
        Job("topics", partial(_run_unless_done, layout, "kafka", apply_topics, {}), needs=("kafka",)),
    ]


async def _run_unless_done(layout: Layout, server: str, module: tuple[str, ...], environment: dict[str, str]) -> None:
    """Runs a job that repeats without effect, unless it was run on this server's data with the same code before.

    Saves a start the second of processor time that the job needs to find nothing to do. The note lies beside the
    data, so that it goes where the data goes.
    """
    name = module[0].rpartition(".")[2]
    done, code = layout.folder / server / f"{name}-done", digest_of_schemas()
    if done.exists() and done.read_text() == code:
        return
    command = (sys.executable, "-m", *module)
    await run_once(command, stack=layout.folder, environment=environment, log=layout.logs / f"{name}.log")
    write_whole(done, code)


def digest_of_schemas() -> str:
    """SHA-256 over all that decides what tables and topics look like."""
    digest = hashlib.sha256()
    for package, pattern in SCHEMA_SOURCES:
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        for file in sorted(Path(found.origin).parent.glob(pattern)):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def hub(layout: Layout, keys: Keys) -> list[Step]:
    """The four services and the sandbox. The sandbox stops last of them: what is on its way still gets an answer."""
    return [sandbox(layout, keys), *(service(name, layout, keys) for name in SERVICES)]


def service(name: str, layout: Layout, keys: Keys) -> Program:
    """All roles of one service in one process. Intake needs its database alone, as in production."""
    prefix, probe = name.upper(), layout.port(f"{name}-probe")
    settings = {
        "DATABASE_URL": postgres.database_url(layout, keys.passwords, name),
        "KAFKA_SERVERS": layout.kafka_servers,
        "HTTP_PORT": str(layout.port(name)),
        "PROBE_PORT": str(probe),
        "ENVIRONMENT": "demo",
        "CLOCK_FILE": str(layout.clock_file),
        "JWKS_FILE": str(keys.jwks),
        **_own_settings(name, layout, keys),
    }
    return Program(
        name=name,
        command=(sys.executable, "-m", f"services.{name}.entrypoints.service"),
        ready=partial(http_ok, probe, "/ready"),
        needs=("migrations",) if name == "intake" else ("migrations", "topics", "sandbox"),
        after=() if name == "intake" else ("intake",),
        environment={f"{prefix}_{setting}": value for setting, value in settings.items()},
        ports=(name, f"{name}-probe"),
        ahead=SHARED,
    )


def _own_settings(name: str, layout: Layout, keys: Keys) -> dict[str, str]:
    own = {
        "intake": {"FILES_URL": layout.files.as_uri(), "PUBLIC_URL": layout.url("intake")},
        "routing": {"ENDPOINTS_FILE": str(keys.endpoints), "CALLBACK_BASE_URL": layout.url("routing")},
        "notify": {"SMS_URL": layout.url("sandbox"), "SMS_TOKEN": keys.sms_token.read_text()},
    }.get(name, {})
    return own | ({"SEALING_KEYS_FILE": str(keys.sealing[name])} if name in keys.sealing else {})


def sandbox(layout: Layout, keys: Keys) -> Program:
    """The other side: agencies and an SMS gateway, on a real socket."""
    return Program(
        name="sandbox",
        command=(sys.executable, "-m", "hub_sandbox"),
        after=("intake",),
        ready=partial(http_ok, layout.port("sandbox-probe"), "/ready"),
        environment={
            "SANDBOX_HTTP_PORT": str(layout.port("sandbox")),
            "SANDBOX_PROBE_PORT": str(layout.port("sandbox-probe")),
            "SANDBOX_SECRETS_FILE": str(keys.endpoints),
            "SANDBOX_SMS_TOKEN": keys.sms_token.read_text(),
            "SANDBOX_ROUTING_URL": layout.url("routing"),
            "SANDBOX_CLOCK_FILE": str(layout.clock_file),
            "SANDBOX_LEDGER_FILE": str(layout.folder / "sandbox-ledger"),
        },
        ports=("sandbox", "sandbox-probe"),
    )


def everything(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """The whole hub, as `hub up` runs it. Raises StackNotUsable where a restore was not finished."""
    refuse_unfinished_restore(layout)
    return [*database_server(layout, keys), *broker(layout, report), *schemas(layout, keys), *hub(layout, keys)]
