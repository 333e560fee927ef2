"""`hub due`: ngày hẹn trả kết quả. A pure filter, one answer for each question."""

import argparse
import re
import sys
from datetime import datetime, time
from typing import Any

from hub_cli.line_filter import Answer, encode, read_object, run_filter
from hub_worktime import VIETNAM, NoDueDate, Reason, compute_due, load_calendar, parse_term

_DESCRIPTION = """Computes the due date of a term (thời hạn giải quyết) from the moment of receipt.

With --received and --term: prints one line. Without: reads lines such as
  {"id":1,"received_at":"2026-02-13T15:30:00+07:00","term":"5 ngày làm việc"}
and prints one line for each, in order. A time without offset is +07:00. Where there is no date to name, due_at is null
and a reason is given."""

# ISO 8601 with a date and a time; a date alone doesn't say whether the desk was still open.
_MOMENT = re.compile(
    r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}:?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
_TIME_OF_DAY = re.compile(r"\d{2}:\d{2}(?::\d{2})?", re.ASCII)


def main(arguments: list[str]) -> int:
    """Exit 0 when every question was answered; a null with its reason is an answer."""
    parser = argparse.ArgumentParser(
        "hub due", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--received", metavar="MOMENT", help="moment of receipt, ISO 8601")
    parser.add_argument("--term", metavar="TEXT", help="the term as published")
    parser.add_argument(
        "--cut-off", metavar="HH:MM", help="only if the procedure says so: later receipts count next day"
    )
    asked = parser.parse_args(arguments)
    if asked.received is None and asked.term is None and asked.cut_off is None:
        return run_filter(answer)
    if asked.received is None or asked.term is None:
        parser.error("--received and --term go together; give neither to read lines from standard input")
    sys.stdout.buffer.write(encode(_due(asked.received, asked.term, asked.cut_off)))
    return 0


def answer(line: bytes) -> Answer:
    """The answer to one line of input, with its `id` where it has one."""
    try:
        asked, trusted = read_object(line)
    except ValueError:
        return _none(Reason.BAD_INPUT)
    head = {"id": asked["id"]} if "id" in asked else {}
    if not trusted:
        return head | _none(Reason.BAD_INPUT)
    return head | _due(asked.get("received_at"), asked.get("term"), asked.get("cut_off"))


def _due(received_at: Any, term: Any, cut_off: Any) -> Answer:
    try:
        received, latest = _moment(received_at), None if cut_off is None else _time_of_day(cut_off)
        if not isinstance(term, str):
            return _none(Reason.BAD_INPUT)
        due = compute_due(received, parse_term(term), calendar=load_calendar(), cut_off=latest)
    except NoDueDate as none:
        return _none(none.reason)
    except ValueError:
        return _none(Reason.BAD_INPUT)
    return {
        "due_at": due.due_at.isoformat(),
        "unit": due.unit.value,
        "amount": int(due.amount) if due.amount == int(due.amount) else float(due.amount),
        "calendar": due.calendar,
        "provisional": due.provisional,
    }


def _none(reason: Reason) -> Answer:
    return {"due_at": None, "reason": reason.value}


def _moment(text: Any) -> datetime:
    if not isinstance(text, str) or not _MOMENT.fullmatch(plain := text.strip().upper()):
        raise ValueError("not a moment")
    moment = datetime.fromisoformat(plain)
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _time_of_day(text: Any) -> time:
    if not isinstance(text, str) or not _TIME_OF_DAY.fullmatch(text):
        raise ValueError("not a time of day")
    return time.fromisoformat(text)
