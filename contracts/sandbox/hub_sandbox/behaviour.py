"""Cách cư xử của bên kia: how an agency or the SMS gateway behaves, honest unless told otherwise.

Set over HTTP: `PUT /behaviours/<agency code, sms, or * for every agency without its own>` with a Behaviour as body.
Some that tests and the demo use:

| Behaviour | Body |
|---|---|
| honest | `{}` |
| with steps | `{"steps": true}` |
| slow by 3 s | `{"answer_seconds": 3}` |
| down, down for 20 s | `{"down": "unavailable"}`, `{"down": "reset", "down_seconds": 20}`; `hold` never answers |
| fails twice, then honest | `{"fail_times": 2}` |
| fails three of ten, by a seed | `{"fail_share": 0.3, "seed": 7}` |
| refuses | `{"refuse_status": 422}` |
| takes it, but answers after the time-out | `{"late_answer_seconds": 30}` |
| takes it and cuts the connection | `{"cut_after_effect": true}`; before the effect: `{"down": "reset"}` |
| makes an effect of every request, whatever its key | `{"honours_key": false}` |
| answers no question about a key | `{"status_query": false}` |
| calls back 60 s later, or on command | `{"callback_seconds": 60}`, `{"callback": "on_command"}` |
| calls back twice | `{"completed": "twice"}`; with another webhook-id: `"twice_with_another_id"` |
| says everything ten times | `{"callback_times": 10}` |
| says two results under one id | `{"completed": "another_body_same_id"}` |
| out of order | `{"out_of_order": true}` |
| asks for a supplement first | `{"asks_supplement": true}` |
| told to stop: can't, its decision exists | `{"cancellation": "decided"}` |
| told to stop: agrees later, by a callback; takes it and never answers | `{"cancellation": "later"}`; `"silent"` |
| told to stop: knows no such call (404) | `{"cancellation": "refuses"}` |
"""

import random
import time
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

EVERY_AGENCY = "*"
SMS = "sms"


class Behaviour(BaseModel):
    """All members optional; the defaults are an honest party that answers in 5 ms and calls back 50 ms later."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    answer_seconds: float = Field(default=0.005, ge=0, le=600)
    late_answer_seconds: float = Field(default=0, ge=0, le=600)
    down: Literal["unavailable", "hold", "reset"] | None = None
    down_seconds: float | None = Field(default=None, gt=0, le=86_400)
    """Real seconds from the moment it was set; None: until it is set otherwise."""
    fail_times: int = Field(default=0, ge=0, le=1_000_000)
    fail_share: float = Field(default=0, ge=0, le=1)
    """Which requests fail follows from `seed` and their number alone."""
    seed: int = 0
    refuse_status: int | None = Field(default=None, ge=400, le=499)
    cut_after_effect: bool = False
    honours_key: bool = True
    status_query: bool = True
    callback: Literal["automatic", "on_command", "never"] = "automatic"
    callback_seconds: float = Field(default=0.05, ge=0, le=86_400)
    steps: bool = False
    out_of_order: bool = False
    callback_times: int = Field(default=1, ge=1, le=100)
    completed: Literal["once", "twice", "twice_with_another_id", "another_body_same_id"] = "once"
    asks_supplement: bool = False
    cancellation: Literal["as_it_stands", "stopped", "decided", "unknown", "later", "silent", "refuses"] = (
        "as_it_stands"
    )
    """`as_it_stands`: decided once the result was sent, unknown if it never got the dossier, else it stops."""
    result: Literal["approved", "rejected"] = "approved"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a request meets instead of an answer: a status, or a connection held or cut."""

    status: int | None
    connection: Literal["hold", "reset"] | None = None


class Behaviours:
    """Who behaves how, now."""

    def __init__(self, default: Behaviour) -> None:
        self._default = default
        self._set: dict[str, Behaviour] = {}
        self._set_at: dict[str, float] = {}
        self._failed: dict[str, int] = {}
        self._chance: dict[str, random.Random] = {}

    def set(self, party: str, behaviour: Behaviour) -> None:
        self._set[party] = behaviour
        self._set_at[party] = time.monotonic()
        self._failed[party] = 0
        self._chance[party] = random.Random(behaviour.seed)

    def reset(self) -> None:
        """Everybody is as at the start."""
        self._set.clear()
        self._set_at.clear()
        self._failed.clear()
        self._chance.clear()

    def all(self) -> dict[str, Behaviour]:
        return dict(self._set)

    def of(self, party: str) -> Behaviour:
        return self._set.get(self._key(party), self._default)

    def trouble(self, party: str) -> Trouble | None:
        """What a request to `party` meets now; counts it where the behaviour counts failures."""
        key = self._key(party)
        behaviour = self._set.get(key)
        if behaviour is None:
            return None
        if behaviour.down and self._still_down(key, behaviour):
            return Trouble(503) if behaviour.down == "unavailable" else Trouble(None, behaviour.down)
        if self._failed[key] < behaviour.fail_times:
            self._failed[key] += 1
            return Trouble(503)
        if behaviour.fail_share and self._chance[key].random() < behaviour.fail_share:
            return Trouble(503)
        return Trouble(behaviour.refuse_status) if behaviour.refuse_status else None

    def _still_down(self, key: str, behaviour: Behaviour) -> bool:
        return behaviour.down_seconds is None or time.monotonic() - self._set_at[key] < behaviour.down_seconds

    def _key(self, party: str) -> str:
        return party if party in self._set or party == SMS else EVERY_AGENCY
