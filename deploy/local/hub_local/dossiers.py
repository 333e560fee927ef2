"""Hồ sơ mẫu: dossiers of invented people for real procedures, for the demo, the bench and the tests.

Everything is a function of the dossier's number, so that two runs submit the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice, product
from typing import Any

from hub_worktime import parse_term

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 02/03/2026 08:00 in Vietnam: the business time at which they begin to come in."""

SURNAMES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ")
MIDDLE_NAMES = ("Văn", "Thị", "Đức", "Ngọc", "Minh", "Thu")
UNCOVERED = frozenset({"vehicle-inspection"})
"""Kinds of agency that the reference data leaves without a competent office on purpose (docs/reference-data.md)."""
GIVEN_NAMES = ("An", "Bình", "Châu", "Dũng", "Giang", "Hạnh", "Khánh", "Lan", "Mai", "Phúc", "Quỳnh", "Sơn", "Yến")


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to hand in a dossier: a procedure by one of its channels and cases, with the term that then holds."""

    procedure: Mapping[str, Any]
    channel: str
    case: str | None
    term: str


def offers(procedures: Iterable[Mapping[str, Any]]) -> list[Offer]:
    """Every (procedure, channel, case) for which the catalogue states a term."""
    found = []
    for procedure in procedures:
        for row in procedure["terms"]:
            channel = row["channel"] or "counter"
            found.append(Offer(procedure, channel, row["case"], row["text"]))
    return found


def one_of_each(found: Sequence[Offer]) -> list[Offer]:
    """The offers in turns: first one of each procedure, then their other channels and cases."""
    turns: dict[str, list[Offer]] = {}
    for offer in found:
        turns.setdefault(offer.procedure["code"], []).append(offer)
    longest = max(map(len, turns.values()))
    return [rows[turn] for turn in range(longest) for rows in turns.values() if turn < len(rows)]


def pairs(
    found: Sequence[Offer], desks: Sequence[Mapping[str, Any]], count: int
) -> list[tuple[Offer, Mapping[str, Any]]]:
    """`count` pairs of offer and desk; every offer comes early, and the desks take turns."""
    desk_turns = cycle(desks)
    return [(offer, next(desk_turns)) for offer in islice(cycle(found), count)]


def submission(number: int, offer: Offer, desk: Mapping[str, Any], *, officer: str | None = None) -> dict[str, Any]:
    """The body of POST /v1/dossiers for dossier `number`; with `officer`, accepted in the same step."""
    name = full_name(number)
    body: dict[str, Any] = {
        "procedure_code": offer.procedure["code"],
        "desk_code": desk["code"],
        "channel": offer.channel,
        "territory": desk["territory"],
        "applicant": {"kind": "citizen", "full_name": name, "personal_id": f"001{number:09d}"},
        "contact": {"full_name": name, "phone": f"09{number % 100_000_000:08d}"},
        "request": f"Đề nghị giải quyết thủ tục {offer.procedure['name']}"[:500],
        "components": components(offer),
    }
    if offer.case is not None:
        body["case"] = offer.case
    if officer is not None:
        body["acceptance"] = {"officer": officer}
    return body


def components(offer: Offer) -> list[dict[str, Any]]:
    """All components that the procedure asks for in this case."""
    return [
        {"code": part["code"], "originals": part["originals"], "copies": part["copies"], "electronic": False}
        for part in offer.procedure["components"]
        if part["case"] in (None, offer.case)
    ]


def full_name(number: int) -> str:
    """An invented name."""
    names = list(product(GIVEN_NAMES, MIDDLE_NAMES, SURNAMES))
    given, middle, surname = names[number * 7 % len(names)]
    return f"{surname} {middle} {given}"


def agency_kind(offer: Offer) -> str:
    """The kind of agency that resolves the dossier."""
    return str(offer.procedure["legs"][0]["agency_kind"])


def is_countable(offer: Offer) -> bool:
    """Whether the term gives a date by itself; else an officer must set one, or there is none."""
    return parse_term(offer.term).unit is not None
