"""Tài liệu sự kiện: the AsyncAPI 3.0 document of all topics, made from table, models and examples.

A channel is a topic, a message an event; every service sends on its own topic and receives what it reads. Payload
schemas hold nothing that JSON Schema draft-07 doesn't know, so that every AsyncAPI tool can read them.
"""

from importlib.metadata import version
from inspect import getdoc
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from hub_events.event import Event
from hub_events.examples import examples_of
from hub_events.topics import COMPACTED, EVENTS, TOPICS, Topic

Json = dict[str, Any]

KAFKA_BINDING: Final = "0.5.0"
DAY_MS: Final = 86_400_000
HEADERS: Final = "EventHeaders"
REFERENCE_HEADERS: Final = "ReferenceEventHeaders"
REQUIRED_HEADERS: Final = (
    "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_recordedtime",
)  # fmt: skip
_DOSSIER: Final = ({"type": "string", "format": "uuid"}, "Mã định danh hồ sơ")
_REFERENCE: Final = ({"type": "string"}, "loại/mã@phiên bản")


def asyncapi_document() -> Json:
    """The whole document; the same models give the same document."""
    services = sorted({name for topic in TOPICS for name in (topic.producer, *topic.readers)})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Trục liên thông một cửa: sự kiện",
            "version": version("hub-events"),
            "description": (
                "Mọi chủ đề Kafka của trục: ai nói, ai đọc, nói gì. Khóa của bản ghi là mã định danh hồ sơ, nên thứ tự"
                " các sự kiện của một hồ sơ trong một chủ đề được giữ; ở chủ đề dữ liệu tham chiếu khóa là"
                " loại/mã@phiên bản và bản ghi cuối của mỗi khóa được giữ mãi. CloudEvents 1.0, dạng nhị phân. Người"
                " đọc bỏ qua trường không biết: một phiên bản có thể thêm trường tùy chọn, không bao giờ bớt hay đổi"
                " nghĩa."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for service in services for name, operation in _operations(service).items()},
        "components": {
            "messages": {event.type: _message(event) for event in EVENTS.values()},
            "schemas": {**_payloads(), HEADERS: _headers(_DOSSIER), REFERENCE_HEADERS: _headers(_REFERENCE)},
            "correlationIds": {
                "story": {
                    "description": "Sự kiện hoặc yêu cầu đầu tiên của chuỗi.",
                    "location": "$message.header#/ce_correlationid",
                }
            },
        },
    }


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Dịch vụ {topic.producer} nói; {', '.join(topic.readers)} đọc. {_kept(topic)}",
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in topic.events},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": -1 if topic.compacted else topic.retention_days * DAY_MS,
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "Giữ mãi bản ghi cuối của mỗi khóa (compacted)."
    return f"Giữ {topic.retention_days} ngày."


def _operations(service: str) -> Json:
    actions = [
        ("send" if topic.producer == service else "receive", topic)
        for topic in TOPICS
        if service == topic.producer or service in topic.readers
    ]
    return {
        f"{service}.{action}.{topic.name}": {
            "action": action,
            "title": f"{service} {'nói' if action == 'send' else 'đọc'} {topic.name}",
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{event.type}"} for event in topic.events],
            "tags": [{"name": service}],
        }
        for action, topic in actions
    }


def _message(event: type[Event]) -> Json:
    said = getdoc(event) or event.type
    headers, (kind, meaning) = (REFERENCE_HEADERS, _REFERENCE) if event.type in COMPACTED else (HEADERS, _DOSSIER)
    return {
        "name": event.type,
        "title": said.partition(":")[0],
        "description": said,
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": f"#/components/schemas/{headers}"},
                {"type": "object", "properties": {"ce_type": {"const": event.type}}},
            ]
        },
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "correlationId": {"$ref": "#/components/correlationIds/story"},
        "bindings": {
            "kafka": {
                "key": {**kind, "description": f"{meaning}, cũng là ce_subject."},
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "examples": [
            {
                "name": example.kind,
                "headers": {name: value.decode() for name, value in example.headers},
                "payload": example.body,
            }
            for example in examples_of(event.type)
        ],
    }


def _payloads() -> Json:
    models = [(event, "serialization") for event in EVENTS.values()]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    found: Json = schemas["$defs"]
    return found


def _headers(about: tuple[Json, str]) -> Json:
    """What `hub_events.event.to_headers` writes."""
    subject, named = about
    text: Json = {"type": "string"}
    uuid, moment = {**text, "format": "uuid"}, {**text, "format": "date-time"}
    meanings: tuple[tuple[str, Json, str], ...] = (
        ("ce_specversion", {**text, "const": "1.0"}, "CloudEvents 1.0."),
        ("ce_id", uuid, "Mã sự kiện: gửi lại vẫn cùng mã, nên người đọc nhận ra bản lặp."),
        ("ce_type", text, "Tên và phiên bản của sự kiện."),
        ("ce_source", text, "Dịch vụ nói: /hub/<tên>."),
        ("ce_subject", subject, f"{named}; cũng là khóa của bản ghi."),
        ("ce_time", moment, "Thời điểm nghiệp vụ, UTC."),
        ("ce_recordedtime", moment, "Thời điểm máy ghi nhận, UTC."),
        ("ce_causationid", uuid, "Sự kiện hoặc yêu cầu trực tiếp dẫn tới sự kiện này."),
        ("ce_correlationid", uuid, "Sự kiện hoặc yêu cầu đầu tiên của chuỗi."),
        ("traceparent", text, "W3C Trace Context."),
        ("content-type", {**text, "const": "application/json"}, "Kiểu của nội dung."),
    )
    return {
        "type": "object",
        "title": "Tiêu đề bản ghi",
        "required": list(REQUIRED_HEADERS),
        "properties": {name: {**kind, "description": meaning} for name, kind, meaning in meanings},
    }
