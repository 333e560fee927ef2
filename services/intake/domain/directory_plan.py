"""Bản xem trước: what an import would change in the directory, and every reason why it can't be.

Rows that a file doesn't name stay as they are. A new version of a code ends the open one before it, the day before.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from services.intake.domain.columns import Mistake, Sheet, read_rows
from services.intake.domain.diff import Change, Diff, changed_fields
from services.intake.domain.directory import Entry, Kind, Versions, entry_of
from services.intake.domain.directory_rules import Given, Key, broken_rules, doubts

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Kết quả xem trước. `entries`: the versions to be written; none where there are mistakes."""

    entries: tuple[Entry, ...]
    diff: Diff
    mistakes: tuple[Mistake, ...]
    doubts: tuple[Mistake, ...]


def make_plan(kind: Kind, known: Mapping[str, Sequence[Entry]], sheet: Sheet, communes: Mapping[str, str]) -> Plan:
    """What `sheet` would make of what is known (by kind). `communes`: the province of each commune of today."""
    rows, mistakes = read_rows(kind.all_columns, sheet)
    given, wrong = _given(kind, rows)
    mistakes += wrong
    before = {(entry.code, entry.valid_from): entry for entry in known.get(kind.name, ())}
    ended, wrong = _followed(before, given)
    mistakes += wrong
    after = Versions([*{**before, **ended, **{key: entry for key, (_, entry) in given.items()}}.values()])
    others = {name: Versions(known.get(name, ())) for name in kind.rests_on if name != kind.name}
    mistakes += broken_rules(kind, given, {**others, kind.name: after}, communes)
    diff, written = _compared(before, given, ended.values())
    mistakes.sort(key=lambda mistake: (mistake.row, mistake.column or ""))
    return Plan(
        entries=() if mistakes else tuple(written),
        diff=diff,
        mistakes=tuple(mistakes),
        doubts=tuple(doubts(kind, given, {**others, kind.name: after})),
    )


def _given(kind: Kind, rows: Sequence[tuple[int, Values]]) -> tuple[Given, list[Mistake]]:
    """The entries of the file by code and first day."""
    given: Given = {}
    mistakes: list[Mistake] = []
    for number, values in rows:
        entry = entry_of(kind, values)
        if entry.valid_to is not None and entry.valid_to < entry.valid_from:
            mistakes.append(Mistake(number, "valid_to", "Ngày hết hiệu lực trước ngày bắt đầu.", "Sửa một trong hai."))
            continue
        first, _ = given.setdefault((entry.code, entry.valid_from), (number, entry))
        if first != number:
            what = f"Mã và ngày hiệu lực này đã có ở dòng {first}."
            mistakes.append(Mistake(number, kind.key[0], what, "Giữ lại một dòng."))
    return given, mistakes


def _followed(before: Mapping[Key, Entry], given: Given) -> tuple[dict[Key, Entry], list[Mistake]]:
    """Open versions that the file's newer ones end; and versions of one code that would overlap."""
    touched = {code for code, _ in given}
    kept = [entry for key, entry in before.items() if entry.code in touched and key not in given]
    rows = {key: row for key, (row, _) in given.items()}
    ended: dict[Key, Entry] = {}
    mistakes: list[Mistake] = []
    for versions in Versions([*kept, *(entry for _, entry in given.values())]).by_code.values():
        for former, later in pairwise(versions):
            former_key, later_key = (former.code, former.valid_from), (later.code, later.valid_from)
            if not former.meets(later):
                continue
            if former.valid_to is None and former_key not in rows and later_key in rows:
                ended[former_key] = replace(former, valid_to=later.valid_from - timedelta(days=1))
                continue
            row = rows.get(later_key) or rows.get(former_key)
            if row is not None:
                other = later if row == rows.get(former_key) else former
                what = f"Hiệu lực chồng với phiên bản cùng mã ({_period(other)})."
                mistakes.append(Mistake(row, "valid_from", what, "Sửa ngày để các phiên bản nối tiếp nhau."))
    return ended, mistakes


def _period(entry: Entry) -> str:
    until = "" if entry.valid_to is None else f" đến {entry.valid_to:%d/%m/%Y}"
    return f"từ {entry.valid_from:%d/%m/%Y}{until}"


def _compared(before: Mapping[Key, Entry], given: Given, followed: Collection[Entry]) -> tuple[Diff, list[Entry]]:
    added: list[Change] = []
    changed: list[Change] = []
    ended = [_change(before[entry.code, entry.valid_from], entry) for entry in followed]
    written = [*followed]
    unchanged = 0
    for key, (_, entry) in given.items():
        old = before.get(key)
        if old == entry:
            unchanged += 1
            continue
        written.append(entry)
        if old is None:
            added.append(_change(None, entry))
        elif old.values == entry.values and old.valid_to is None:
            ended.append(_change(old, entry))
        else:
            changed.append(_change(old, entry))
    return Diff(tuple(added), tuple(changed), tuple(ended), unchanged), written


def _change(old: Entry | None, new: Entry) -> Change:
    was = {} if old is None else _said(old)
    return Change(new.code, new.valid_from.isoformat(), changed_fields(was, _said(new)))


def _said(entry: Entry) -> dict[str, str]:
    return {**entry.values, **({} if entry.valid_to is None else {"valid_to": entry.valid_to.isoformat()})}
