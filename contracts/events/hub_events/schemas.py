"""JSON Schemas of all published events: generated from the models, committed, compared.

`python -m hub_events.schemas` writes them; `--check` exits 1 when the committed ones differ from the models.
"""

import json
import sys
from pathlib import Path

from hub_events.event import Event
from hub_events.topics import EVENTS

FOLDER = Path(__file__).parent / "schemas"


def schema_of(event: type[Event]) -> str:
    """The JSON Schema (2020-12) of an event's body, as the committed file holds it."""
    body = event.model_json_schema(mode="serialization")
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": event.type, **body}
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def differing() -> list[str]:
    """Types whose committed schema is absent, stale, or no longer has a model."""
    committed = {file.stem: file.read_text() for file in FOLDER.glob("*.json")}
    current = {event.type: schema_of(event) for event in EVENTS.values()}
    return sorted(name for name in committed.keys() | current.keys() if committed.get(name) != current.get(name))


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        for name in differing():
            print(f"{name}: committed schema and model differ; run `make schemas`, or add a V2 if it breaks readers")
        return 1 if differing() else 0
    FOLDER.mkdir(exist_ok=True)
    for name in differing():
        file = FOLDER / f"{name}.json"
        if name in EVENTS:
            file.write_text(schema_of(EVENTS[name]))
        else:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
