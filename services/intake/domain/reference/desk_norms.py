"""Định mức hồ sơ của Bộ phận Một cửa: posts × norm of the desk's class × part of the year.

1,600 dossiers a year and officer in towns, 1,200 in the country, 800 in remote places (QĐ 1028/2022 of Phú Yên). What
counts is the post, whoever stands at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from services.intake.domain.reference.directory import Entry, Versions

NORMS: Mapping[str, int] = MappingProxyType({"urban": 1600, "rural": 1200, "remote": 800})


@dataclass(frozen=True, slots=True)
class DeskNorm:
    """Định mức of one desk in one year. `posts`: full posts over the whole year."""

    desk: str
    posts: Fraction
    dossiers: Fraction


def desk_norms(desks: Versions, roster: Sequence[Entry], year: int) -> list[DeskNorm]:
    """The norm of each desk that has posts in `year`, by code. A change of class counts from its day."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    days_of_year = (last - first).days + 1
    posts: dict[str, Fraction] = {}
    dossiers: dict[str, Fraction] = {}
    for post in roster:
        share = Fraction(post.values.get("share", "1"))
        code = post.values["desk"]
        for desk in desks.by_code.get(code, ()):
            since = max(first, post.valid_from, desk.valid_from)
            until = min(last, post.valid_to or last, desk.valid_to or last)
            days = (until - since).days + 1
            if days > 0:
                part = share * Fraction(days, days_of_year)
                posts[code] = posts.get(code, Fraction()) + part
                norm = NORMS.get(desk.values.get("class", ""), 0)
                dossiers[code] = dossiers.get(code, Fraction()) + part * norm
    return [DeskNorm(code, posts[code], dossiers[code]) for code in sorted(posts)]
