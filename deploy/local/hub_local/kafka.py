"""Apache Kafka 4 as one KRaft node: broker and controller in one process, on a Java runtime from a wheel."""

import asyncio
import logging
import shutil
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from hub_local.files import Held, Lock, empty_folder, put_in_place, write_whole
from hub_local.kafka_jars import class_path, ensure_jars, java, kafka_home
from hub_local.layout import Layout, StackNotUsable
from hub_local.spawn import end_group, spawn
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
REHEARSAL_SECONDS = 60.0


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
            report("kafka", "rehearsing a start once, so that later ones are quick")
            await _rehearse(cached, layout, report)
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
        _copy_template(cached, home)


def _copy_template(cached: Path, home: Path) -> None:
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(cached / "template", fresh)
    put_in_place(fresh, home / "data")


async def _format_template(cached: Path, layout: Layout) -> None:
    fresh = empty_folder(cached / "template.new")
    config = cached / "format.properties"
    write_whole(config, properties(fresh, layout.port("kafka"), layout.port("kafka-controller")))
    tool = ("kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(config))
    command = (str(java()), *JVM, "-cp", class_path(cached), *tool)
    await run_once(command, stack=layout.folder, environment={}, log=layout.logs / "kafka-format.log")
    put_in_place(fresh, cached / "template")


async def _rehearse(cached: Path, layout: Layout, report: Report) -> None:
    """Starts a node once on a throw-away folder and lets Java write down the classes it used.

    Where that fails, an empty file stands for the cache: Java ignores it, and no later start tries again.
    """
    home = empty_folder(cached / "rehearsal")
    _copy_template(cached, home)
    port = layout.port("kafka")
    write_whole(home / "server.properties", properties(home / "data", port, layout.port("kafka-controller")))
    output = cached / "classes.aot.new"
    output.unlink(missing_ok=True)
    command = _command(cached, home / "server.properties", f"-XX:AOTCacheOutput={output}")
    child = await spawn(command, stack=layout.folder, environment={}, log=layout.logs / "kafka-rehearsal.log")
    try:
        async with asyncio.timeout(REHEARSAL_SECONDS):
            while child.returncode is None and not await port_answers(port):
                await asyncio.sleep(0.1)
            await _use_once(layout.kafka_servers)
            child.terminate()
            await child.wait()
    except (TimeoutError, KafkaError) as error:
        report("kafka", f"no class cache was made ({type(error).__name__}): Kafka starts, a little later")
        output.write_bytes(b"")
    finally:
        end_group(child)
    put_in_place(output, cached / "classes.aot")
    shutil.rmtree(home, ignore_errors=True)


async def _use_once(servers: str) -> None:
    """One topic, one record there and back through a group: the classes of the ordinary work."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a coordinator that is about to be there is no news
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic("rehearsal", 1, 1, topic_configs={"flush.messages": "1"})])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True) as producer:
        await producer.send_and_wait("rehearsal", b"one")
    consumer = AIOKafkaConsumer(
        "rehearsal", bootstrap_servers=servers, group_id="rehearsal", auto_offset_reset="earliest"
    )
    async with consumer:
        await consumer.getone()
        await consumer.commit()
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)


def _command(cached: Path, config: Path, *options: str) -> tuple[str, ...]:
    return (str(java()), *JVM, *options, "-cp", class_path(cached), "kafka.Kafka", str(config))


def node(layout: Layout, needs: tuple[str, ...]) -> Program:
    """The node as a program to keep running; a missing or unfit class cache costs time only."""
    cached = kafka_home(layout.cache)
    port = layout.port("kafka")
    return Program(
        name="kafka",
        command=_command(
            cached, layout.folder / "kafka" / "server.properties", f"-XX:AOTCache={cached / 'classes.aot'}"
        ),
        ready=lambda: port_answers(port),
        needs=needs,
        ports=("kafka", "kafka-controller"),
        stop_seconds=30.0,
    )
