"""Loại cơ quan giải quyết: which kind of agency an agency's text means, by a small replaceable table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.domain.reference.folding import folded, stated

_HEADS = (
    "so|cuc|chi cuc|tong cuc|bo|cong an|uy ban|ubnd|phong|van phong|bao hiem|bhxh|kho bac|ban|trung tam|thue|hai quan"
    "|co quan|co so|giam doc|nguoi dung dau|ngan hang|toa an|vien|hoi dong|truong|cang vu|to chuc|don vi|canh sat"
    "|quy|doi"
)
_BETWEEN = re.compile(
    rf"\s*(?:[;|,•\n]|(?<!\w)va(?!\w)|(?<!\w)hoac(?!\w))\s*[-+*]?\s*(?=(?:{_HEADS})(?!\w))|\s*[;|]\s*"
)
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class KindRule:
    """One line of the table, first match wins: `says` (without accents) is found in the agency's text.

    `unrouted`: why no agency of this kind is known to be competent for a place.
    """

    says: re.Pattern[str]
    kind: str
    unrouted: str | None = None


def kinds_of(agency: str, rules: Sequence[KindRule]) -> list[str | None]:
    """The kinds that the text names, each once, in its order; None for a part that no line of the table knows.

    `Sở Văn hóa, Thể thao và Du lịch` is one agency: a part begins with a word that agencies begin with.
    """
    kinds: list[str | None] = []
    for part in _BETWEEN.split(folded(agency)):
        if stated(part) and (kind := _kind(part.strip(" -+*•"), rules)) not in kinds:
            kinds.append(kind)
    return kinds


def _kind(agency: str, rules: Sequence[KindRule]) -> str | None:
    return next((rule.kind for rule in rules if rule.says.search(agency)), None)


def why_unrouted(kind: str, rules: Sequence[KindRule]) -> str | None:
    """Why a dossier for agencies of this kind would find none; None: one is competent wherever a desk stands."""
    known = next((rule for rule in rules if rule.kind == kind), None)
    return "không có trong bảng loại cơ quan" if known is None else known.unrouted


def is_kind(text: str) -> bool:
    """Whether a publishing office wrote the kind itself."""
    return len(text) <= 80 and _SLUG.fullmatch(text) is not None
