"""Lời dễ đọc: times as a person says them, and texts of others without what a reader can't see."""

import unicodedata
from datetime import datetime

from hub_worktime import VIETNAM

_WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_UNSEEN = frozenset({"Cf", "Co", "Cs", "Cn"})
"""Directions turned, zero widths, private and unassigned characters: they let a text look like another one."""


def day_of(moment: datetime) -> str:
    """`thứ Tư, 11/03/2026`, in Vietnam."""
    local = moment.astimezone(VIETNAM)
    return f"{_WEEKDAYS[local.weekday()]}, {local:%d/%m/%Y}"


def time_of(moment: datetime) -> str:
    """`17:00 thứ Tư, 11/03/2026`, in Vietnam."""
    return f"{moment.astimezone(VIETNAM):%H:%M} {day_of(moment)}"


def plain(text: str) -> str:
    """One line of what can be seen: names come from imported files and other systems."""
    seen = (" " if unicodedata.category(char) == "Cc" else char for char in text)
    return " ".join("".join(char for char in seen if unicodedata.category(char) not in _UNSEEN).split())
