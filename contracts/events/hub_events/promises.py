"""Lời hứa về sự kiện: what a change of events and topics breaks, over their published JSON Schemas and AsyncAPI.

An event travels both ways between versions: what was written before stays in Kafka and must be read, and readers that
know only the published shape must read what is written now.
"""

import math
from collections.abc import Iterator, Mapping

from hub_events.compatibility import Break, Flow, Schema, shape_breaks


def event_breaks(published: Mapping[str, Schema], current: Mapping[str, Schema]) -> list[Break]:
    """What breaks when the published events, by type, become the current ones. New types break nothing."""
    found: list[Break] = []
    for type, schema in published.items():
        if type in current:
            found += shape_breaks(type, schema, current[type], _both_ways(type))
        else:
            harm = "its records in Kafka can't be read and its readers wait in vain"
            found.append(Break(type, "the event is gone", harm, "put it back, though nobody need say it any more"))
    return found


def _both_ways(type: str) -> Flow:
    name, _, version = type.rpartition(".v")
    return Flow(
        heard="our services can't read as before what is in Kafka already",
        said="readers that know the published shape can't read what we write",
        instead=f"publish {name}.v{int(version) + 1} beside {type}",
    )


def topic_breaks(published: Schema, current: Schema) -> list[Break]:
    """What breaks when one AsyncAPI 3 document becomes the other. Payloads are compared by `event_breaks`."""
    return [*_channel_breaks(published, current), *_operation_breaks(published, current)]


def _channel_breaks(published: Schema, current: Schema) -> Iterator[Break]:
    for name, old in published["channels"].items():
        new = current["channels"].get(name)
        if new is None or new["address"] != old["address"]:
            harm = "its readers hear nothing more and what it holds is not read"
            yield Break(name, "the topic is gone or renamed", harm, "keep it, and say new events on a topic beside it")
            continue
        for type in old["messages"].keys() - new["messages"].keys():
            harm = "its readers look for it here, and its order among the others is lost"
            yield Break(name, f"{type} is no longer said here", harm, "keep the event on its topic")
        yield from _kafka_breaks(name, old, new)
        for type in sorted(old["messages"].keys() & new["messages"].keys()):
            before, after = (_message(document, type) for document in (published, current))
            if _kafka(before).get("key") != _kafka(after).get("key"):
                harm = "events of one dossier may overtake each other"
                yield Break(f"{name}: {type}", "the key changed", harm, "keep the key, or use a new topic")
            yield from _header_breaks(type, before, after, (published, current))


def _kafka_breaks(name: str, old: Schema, new: Schema) -> Iterator[Break]:
    before, after = _kafka(old), _kafka(new)
    if before.get("partitions") != after.get("partitions"):
        harm = "a dossier's events fall on two partitions and lose their order"
        yield Break(name, "the number of partitions changed", harm, "move to a new topic once the old one is read")
    old_topic, new_topic = (binding.get("topicConfiguration", {}) for binding in (before, after))
    if old_topic.get("cleanup.policy") != new_topic.get("cleanup.policy"):
        harm = "its readers rely on what is kept of it"
        yield Break(name, "records are kept by another rule", harm, "use a new topic beside it")
        return
    kept, keeps = (float(topic.get("retention.ms", 0)) for topic in (old_topic, new_topic))
    kept, keeps = (math.inf if milliseconds < 0 else milliseconds for milliseconds in (kept, keeps))
    if keeps < kept:
        what = f"records are kept {keeps:.0f} ms instead of {kept:.0f}"
        yield Break(name, what, "a reader that was away as long as it may misses some", "keep them as long as before")


def _header_breaks(type: str, old: Schema, new: Schema, roots: tuple[Schema, Schema]) -> Iterator[Break]:
    flow = Flow(
        heard="our services refuse records that are in Kafka already",
        said="readers can't tell what a record is",
        instead="keep the headers as they are and add others beside them",
    )
    yield from shape_breaks(f"headers of {type}", old["headers"], new["headers"], flow, roots)


def _operation_breaks(published: Schema, current: Schema) -> Iterator[Break]:
    for name, old in published["operations"].items():
        if name in current["operations"]:
            continue
        topic = old["channel"]["$ref"].rpartition("/")[2]
        (service,) = (tag["name"] for tag in old["tags"])
        if old["action"] == "send":
            harm = "two services would say the same things at once while versions change"
            yield Break(topic, f"{service} no longer says it", harm, "keep the producer; a new one gets its own topic")


def _message(document: Schema, type: str) -> Schema:
    message: Schema = document["components"]["messages"][type]
    return message


def _kafka(part: Schema) -> Schema:
    binding: Schema = part.get("bindings", {}).get("kafka", {})
    return binding
