"""How a node of Kafka is set and started: broker and controller in one process, on a Java runtime from a wheel."""

import shutil
from pathlib import Path

from hub_local.files import put_in_place
from hub_local.kafka_jars import class_path, java

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
        # The usual five minutes are longer than a test waits for old records to go.
        "log.retention.check.interval.ms": 5000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        # A node that was killed may register again only when its former session has run out.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 1000,
        # Otherwise an idle node writes and syncs its metadata log twice a second.
        "metadata.max.idle.interval.ms": 0,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def command(cached: Path, program: str, *arguments: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """How one of Kafka's programs is run; `options` are for Java."""
    return (str(java()), *JVM, *options, "-cp", class_path(cached), program, *arguments)


def node_command(cached: Path, config: Path, *options: str) -> tuple[str, ...]:
    """How a node is started on the file `config`."""
    return command(cached, "kafka.Kafka", str(config), options=options)


def copy_template(cached: Path, home: Path) -> None:
    """Gives the node in `home` its formatted storage folder."""
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(cached / "template", fresh)
    put_in_place(fresh, home / "data")
