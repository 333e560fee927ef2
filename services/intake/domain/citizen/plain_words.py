"""Lời dễ đọc: times as a person says them, and texts of others without what a reader can't see."""

import re
import unicodedata
from datetime import datetime

from hub_worktime import VIETNAM

_WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_UNITS = {
    "WORKING_DAY": "ngày làm việc", "WORKING_HOUR": "giờ làm việc", "DAY": "ngày", "HOUR": "giờ", "MONTH": "tháng",
    "YEAR": "năm", "OTHER": "",
}  # fmt: skip
_UNIT = re.compile(rf"\b(?:{'|'.join(_UNITS)})\b")
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


def term_words(text: str) -> str:
    """A term as published, in words: published texts name units by codes, `5 WORKING_DAY`."""
    said = plain(_UNIT.sub(lambda found: _UNITS[found[0]], text))
    return said if any(map(str.isalpha, said)) or "OTHER" not in text else "theo mô tả của thủ tục"
