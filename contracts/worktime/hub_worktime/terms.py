"""Thời hạn giải quyết: a length of time in one unit, or the reason why there is none to count."""

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum


class Unit(StrEnum):
    """Đơn vị tính thời hạn."""

    WORKING_DAY = "working_day"  # ngày làm việc
    CALENDAR_DAY = "calendar_day"  # ngày
    WORKING_HOUR = "working_hour"  # giờ làm việc
    MONTH = "month"  # tháng
    YEAR = "year"  # năm


class Reason(StrEnum):
    """Vì sao không có ngày hẹn tính được."""

    IMMEDIATE = "immediate"  # trả kết quả ngay
    UNSTATED = "unstated"  # không quy định, bỏ trống
    SEE_DESCRIPTION = "see-description"  # theo mô tả, theo trình tự thực hiện
    NEEDS_A_PERSON = "needs-a-person"  # không đọc được chắc chắn, hoặc tùy trường hợp
    NOT_APPLICABLE = "not-applicable"  # không phải trả kết quả
    FIXED_DATE = "fixed-date"  # ngày cố định trong năm
    BAD_INPUT = "bad-input"  # dữ liệu hỏng


@dataclass(frozen=True)
class Term:
    """Thời hạn giải quyết của một thủ tục, as published (`text`) and as understood.

    Either `unit` and `amount` (0 working days is "trong ngày") or `reason`, never both; ValueError otherwise.
    `cut_off` is the procedure's own rule: received later than that counts from the next working day.
    """

    text: str
    unit: Unit | None = None
    amount: Decimal | None = None
    reason: Reason | None = None
    cut_off: time | None = None

    def __post_init__(self) -> None:
        if (self.unit is None) != (self.amount is None) or (self.unit is None) == (self.reason is None):
            raise ValueError("a term has a unit and an amount, or a reason why it has none")
        if self.amount is not None and not (self.amount.is_finite() and self.amount >= 0):
            raise ValueError("a term's amount is a number, zero or more")
