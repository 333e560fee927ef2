"""Ví dụ: two published examples of every event, for readers and writers to test themselves against.

`minimal` says only what must be said; `full` names every field. People and sealed parts are invented; the key of the
sealed parts was thrown away, so that nobody can open them. Files: `examples/<type>/<kind>.json`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hub_events.event import Event, Fact, from_headers
from hub_events.topics import EVENTS, topics_read_by

FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One event as it travels. `body` is the JSON before it becomes bytes."""

    type: str
    kind: Literal["minimal", "full"]
    headers: tuple[tuple[str, bytes], ...]
    body: dict[str, Any]

    @property
    def value(self) -> bytes:
        """The body as bytes, as the record's value."""
        return json.dumps(self.body, ensure_ascii=False).encode()

    @property
    def fact(self) -> Fact[Event]:
        """The event as a handler gets it."""
        return Fact(from_headers(self.headers), EVENTS[self.type].model_validate_json(self.value))

    def __str__(self) -> str:
        return f"{self.type}/{self.kind}"


def examples_of(type: str) -> tuple[Example, Example]:
    """The minimal and the full example of an event type. Raises FileNotFoundError for a type that has none."""
    return _read(type, "minimal"), _read(type, "full")


def examples_read_by(service: str) -> tuple[Example, ...]:
    """Every example on the topics that `service` reads, whether it handles the type or skips it."""
    types = (event.type for topic in topics_read_by(service) for event in topic.events)
    return tuple(example for type in types for example in examples_of(type))


def _read(type: str, kind: Literal["minimal", "full"]) -> Example:
    written = json.loads((FOLDER / type / f"{kind}.json").read_text())
    headers = tuple((name, value.encode()) for name, value in written["headers"].items())
    return Example(type, kind, headers, written["body"])
