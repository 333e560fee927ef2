"""Đột biến: what is nearly right, in every way that a sender gets things wrong; the same seed, the same slips."""

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.canary import NAME, PHONE

CANARY: Final = f"{NAME} {PHONE}"
"""Stands for what is personal: planted in values, and never to be found in what is said about them."""

STRANGE: Final[Sequence[Any]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 0.1, 1e308, float("nan"), float("inf"),
    "", " ", "\0", "\ud800", "\u202e", "é" * 50, "x" * 5_000, "0", "-", "*", "null", "../../etc/passwd", "%00", "{}",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T08:00:00+07:00", "2026-03-02T08:00:00",
    "2026-03-02T08:00:00+07:00", "9999-12-31", "00000000-0000-0000-0000-000000000000", "NaN", "1e999", "１２",
    [], {}, [[]], [None], {"": None}, CANARY, [CANARY], {"x": CANARY},
)  # fmt: skip
DEEP: Final = 2_000
"""Brackets in a row: more than Python's own parser takes."""


def many(quick: int, long: int) -> pytest.MarkDecorator:
    """So many inputs (`count`) in every run of the suite, and so many in a long one."""
    slow = [pytest.mark.long, pytest.mark.timeout(3_600)]
    counts = [pytest.param(quick, id="quick"), pytest.param(long, id="long", marks=slow)]
    return pytest.mark.parametrize("count", counts)


def refused(call: Callable[[], object], kinds: type[Exception] | tuple[type[Exception], ...]) -> str:
    """What the refusal says; empty when there is none. Anything but a refusal of these kinds is raised."""
    try:
        call()
    except kinds as refusal:
        return str(refusal) or type(refusal).__name__
    return ""


class Mutations:
    """Slips of one seed. FUZZ_SEED repeats a run that failed."""

    def __init__(self, seed: int) -> None:
        self.seed = int(os.environ.get("FUZZ_SEED", seed))
        self._random = random.Random(self.seed)

    def all_hold(self, count: int, one: Callable[["Mutations"], None]) -> None:
        """`count` inputs; one that fails is told with seed and number."""
        for number in range(count):
            try:
                one(self)
            except Exception as failed:
                raise AssertionError(f"input {number}, FUZZ_SEED={self.seed}: {failed!r}"[:2_000]) from failed
        print(f"\n{count:,} inputs, FUZZ_SEED={self.seed}")

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def often(self, share: float) -> bool:
        return self._random.random() < share

    def of_json(self, value: Any, slips: int = 3) -> Any:
        """A copy of JSON content with one to `slips` slips in it."""
        root = [json.loads(json.dumps(value))]
        for _ in range(self._random.randint(1, slips)):
            self._slip(root)
        return root[0]

    def of_bytes(self, raw: bytes) -> bytes:
        """The bytes with one to four slips in them."""
        changed = bytearray(raw)
        for _ in range(self._random.randint(1, 4)):
            at = self._random.randrange(len(changed) + 1)
            self.one_of(_BYTE_SLIPS)(self._random, changed, at)
        return bytes(changed)

    def _slip(self, root: list[Any]) -> None:
        """One slip at a random place: another value, none, one too many, one of another name, one too deep."""
        holder, place = self.one_of(list(_places(root)))
        kind = self._random.randrange(10)
        if kind < 5:
            holder[place] = deepcopy(self.one_of(STRANGE))
        elif kind == 5 and holder is not root:
            del holder[place]
        elif kind == 6 and isinstance(holder, list) and holder is not root:
            holder.extend([holder[place]] * self._random.choice((1, 300)))
        elif kind == 7 and isinstance(holder, dict):
            holder[self.one_of(("x", "", "\0", "type", str(place).upper()))] = holder.pop(place)
        elif kind == 8:
            holder[place] = {"x": holder[place]}
        elif isinstance(holder[place], str):
            holder[place] = holder[place] + self.one_of((" ", "\0", "x" * 400, "́", "\n", CANARY))


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in JSON content: its holder, and its name or number there."""
    inner = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for place, value in list(inner):
        yield holder, place
        if isinstance(value, dict | list):
            yield from _places(value)


def _flip(chance: random.Random, raw: bytearray, at: int) -> None:
    if at < len(raw):
        raw[at] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, raw: bytearray, at: int) -> None:
    del raw[at : at + chance.choice((1, 2, 8, len(raw)))]


def _double(chance: random.Random, raw: bytearray, at: int) -> None:
    raw[at:at] = raw[at : at + chance.choice((1, 4, 64))]


def _insert(chance: random.Random, raw: bytearray, at: int) -> None:
    strange = (b"\x00", b"\xff", b"\xed\xa0\x80", b'"', b"}", b"[" * DEEP, b"1e999", b"\\u0000", b"\r\n", b".", b" ")
    raw[at:at] = chance.choice(strange)


_BYTE_SLIPS: Final[Sequence[Callable[[random.Random, bytearray, int], None]]] = (_flip, _flip, _cut, _double, _insert)
