"""Bản xem trước: what an import would change in the directory, and every reason why it can't be.

Rows that a file doesn't name stay as they are. A new version of a code ends the open one before it, the day before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from services.intake.domain.reference.columns import Mistake, Sheet, read_rows
from services.intake.domain.reference.diff import Change, Diff, changed_fields
from services.intake.domain.reference.directory import Entry, Kind, Versions, entry_of
from services.intake.domain.reference.directory_rules import Given, Key, broken_rules, doubts

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
    withdrawn, wrong = _withdrawn(before, given)
    mistakes += wrong
    stated: Given = {key: one for key, one in given.items() if not one[1].withdrawn}
    kept = {key: entry for key, entry in before.items() if key not in given}
    ended = _followed(kept, stated)
    entries = {**kept, **ended, **{key: entry for key, (_, entry) in stated.items()}}
    mistakes += _overlaps(entries, stated)
    after = Versions([*entries.values()])
    others = {name: Versions(known.get(name, ())) for name in kind.rests_on if name != kind.name}
    mistakes += broken_rules(kind, stated, {**others, kind.name: after}, communes)
    diff, written = _compared(before, stated, [*ended.values(), *withdrawn])
    mistakes.sort(key=lambda mistake: (mistake.row, mistake.column or ""))
    return Plan(
        entries=() if mistakes else tuple(written),
        diff=diff,
        mistakes=tuple(mistakes),
        doubts=tuple(doubts(kind, stated, {**others, kind.name: after})),
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


def _withdrawn(before: Mapping[Key, Entry], given: Given) -> tuple[list[Entry], list[Mistake]]:
    """Versions that were a mistake, as they are kept."""
    rows = {key: row for key, (row, entry) in given.items() if entry.withdrawn}
    what = "Không có phiên bản nào của mã này bắt đầu ngày đó để thu hồi."
    mistakes = [Mistake(row, "withdrawn", what, "Sửa ngày bắt đầu.") for key, row in rows.items() if key not in before]
    return [replace(before[key], withdrawn=True) for key in rows if key in before], mistakes


def _followed(kept: Mapping[Key, Entry], stated: Given) -> dict[Key, Entry]:
    """Open versions of before, each ended the day before a newer one of the file begins."""
    touched = {code for code, _ in stated}
    entries = [entry for entry in kept.values() if entry.code in touched]
    ended: dict[Key, Entry] = {}
    for versions in Versions([*entries, *(entry for _, entry in stated.values())]).by_code.values():
        for former, later in pairwise(versions):
            key = former.code, former.valid_from
            if former.valid_to is None and key in kept and (later.code, later.valid_from) in stated:
                ended[key] = replace(former, valid_to=later.valid_from - timedelta(days=1))
    return ended


def _overlaps(entries: Mapping[Key, Entry], stated: Given) -> Iterator[Mistake]:
    """Versions of one code that would be valid on the same day; told at a row of the file."""
    touched = {code for code, _ in stated}
    for versions in Versions([entry for entry in entries.values() if entry.code in touched]).by_code.values():
        for former, later in pairwise(versions):
            if not former.meets(later):
                continue
            for one, other in ((later, former), (former, later)):
                if (one.code, one.valid_from) in stated:
                    row, _ = stated[one.code, one.valid_from]
                    what = f"Hiệu lực chồng với phiên bản cùng mã ({_period(other)})."
                    yield Mistake(row, "valid_from", what, "Sửa ngày để các phiên bản nối tiếp nhau.")
                    break


def _period(entry: Entry) -> str:
    until = "" if entry.valid_to is None else f" đến {entry.valid_to:%d/%m/%Y}"
    return f"từ {entry.valid_from:%d/%m/%Y}{until}"


def _compared(before: Mapping[Key, Entry], stated: Given, closed: Collection[Entry]) -> tuple[Diff, list[Entry]]:
    added: list[Change] = []
    changed: list[Change] = []
    ended = [_change(before[entry.code, entry.valid_from], entry) for entry in closed]
    written = [*closed]
    unchanged = 0
    for key, (_, entry) in stated.items():
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
    until = {} if entry.valid_to is None else {"valid_to": entry.valid_to.isoformat()}
    return {**entry.values, **until, **({"withdrawn": "yes"} if entry.withdrawn else {})}
