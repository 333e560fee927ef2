"""Quy tắc của danh bạ: what must hold between entries before anybody may rely on them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TypeVar

from services.intake.domain.reference.columns import Mistake
from services.intake.domain.reference.directory import (
    AGENCIES,
    BRANCH,
    COMMUNE,
    DESKS,
    DISTRICT,
    LAST_DISTRICT_DAY,
    POSTINGS,
    Entry,
    Kind,
    Versions,
)

Key = tuple[str, date]
Given = dict[Key, tuple[int, Entry]]
"""What a file states: by code and first day, the row and the entry."""
N = TypeVar("N", bound=Hashable)

MOST_LEVELS = 50
"""No chain of superiors or successors is longer."""


def broken_rules(
    kind: Kind, given: Given, after: Mapping[str, Versions], communes: Mapping[str, str]
) -> Iterator[Mistake]:
    """What can't be, of the entries that a file states. `after`: what there would be, by kind."""
    for row, entry in given.values():
        yield from _dangling(kind, row, entry, after)
        if kind.name == DESKS:
            yield from _desk(row, entry, communes)
    own = after[kind.name]
    if kind.name == DESKS:
        yield from _one_desk_per_commune(given, own)
    if kind.name == AGENCIES:
        yield from _one_holder_of_an_old_code(given, own)
        yield from _loops(given, own.by_code, lambda code: _successor(own, code), "successor", "cơ quan kế thừa")
    if any(column.name == "superior" for column in kind.columns):
        starts = ((entry.code, entry.valid_from) for entry in own)
        yield from _loops(given, starts, lambda key: _superior(own, key), "superior", "cấp trên")


def doubts(kind: Kind, given: Given, after: Mapping[str, Versions]) -> Iterator[Mistake]:
    """What two persons should look at before they approve it."""
    if kind.name != POSTINGS:
        return
    for row, entry in given.values():
        if entry.valid_to is not None and entry.valid_to < _a_year_later(entry.valid_from):
            what = "Cử đến chưa đủ 12 tháng (NĐ 118/2025 Đ.11)."
            yield Mistake(row, "valid_to", what, "Kiểm tra thời gian cử; vẫn có thể duyệt.")
        agency = after[AGENCIES].on(entry.values["agency"], entry.valid_from)
        if agency is not None and agency.values["vertical"] != "yes":
            what = "Cơ quan cử không phải cơ quan ngành dọc."
            yield Mistake(row, "agency", what, "Kiểm tra mã cơ quan; vẫn có thể duyệt.")


def _a_year_later(day: date) -> date:
    """The last day of the twelve months that begin on `day`."""
    try:
        end = day.replace(year=day.year + 1)
    except ValueError:  # 29/2
        end = date(day.year + 1, 3, 1)
    return date.fromordinal(end.toordinal() - 1)


def _dangling(kind: Kind, row: int, entry: Entry, after: Mapping[str, Versions]) -> Iterator[Mistake]:
    """Codes that name nothing, or nothing yet or any more."""
    for column in kind.columns:
        code = entry.values.get(column.name)
        if code is None or column.refers is None:
            continue
        there = after[column.refers]
        if column.name == "successor":
            if there.last(code) is None:
                yield Mistake(row, column.name, "Không có cơ quan mang mã này.", "Nhập cơ quan kế thừa trước.")
        elif there.on(code, entry.valid_from) is None:
            what = f"Mã này không có hiệu lực trong danh bạ vào ngày {entry.valid_from:%d/%m/%Y}."
            yield Mistake(row, column.name, what, f"Sửa mã, hoặc nhập trước tệp {column.refers}.")


def _desk(row: int, entry: Entry, communes: Mapping[str, str]) -> Iterator[Mistake]:
    values = entry.values
    level, province, commune = values["level"], values["province"], values.get("commune")
    of_today = entry.valid_to is None or entry.valid_to > LAST_DISTRICT_DAY
    if level == COMMUNE and commune is None:
        yield Mistake(row, "commune", "Bộ phận Một cửa cấp xã phải có mã xã.", "Điền mã xã 5 chữ số.")
    if level != DISTRICT and "class" not in values:
        yield Mistake(row, "class", "Thiếu phân loại đô thị, nông thôn, vùng sâu vùng xa.", "Điền phân loại.")
    if level == BRANCH and "superior" not in values:
        yield Mistake(row, "superior", "Chi nhánh phải nêu trung tâm mà nó trực thuộc.", "Điền mã trung tâm.")
    if level == DISTRICT and of_today:
        yield Mistake(
            row, "valid_to", "Cấp huyện đã kết thúc ngày 01/7/2025.", "Ghi hiệu lực đến không quá 30/06/2025."
        )
    elif of_today and province not in communes.values():
        yield Mistake(row, "province", "Không có tỉnh, thành phố mang mã này.", "Ghi mã của 34 tỉnh, thành phố.")
    elif of_today and commune is not None and commune not in communes:
        yield Mistake(row, "commune", "Không có xã, phường, đặc khu mang mã này.", "Ghi mã sau sắp xếp 01/7/2025.")
    elif of_today and commune is not None and communes[commune] != province:
        yield Mistake(row, "commune", "Xã này không thuộc tỉnh ở cột mã tỉnh.", "Sửa mã xã hoặc mã tỉnh.")


def _one_desk_per_commune(given: Given, own: Versions) -> Iterator[Mistake]:
    desks = [entry for entry in own if entry.values["level"] == COMMUNE]
    what = "Xã này đã có Bộ phận Một cửa khác trong thời gian đó"
    yield from _held_once(given, desks, "commune", what, "Kết thúc bộ phận kia trước, hoặc ghi cấp là chi nhánh.")


def _one_holder_of_an_old_code(given: Given, own: Versions) -> Iterator[Mistake]:
    yield from _held_once(given, own, "old_code", "Mã cũ này đang thuộc cơ quan khác", "Sửa mã cũ của một trong hai.")


def _held_once(given: Given, entries: Iterable[Entry], field: str, what: str, next_step: str) -> Iterator[Mistake]:
    """A value that two codes must not have on one day; told at the row of one of the two."""
    holders: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if field in entry.values:
            holders[entry.values[field]].append(entry)
    for same in holders.values():
        longest: list[Entry] = []  # of what began so far the two, of two codes, that last longest
        for entry in sorted(same, key=lambda entry: entry.valid_from):
            other = next((one for one in longest if one.code != entry.code and one.meets(entry)), None)
            for one, with_whom in ((entry, other), (other, entry)):
                if one is not None and with_whom is not None and (stated := given.get((one.code, one.valid_from))):
                    yield Mistake(stated[0], field, f"{what}: {with_whom.code}.", next_step)
                    break
            longest = _longest_of_two_codes([*longest, entry])


def _longest_of_two_codes(entries: Sequence[Entry]) -> list[Entry]:
    lasting: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.valid_to or date.max):
        lasting[entry.code] = entry
    return sorted(lasting.values(), key=lambda entry: entry.valid_to or date.max)[-2:]


def _superior(own: Versions, key: Key) -> Key | None:
    """A day's chain: the superior as it stands on that day."""
    code, day = key
    entry = own.on(code, day)
    superior = entry.values.get("superior") if entry else None
    return (superior, day) if superior else None


def _successor(own: Versions, code: str) -> str | None:
    entry = own.last(code)
    return entry.values.get("successor") if entry else None


def _loops(
    given: Given, starts: Iterable[N], follow: Callable[[N], N | None], field: str, named: str
) -> Iterator[Mistake]:
    """Chains that come back to where they were, or don't end. Told once, at the first row that takes part."""
    rows: dict[str, int] = {}
    for (code, _), (row, entry) in given.items():
        if field in entry.values:
            rows[code] = min(row, rows.get(code, row))
    told: set[int] = set()
    sound: set[N] = set()
    for start in starts:
        way = _way(start, follow, sound)
        if way is None:
            continue
        codes = [str(step[0] if isinstance(step, tuple) else step) for step in way]
        row = min((rows[code] for code in codes if code in rows), default=0)
        if row and row not in told:
            told.add(row)
            shown = " → ".join(codes[:6]) + (" → …" if len(codes) > 6 else "")
            what = f"Chuỗi {named} đi vòng hoặc quá {MOST_LEVELS} bậc: {shown}."
            yield Mistake(row, field, what, "Sửa để chuỗi kết thúc ở một mục không có " + named + ".")


def _way(start: N, follow: Callable[[N], N | None], sound: set[N]) -> Sequence[N] | None:
    """The chain from `start` if it doesn't end; what is known to end is `sound`."""
    way = [start]
    here = follow(start)
    while here is not None and here not in sound:
        if here in way or len(way) > MOST_LEVELS:
            return [*way[way.index(here) :], here] if here in way else way
        way.append(here)
        here = follow(here)
    sound.update(way)
    return None
