"""Apache Kafka 4 as one KRaft node: what must be there before it starts, and the program that is kept running."""

import asyncio
from pathlib import Path

from hub_local.files import Held, Lock, empty_folder, put_in_place, write_whole
from hub_local.kafka_jars import ensure_jars, kafka_home
from hub_local.kafka_node import command, copy_template, node_command, properties
from hub_local.layout import Layout, StackNotUsable
from hub_local.supervisor import Program, Report, port_answers, run_once

CLUSTER = "mot-cua-hub-local-0000"
"""Cluster id: 16 bytes in base64url without padding, the form that Kafka asks for."""


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


async def _format_template(cached: Path, layout: Layout) -> None:
    fresh = empty_folder(cached / "template.new")
    config = cached / "format.properties"
    write_whole(config, properties(fresh, layout.port("kafka"), layout.port("kafka-controller")))
    run = command(cached, "kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", str(config))
    await run_once(run, stack=layout.folder, environment={}, log=layout.logs / "kafka-format.log")
    put_in_place(fresh, cached / "template")


def node(layout: Layout, needs: tuple[str, ...]) -> Program:
    """The node as a program to keep running; a missing or unfit class cache costs time only."""
    cached = kafka_home(layout.cache)
    port = layout.port("kafka")
    return Program(
        name="kafka",
        command=node_command(
            cached, layout.folder / "kafka" / "server.properties", f"-XX:AOTCache={cached / 'classes.aot'}"
        ),
        ready=lambda: port_answers(port),
        needs=needs,
        ports=("kafka", "kafka-controller"),
        stop_seconds=30.0,
    )
