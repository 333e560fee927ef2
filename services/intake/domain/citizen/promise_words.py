"""Vì sao có ngày hẹn này: the date on the receipt, explained to the person who holds it, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from hub_events.intake import Promise
from hub_worktime import Calendar, DueDate, NoDueDate, Term, Unit, compute_due, day_in_vietnam, read_hours
from services.intake.domain.citizen.plain_words import day_of, plain, term_words, time_of

_WORKED_ON = (Unit.WORKING_DAY, Unit.WORKING_HOUR)
_WITHOUT_DATE = {
    "immediate": "Kết quả của thủ tục này được trả ngay khi làm xong, nên không có ngày hẹn.",
    "not-applicable": "Thủ tục này không phải trả kết quả, nên không có ngày hẹn.",
}
_UNSTATED = "Thủ tục này không quy định thời hạn, nên giấy tiếp nhận không ghi ngày hẹn."
_MOST_DAYS_OFF = 8


@dataclass(frozen=True, slots=True)
class PromiseWords:
    """Ngày hẹn trả in words; `date` None: there is none, `why` says why. `basis`: rule and calendar, by their names."""

    date: str | None
    why: str
    basis: str | None = None
    doubt: str | None = None


def promise_words(promise: Promise, *, restarted: bool, calendar: Calendar | None) -> PromiseWords:
    """The promise as its holder reads it. `calendar`: the one that it names, None when that isn't here any more."""
    if promise.due_at is None:
        return PromiseWords(None, _WITHOUT_DATE.get(promise.term.reason or "", _UNSTATED))
    spoken = time_of(promise.due_at)
    if promise.set_by == "officer":
        text = term_words(promise.term.text)
        return PromiseWords(
            spoken,
            f"Thời hạn công bố của thủ tục là “{text}”, không tính được thành ngày, "
            "nên cán bộ tiếp nhận đã ấn định ngày hẹn này.",
        )
    due = _computed_again(promise, calendar)
    why = f"Vì {_received(promise, due, restarted)}, {_counted(promise, restarted)}{_passed_over(due, calendar)}."
    hours = f", giờ làm việc {promise.hours}" if promise.hours else ""
    basis = f"Quy tắc tính {promise.rule}, lịch làm việc {promise.calendar}{hours}."
    doubt = (
        "Đây là ngày tạm tính: lịch nghỉ chính thức của năm liên quan chưa được công bố."
        if promise.provisional
        else None
    )
    return PromiseWords(spoken, why, basis, doubt)


def _computed_again(promise: Promise, calendar: Calendar | None) -> DueDate | None:
    """The computation behind the date; None where it can't be repeated exactly: then less is said."""
    term = promise.term
    if calendar is None or term.unit is None or term.amount is None:
        return None
    cut_off = time.fromisoformat(term.cut_off) if term.cut_off else None
    try:
        counted = Term(term.text, Unit(term.unit), term.amount, cut_off=cut_off)
        due = compute_due(promise.counted_from, counted, calendar=calendar, hours=read_hours(promise.hours))
    except NoDueDate:
        return None
    return due if due.due_at == promise.due_at else None


def _received(promise: Promise, due: DueDate | None, restarted: bool) -> str:
    what = "giấy tờ bổ sung được nhận" if restarted else "hồ sơ được nhận đủ"
    received = f"{what} lúc {time_of(promise.counted_from)}"
    if due is None:
        return received
    if "cut-off" in due.rules:
        return f"{received}, sau {promise.term.cut_off} nên tính từ {day_of(due.counted_from)}"
    if "receipt-out-of-hours" in due.rules and due.counted_from.date() != due.received_at.date():
        return f"{received}, ngoài giờ làm việc nên tính từ {day_of(due.counted_from)}"
    return received


def _counted(promise: Promise, restarted: bool) -> str:
    text = term_words(promise.term.text)
    if restarted:
        return f"thời hạn “{text}” của thủ tục được tính lại từ đầu"
    return f"thủ tục có thời hạn “{text}”"


def _passed_over(due: DueDate | None, calendar: Calendar | None) -> str:
    """Which days off made it later and which make-up days earlier, as far as the calendar names them."""
    if due is None or calendar is None:
        return ""
    if due.unit not in _WORKED_ON:
        return ", ngày cuối là ngày nghỉ nên chuyển sang ngày làm việc kế tiếp" if "last-day-off" in due.rules else ""
    first, last = due.received_at.date(), due.due_at.date()
    days = [first + timedelta(days=number) for number in range(1, (last - first).days + 1)]
    weekends = any(day.weekday() > 4 and not calendar.is_working_day(day) for day in days)
    named = [
        f"{day:%d/%m} ({plain(calendar.days_off[day])})"
        for day in days
        if day.weekday() < 5 and day in calendar.days_off
    ]
    made_up = [f"{day:%d/%m}" for day in days if day in calendar.make_up_days]
    off = " và ".join((["thứ Bảy, Chủ nhật"] if weekends else []) + ([_listed(named)] if named else []))
    not_worked = f", không tính {off}" if off else ""
    worked = f", có tính ngày làm bù {', '.join(made_up)}" if made_up else ""
    return not_worked + worked


def _listed(named: Sequence[str]) -> str:
    rest = len(named) - _MOST_DAYS_OFF
    shown = ", ".join(named[:_MOST_DAYS_OFF]) + (f" và {rest} ngày khác" if rest > 0 else "")
    return f"{'ngày' if len(named) == 1 else 'các ngày'} nghỉ {shown}"


def working_days_late(due_at: datetime, now: datetime, calendar: Calendar) -> int | None:
    """Whole working days begun since the promised date; None outside the calendar."""
    first, last = day_in_vietnam(due_at), day_in_vietnam(now)
    if not (calendar.first <= first and last <= calendar.last):
        return None
    return sum(first < date.fromordinal(day) <= last for day in calendar.working)
