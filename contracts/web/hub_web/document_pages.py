"""Trang tài liệu: the HTML of an OpenAPI or AsyncAPI document of this hub; Vietnamese labels first."""

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

Json = dict[str, Any]

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--accent:#0a6cbd}
@media(prefers-color-scheme:dark){:root{--accent:#6cb8f6}}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem 1.25rem 4rem}
h1{margin-bottom:.25rem}h2{margin-top:2.75rem;border-top:1px solid var(--line);padding-top:1rem;overflow-wrap:anywhere}
h3{margin:1.5rem 0 .25rem}a{color:var(--accent)}nav ul{list-style:none;padding:0}nav li{margin:.2rem 0}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem}
th{font-weight:600;border-bottom:2px solid var(--line)}td{border-bottom:1px solid var(--soft);overflow-wrap:anywhere}
code,pre{font:.875em ui-monospace,monospace;background:var(--soft);border-radius:3px;padding:.1em .3em}
pre{padding:.75rem;overflow:auto}small,i{opacity:.75;font-weight:400}.verb{display:inline-block;min-width:4em}
"""
LIMITS = {
    "format": "dạng {}",
    "pattern": "mẫu {}",
    "minLength": "từ {} ký tự",
    "maxLength": "đến {} ký tự",
    "minimum": "từ {}",
    "exclusiveMinimum": "trên {}",
    "maximum": "đến {}",
    "minItems": "từ {} mục",
    "maxItems": "đến {} mục",
}
KINDS = {"string": "chuỗi", "integer": "số nguyên", "number": "số", "boolean": "đúng/sai", "null": "không có"}
BYTES = {"type": "string", "format": "binary"}
PLACES = {"path": "đường dẫn", "query": "truy vấn", "header": "tiêu đề"}
VERBS = ("head", "get", "post", "put", "patch", "delete")
FIELD_COLUMNS = ("Trường|field", "Kiểu|type", "Bắt buộc|required", "Giải thích|meaning")


def openapi_page(document: Json, *, with_events: bool = False) -> str:
    """A service's routes: who may call each, what it takes, what it answers."""
    operations = [
        (f"{verb.upper()} {path}", item[verb])
        for path, item in sorted(document["paths"].items())
        for verb in VERBS
        if verb in item
    ]
    contents = ((name, operation["operationId"], operation.get("description", "")) for name, operation in operations)
    events = '; <a href="/docs/events">sự kiện qua Kafka <i>events</i></a>' if with_events else ""
    return _page(
        document["info"],
        f'<p>Cho chương trình <i>for programs</i>: <a href="/openapi.json">OpenAPI 3.1</a>{events}.</p>',
        _contents(contents),
        *(_operation(name, operation) for name, operation in operations),
        _schemas(document["components"]["schemas"]),
    )


def asyncapi_page(document: Json) -> str:
    """The topics: who speaks and who reads, every event with its fields and examples."""
    components = document["components"]
    messages: Json = components["messages"]
    payloads = {_name_in(message["payload"]["$ref"]) for message in messages.values()}
    shared = {name: schema for name, schema in components["schemas"].items() if name not in payloads}
    contents = ((name, name, channel["description"]) for name, channel in document["channels"].items())
    return _page(
        document["info"],
        f"<p>{_prose(document['info']['description'])}</p>",
        '<p>Cho chương trình <i>for programs</i>: <a href="/asyncapi.json">AsyncAPI 3.0</a>;'
        ' <a href="/docs">giao diện HTTP <i>HTTP API</i></a>.'
        ' Mọi bản ghi mang <a href="#schema-EventHeaders">tiêu đề chung <i>headers</i></a>.</p>',
        _contents(contents),
        *(_channel(name, channel, components) for name, channel in document["channels"].items()),
        _schemas(shared),
    )


def _page(info: Json, *parts: str) -> str:
    title = escape(info["title"])
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>'
        f"<body><h1>{title} <small>{escape(info['version'])}</small></h1>{''.join(parts)}</body></html>"
    )


def _contents(entries: Iterable[tuple[str, str, str]]) -> str:
    lines = (
        f'<li><a href="#{escape(anchor)}"><code>{escape(name)}</code></a> {_prose(said.partition(chr(10))[0])}</li>'
        for name, anchor, said in entries
    )
    return f"<nav><ul>{''.join(lines)}</ul></nav>"


def _operation(name: str, operation: Json) -> str:
    verb, path = name.split()
    parts = [
        f'<h2 id="{escape(operation["operationId"])}"><span class="verb">{verb}</span> {escape(path)}</h2>',
        f"<p>{_prose(operation.get('description', ''))}</p>",
        f"<p><b>Ai được gọi</b> <i>credential</i>: {_credentials(operation['security'])}</p>",
    ]
    if parameters := operation.get("parameters"):
        rows = (
            (
                f"<code>{escape(given['name'])}</code><br><small>{PLACES.get(given['in'], given['in'])}</small>",
                _type(given["schema"]),
                _required(given.get("required", False)),
                _prose(given.get("description", "")),
            )
            for given in parameters
        )
        parts.append(_labelled("Tham số|parameters", _table(FIELD_COLUMNS, rows)))
    if body := operation.get("requestBody"):
        parts.append(_labelled("Nội dung gửi|request body", f"<p>{_content(body)}</p>"))
    answers = (
        (f"<code>{escape(status)}</code>" if status != "default" else "lỗi <i>any error</i>", _content(answer))
        for status, answer in operation["responses"].items()
    )
    parts.append(_labelled("Trả lời|answers", _table(("Mã|status", "Nội dung|body"), answers)))
    return "".join(parts)


def _credentials(security: list[Json]) -> str:
    return " hoặc ".join(
        f"mã truy cập có quyền <code>{escape(scopes[0])}</code>" if scopes else "chữ ký Standard Webhooks"
        for requirement in security
        for scopes in requirement.values()
    )


def _content(answer: Json) -> str:
    kinds = [
        f"{_type(part.get('schema', BYTES))} <small>{escape(media)}</small>"
        for media, part in answer.get("content", {}).items()
    ]
    return "<br>".join(kinds) or "không có nội dung <i>nothing</i>"


def _channel(name: str, channel: Json, components: Json) -> str:
    messages = (_message(type, components["messages"][type], components["schemas"]) for type in channel["messages"])
    return f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{_prose(channel["description"])}</p>{"".join(messages)}'


def _message(type: str, message: Json, schemas: Json) -> str:
    model = _name_in(message["payload"]["$ref"])
    examples = (
        f"<details><summary>Ví dụ <i>example</i>: {escape(example['name'])}</summary><pre>"
        f"{escape(json.dumps(_without_name(example), ensure_ascii=False, indent=2))}</pre></details>"
        for example in message["examples"]
    )
    return (
        f'<h3 id="schema-{escape(model)}"><code>{escape(type)}</code></h3><p>{_prose(message["description"])}</p>'
        f"{_fields(schemas[model])}{''.join(examples)}"
    )


def _without_name(example: Json) -> Json:
    return {key: value for key, value in example.items() if key != "name"}


def _schemas(schemas: Json) -> str:
    parts = (
        f'<h3 id="schema-{escape(name)}">{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
        f"{_fields(schema) if 'properties' in schema else f'<p>{_type(schema)}</p>'}"
        for name, schema in sorted(schemas.items())
    )
    return f'<h2 id="schemas">Kiểu dữ liệu <i>schemas</i></h2>{"".join(parts)}'


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = (
        (
            f"<code>{escape(name)}</code>",
            _type(field),
            _required(name in required),
            _prose(field.get("description", "")) + _default(field),
        )
        for name, field in schema.get("properties", {}).items()
    )
    return _table(FIELD_COLUMNS, rows)


def _type(schema: Json) -> str:
    """What a value may be, in a few words; a named type is a link."""
    if "$ref" in schema:
        name = escape(_name_in(schema["$ref"]))
        return f'<a href="#schema-{name}">{name}</a>'
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        none_first = sorted(choices, key=lambda choice: choice.get("type") != "null")
        return " hoặc ".join(_type(choice) for choice in none_first)
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " · ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"danh sách {_type(schema.get('items', {}))}{_limits(schema)}"
    if schema.get("type") == "object" or "additionalProperties" in schema:
        values = schema.get("additionalProperties")
        return f"đối tượng, mỗi giá trị là {_type(values)}" if isinstance(values, dict) else "đối tượng JSON"
    return KINDS.get(schema.get("type", ""), "giá trị JSON bất kỳ") + _limits(schema)


def _limits(schema: Json) -> str:
    found = [
        words.format(f"<code>{escape(str(schema[name]))}</code>") for name, words in LIMITS.items() if name in schema
    ]
    return f"<br><small>{', '.join(found)}</small>" if found else ""


def _default(schema: Json) -> str:
    if schema.get("default") in (None, [], {}):
        return ""
    return f" <small>mặc định <code>{escape(json.dumps(schema['default'], ensure_ascii=False))}</code></small>"


def _required(required: bool) -> str:
    return "có" if required else "không"


def _labelled(label: str, content: str) -> str:
    return f"<h3>{_label(label)}</h3>{content}"


def _label(label: str) -> str:
    vietnamese, _, english = label.partition("|")
    return f"{vietnamese} <i>{english}</i>"


def _table(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{_label(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _prose(text: str) -> str:
    """A docstring's text: words in backquotes are code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _name_in(reference: str) -> str:
    return reference.rpartition("/")[2]
