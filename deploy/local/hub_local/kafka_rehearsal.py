"""One rehearsed start of Kafka, from which Java writes an ahead-of-time cache of the classes it used (JEP 514).

Each later start then takes 1 s instead of 2.5 s, and half the CPU time.
"""

import asyncio
import logging
import shutil
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from hub_local.files import empty_folder, put_in_place, write_whole
from hub_local.kafka_node import copy_template, node_command, properties
from hub_local.layout import Layout
from hub_local.spawn import end_group, spawn
from hub_local.supervisor import Report, port_answers

REHEARSAL_SECONDS = 60.0


async def rehearse(cached: Path, layout: Layout, report: Report) -> None:
    """Starts a node once on a throw-away folder and lets Java write down the classes it used.

    Where that fails, an empty file stands for the cache: Java ignores it, and no later start tries again.
    """
    home = empty_folder(cached / "rehearsal")
    copy_template(cached, home)
    port = layout.port("kafka")
    write_whole(home / "server.properties", properties(home / "data", port, layout.port("kafka-controller")))
    output = cached / "classes.aot.new"
    output.unlink(missing_ok=True)
    run = node_command(cached, home / "server.properties", f"-XX:AOTCacheOutput={output}")
    child = await spawn(run, stack=layout.folder, environment={}, log=layout.logs / "kafka-rehearsal.log")
    try:
        async with asyncio.timeout(REHEARSAL_SECONDS):
            while child.returncode is None and not await port_answers(port):
                await asyncio.sleep(0.1)
            await _use_once(layout.kafka_servers)
            child.terminate()
            await child.wait()
    except (TimeoutError, KafkaError):
        output.unlink(missing_ok=True)
    finally:
        end_group(child)
    if not output.exists():
        report("kafka", "no class cache could be made: Kafka will start more slowly")
        output.touch()
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
