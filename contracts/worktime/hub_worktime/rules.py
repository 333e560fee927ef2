"""Quy tắc tính thời hạn: what the arithmetic rests on, as data, each with article, validity and certainty mark."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Source:
    """Căn cứ pháp lý. `valid_to` is the last day. Certainty: V read, V2 secondary, R recalled, U uncertain, D ours."""

    article: str
    valid_from: date | None
    valid_to: date | None
    certainty: str

    def in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Rule:
    """Một quy tắc tính thời hạn, with every source it ever rested on."""

    id: str
    says: str
    sources: tuple[Source, ...]

    def sources_on(self, day: date) -> tuple[Source, ...]:
        """Căn cứ còn hiệu lực on that day: expired law is never quoted as in force."""
        return tuple(source for source in self.sources if source.in_force(day))

    def quoted_on(self, day: date) -> str:
        """The rule as a sentence for the person who asks why, with what it rests on that day."""
        articles = "; ".join(source.article for source in self.sources_on(day))
        return f"{self.says} ({articles})" if articles else self.says


@dataclass(frozen=True)
class RuleSet:
    """Bộ quy tắc, `id` with version such as `general@2026.1`."""

    id: str
    rules: Mapping[str, Rule]


GENERAL = "general@2026.1"


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@cache
def load_rules(id: str = GENERAL) -> RuleSet:
    """A published rule set. LookupError if there is none of that id and version."""
    path = files("hub_worktime") / "data" / "rules" / f"{id}.json"
    if not path.is_file():
        raise LookupError(f"no rule set {id!r}")
    rules = {}
    for rule in json.loads(path.read_text(encoding="utf-8"))["rules"]:
        sources = tuple(
            Source(entry["article"], _day(entry["valid_from"]), _day(entry["valid_to"]), entry["certainty"])
            for entry in rule["sources"]
        )
        rules[rule["id"]] = Rule(rule["id"], rule["says"], sources)
    return RuleSet(id, rules)
