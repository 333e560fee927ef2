"""Dãy số hồ sơ: the counter of one unit and local day. Gaps are allowed, numbers are never used again."""

from dataclasses import dataclass, replace
from datetime import datetime

from hub_worktime import day_in_vietnam

FARTHEST = 1_000_000
"""No unit gives out so many numbers a day: a larger one is none of ours."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The last number given out under `key` (`<unit code>/<YYMMDD>`)."""

    key: str
    last: int = 0

    @staticmethod
    def key_for(unit: str, moment: datetime) -> str:
        """The range that a dossier of `unit` gets its number from, by the local day of `moment` (aware)."""
        return f"{unit}/{day_in_vietnam(moment):%y%m%d}"

    @staticmethod
    def after(code: str) -> "NumberRange | None":
        """The range as it stands once that code was given out; None: no range ever gives it."""
        unit, _, number = code.rpartition("-")
        given = NumberRange(unit.replace("-", "/"), int(number))
        ours = len(unit.rpartition("-")[2]) == len("YYMMDD") and given.last < FARTHEST
        return given if ours and given.dossier_code == code else None

    @property
    def unit(self) -> str:
        """Whose numbers they are."""
        return self.key.partition("/")[0]

    def next(self) -> "NumberRange":
        return replace(self, last=self.last + 1)

    @property
    def dossier_code(self) -> str:
        """Mã hồ sơ `<unit>-YYMMDD-NNNN` (TT 03/2025/TT-VPCP Đ.13); wider when a day needs more than 9,999."""
        unit, day = self.key.split("/")
        return f"{unit}-{day}-{self.last:04d}"
