"""Apache Kafka 4 as one KRaft node: broker and controller in one process, on a Java runtime from a wheel."""

import asyncio
import shutil
from pathlib import Path

from hub_local.files import Held, Lock, empty_folder, put_in_place, write_whole
from hub_local.kafka_jars import class_path, ensure_jars, java, kafka_home
from hub_local.layout import Layout, StackNotUsable
from hub_local.supervisor import Program, Report, port_answers, run_once

JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # Its cached call adapters clash between runs (a warning and no gain); the cached classes are what counts.
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
CLUSTER = "mot-cua-hub-local-0000"
"""Cluster id: 16 bytes in base64url without padding, the form that Kafka asks for."""


def properties(data: Path, port: int, controller_port: int) -> str:
    """server.properties of a node that keeps its log in `data`."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 8_388_608,
        "num.network.threads": 2,
        "num.io.threads": 4,
        # A node that was killed may register again only when its former session has run out.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 1000,
        # Otherwise an idle node writes and syncs its metadata log twice a second.
        "metadata.max.idle.interval.ms": 0,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


async def prepare(layout: Layout, report: Report) -> None:
    """Jars, formatted template and class cache, made once per user; then this stack's own storage folder."""
    cached = kafka_home(layout.cache)
    lock = Lock(layout.cache / "kafka.lock")
    try:
        await _take(lock, report)
        await asyncio.to_thread(ensure_jars, cached, layout.maven_mirror, lambda text: report("kafka", text))
        if not (cached / "template").exists():
            await _format_template(cached, layout)
        if not (cached / "classes.aot").exists():
            from hub_local.kafka_rehearsal import rehearse  # brings a Kafka client, needed once per cache

            report("kafka", "rehearsing a start once, so that later ones are quick")
            await rehearse(cached, layout, report)
    except PermissionError as error:
        raise StackNotUsable(f"{error.filename} can't be written: name another folder in HUB_CACHE") from error
    finally:
        lock.release()
    _create_storage(layout, cached)


async def _take(lock: Lock, report: Report) -> None:
    told = False
    while True:
        try:
            return lock.take({})
        except Held:
            if not told:
                report("kafka", "waiting for another stack that is preparing the same files")
            told = True
            await asyncio.sleep(0.2)


def _create_storage(layout: Layout, cached: Path) -> None:
    home = layout.folder / "kafka"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = properties(home / "data", layout.port("kafka"), layout.port("kafka-controller"))
    write_whole(home / "server.properties", text)
    if not (home / "data").exists():
        (home / "topics-done").unlink(missing_ok=True)
        copy_template(cached, home)


def copy_template(cached: Path, home: Path) -> None:
    """Gives the node in `home` its formatted storage folder."""
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(cached / "template", fresh)
    put_in_place(fresh, home / "data")


async def _format_template(cached: Path, layout: Layout) -> None:
    fresh = empty_folder(cached / "template.new")
    config = cached / "format.properties"
    write_whole(config, properties(fresh, layout.port("kafka"), layout.port("kafka-controller")))
    tool = ("kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(config))
    run = (str(java()), *JVM, "-cp", class_path(cached), *tool)
    await run_once(run, stack=layout.folder, environment={}, log=layout.logs / "kafka-format.log")
    put_in_place(fresh, cached / "template")


def command(cached: Path, config: Path, *options: str) -> tuple[str, ...]:
    """How a node is started on the file `config`."""
    return (str(java()), *JVM, *options, "-cp", class_path(cached), "kafka.Kafka", str(config))


def node(layout: Layout, needs: tuple[str, ...]) -> Program:
    """The node as a program to keep running; a missing or unfit class cache costs time only."""
    cached = kafka_home(layout.cache)
    port = layout.port("kafka")
    return Program(
        name="kafka",
        command=command(
            cached, layout.folder / "kafka" / "server.properties", f"-XX:AOTCache={cached / 'classes.aot'}"
        ),
        ready=lambda: port_answers(port),
        needs=needs,
        ports=("kafka", "kafka-controller"),
        stop_seconds=30.0,
    )
