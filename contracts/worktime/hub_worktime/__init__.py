"""Cách tính thời hạn giải quyết: calendars, terms and due dates; all parts of the hub name the same minute."""

from hub_worktime.calendars import Calendar, OutsideCalendar, load_calendar, published_calendars
from hub_worktime.due import (
    VIETNAM,
    DueDate,
    NoDueDate,
    compute_due,
    day_in_vietnam,
    span_in_vietnam,
    start_in_vietnam,
)
from hub_worktime.hours import DEFAULT_HOURS, WorkingHours, read_hours
from hub_worktime.lateness import Outcome, counted_until, holding, is_late, judged, late_from, outcome
from hub_worktime.rules import Rule, RuleSet, Source, load_rules
from hub_worktime.term_table import TermRow, TermTable
from hub_worktime.terms import Reason, Term, Unit
from hub_worktime.wording import parse_term

__all__ = [
    "DEFAULT_HOURS",
    "VIETNAM",
    "Calendar",
    "DueDate",
    "NoDueDate",
    "Outcome",
    "OutsideCalendar",
    "Reason",
    "Rule",
    "RuleSet",
    "Source",
    "Term",
    "TermRow",
    "TermTable",
    "Unit",
    "WorkingHours",
    "compute_due",
    "counted_until",
    "day_in_vietnam",
    "holding",
    "is_late",
    "judged",
    "late_from",
    "load_calendar",
    "load_rules",
    "outcome",
    "parse_term",
    "published_calendars",
    "read_hours",
    "span_in_vietnam",
    "start_in_vietnam",
]
