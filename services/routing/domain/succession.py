"""Cơ quan kế thừa: who has the tasks of an agency that is no more, as the directory says (published by intake).

A rule of the competence table may name an agency that was merged: from the day after its last day on, its dossiers go
to its successor, without a new table. What was routed before stays where it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.routing.domain.competence import Agency


@dataclass(frozen=True, slots=True)
class AgencyVersion:
    """Cơ quan in one version. `key`: kind/code@first day; of two that have the same, the higher edition counts."""

    key: str
    edition: int
    code: str
    name: str
    valid_from: date
    valid_to: date | None
    withdrawn: bool
    successor: str | None


def heirs(versions: Iterable[AgencyVersion], day: date) -> Mapping[str, Agency]:
    """Who has the tasks on `day`, by the code of each agency that has ended before and is succeeded.

    A successor that is not known yet is waited for: until then the chain ends before it.
    """
    newest: dict[str, AgencyVersion] = {}
    for version in versions:
        known = newest.get(version.code)
        if not version.withdrawn and (known is None or known.valid_from < version.valid_from):
            newest[version.code] = version
    found = {}
    for version in newest.values():
        last = _last(version, newest, day)
        if last is not version:
            found[version.code] = Agency(last.code, last.name)
    return found


def _last(version: AgencyVersion, newest: Mapping[str, AgencyVersion], day: date) -> AgencyVersion:
    way = {version.code}
    while version.valid_to is not None and version.valid_to < day:
        following = newest.get(version.successor or "")
        if following is None or following.code in way:
            break
        way.add(following.code)
        version = following
    return version
