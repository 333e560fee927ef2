"""Cỡ phép đo: how much each scenario of `hub bench` does; every size can be set, smaller ones for a try."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from hub_local.layout import SettingWrong


@dataclass(frozen=True, slots=True)
class Sizes:
    """Whole numbers; those with several values are measured one after the other."""

    lifecycles: int = 6000
    """Dossiers of a closed loop."""
    rate: int = 50
    """Dossiers a second of an open loop."""
    seconds: int = 20
    """How long an open loop lasts."""
    backlog: int = 100_000
    """Accepted dossiers that stopped readers find when they start."""
    open_rows: int = 20_000
    """Hand-overs and messages that stand open when routing and notify start."""
    lanes: int = 500
    sick: int = 15
    """Lanes that are dead, slow or failing, a third each."""
    growth: tuple[int, ...] = (0, 1_000_000, 5_000_000)
    """Finished dossiers in the databases, rising."""
    register: int = 1_000_000
    """Dossiers of the past that lists and counts go over."""
    searches: int = 960
    """Lists, lists by date, counts: so many of each."""
    texts: int = 5600
    """Published procedures that are imported."""
    workers: tuple[int, ...] = (1, 2, 4)
    """Processes of each service that read events."""
    partitions: tuple[int, ...] = (6, 12, 24)
    """Of each topic."""
    kill_seconds: int = 60
    """How long the load lasts in which one process is killed."""
    outage_seconds: int = 10
    """How long a server is away."""


SEVERAL = ("growth", "workers", "partitions")
MAY_BE_ZERO = ("growth", "sick")


def with_sizes(sizes: Sizes, wishes: Iterable[str]) -> Sizes:
    """`sizes` changed as wished: `backlog=2000`, `growth=0,10000`. Raises SettingWrong."""
    for wish in wishes:
        name, _, text = wish.partition("=")
        known = [field.name for field in fields(Sizes)]
        if name not in known:
            raise SettingWrong(f"--size {wish}: there is no size {name!r}; there are {', '.join(known)}")
        numbers = tuple(_number(name, part) for part in text.split(","))
        if name not in SEVERAL and len(numbers) > 1:
            raise SettingWrong(f"--size {wish}: {name} is one number")
        if list(numbers) != sorted(numbers):
            raise SettingWrong(f"--size {wish}: the numbers must rise")
        changed: dict[str, Any] = {name: numbers if name in SEVERAL else numbers[0]}
        sizes = replace(sizes, **changed)
    return sizes


def _number(name: str, text: str) -> int:
    least = 0 if name in MAY_BE_ZERO else 1
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise SettingWrong(f"--size {name}={text}: expected a whole number from {least}")
    return int(text)
