"""Danh mục công bố: which procedures are taken where, as decided and published (QĐ 1028/2022 of Phú Yên, QĐ 1291).

A list is replaced as a whole: a decision, a day of publication, its validity, and its entries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from services.intake.domain.procedures.published_procedure import read_code
from services.intake.domain.reference import columns as read
from services.intake.domain.reference.columns import Column, Mistake, Sheet, plain, read_rows
from services.intake.domain.reference.diff import Change, Diff, changed_fields
from services.intake.domain.reference.directory import BRANCH, LEVELS

AT_LOWER_DESKS = "tiep-nhan-o-cap-duoi"
ANY_DESK_PROVINCE = "phi-dia-gioi-cap-tinh"
ANY_DESK_COMMUNE = "phi-dia-gioi-cap-xa"
VERTICAL = "nganh-doc"

LISTS: Mapping[str, str] = MappingProxyType(
    {
        AT_LOWER_DESKS: "Thủ tục của sở, ngành tiếp nhận và trả kết quả tại Bộ phận Một cửa cấp dưới",
        ANY_DESK_PROVINCE: "Thủ tục cấp tỉnh tiếp nhận không phụ thuộc địa giới hành chính",
        ANY_DESK_COMMUNE: "Thủ tục cấp xã tiếp nhận không phụ thuộc địa giới hành chính",
        VERTICAL: "Thủ tục của cơ quan ngành dọc tiếp nhận tại Bộ phận Một cửa các cấp",
    }
)
"""Each list by the word in its address, with its title."""

COLUMNS = (
    Column("procedure", "mã thủ tục", read.procedure_code),
    Column("name", "tên thủ tục", read.text(1000), required=False),
    Column("level", "cấp tiếp nhận", read.one_of({k: v for k, v in LEVELS.items() if k != BRANCH}), required=False),
    Column("desks", "bộ phận một cửa", read.codes(read.agency_code), required=False),
    Column("agency", "cơ quan", read.text(), required=False),
    Column("note", "ghi chú", read.text(1000), required=False),
)
_PORTAL = (
    Column("procedure", "mã thủ tục", read.procedure_code, others=("MaTTHC", "mã TTHC")),
    Column("name", "tên thủ tục", read.text(1000), required=False, others=("TenTTHC", "tên TTHC")),
)

Line = Mapping[str, str]
"""One entry of a list, as canonical text by column."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Quyết định công bố: number and day, since when the list is public, and from when to when it is valid."""

    decision: str
    decided_on: date
    published_on: date
    valid_from: date
    valid_to: date | None

    @property
    def days_to_publication(self) -> int:
        """Số ngày từ khi ban hành quyết định đến khi công khai."""
        return (self.published_on - self.decided_on).days


@dataclass(frozen=True, slots=True)
class PublicationList:
    """Danh mục in one version. `number`: which edition of its kind."""

    kind: str
    number: int
    decided: Decided
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ListPlan:
    """Kết quả xem trước of a list that would replace the former one."""

    lines: tuple[Line, ...]
    diff: Diff
    mistakes: tuple[Mistake, ...]
    doubts: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Khác biệt with what the national portal publishes, one procedure."""

    procedure: str
    here: str | None
    there: str | None


def check_days(decided: Decided) -> str | None:
    """What is wrong with the days of a decision; None: nothing."""
    if decided.published_on < decided.decided_on:
        return "Ngày công khai trước ngày ban hành quyết định."
    if decided.valid_to is not None and decided.valid_to < decided.valid_from:
        return "Ngày hết hiệu lực trước ngày có hiệu lực."
    return None


def plan_list(former: PublicationList | None, sheet: Sheet, is_known: Callable[[str], bool]) -> ListPlan:
    """What `sheet` says and how it differs from the former version. `is_known`: whether the catalogue has a code."""
    rows, mistakes = read_rows(COLUMNS, sheet)
    lines: dict[str, Line] = {}
    doubts: list[Mistake] = []
    for number, values in rows:
        key = _key(values)
        if key in lines:
            what = "Thủ tục và cấp tiếp nhận này đã có ở dòng trên."
            mistakes.append(Mistake(number, "procedure", what, "Giữ lại một dòng."))
        lines.setdefault(key, values)
        if not is_known(values["procedure"]):
            what = "Danh mục thủ tục của hệ thống chưa có mã này."
            doubts.append(Mistake(number, "procedure", what, "Kiểm tra mã; vẫn có thể duyệt."))
    if not sheet.rows:
        mistakes.append(Mistake(1, None, "Danh mục không có dòng nào.", "Nhập đủ các thủ tục của danh mục."))
    before = {_key(line): line for line in (former.lines if former else ())}
    kept = () if mistakes else tuple(lines.values())
    return ListPlan(kept, _compared(before, lines), tuple(mistakes), tuple(doubts))


def compare(here: Sequence[Line], sheet: Sheet) -> tuple[list[Difference], list[Mistake]]:
    """Đối chiếu: only here, only there, or under another name. Other columns of the portal's file are left aside.

    One procedure is one, also where one of the two writes its older long code or a province's (`1.004222.H15`).
    """
    named = {plain(name) for column in _PORTAL for name in column.names}
    rows, mistakes = read_rows(_PORTAL, Sheet([name for name in sheet.header if plain(name) in named], sheet.rows))
    ours = {line["procedure"]: line.get("name") for line in here}
    known = {_base(code): code for code in ours}
    told = {values["procedure"]: values.get("name") for _, values in rows}
    theirs = {known.get(_base(code), code): name for code, name in told.items() if code not in ours}
    theirs |= {code: name for code, name in told.items() if code in ours}
    differences = [
        Difference(code, ours[code] or "" if code in ours else None, theirs[code] or "" if code in theirs else None)
        for code in sorted({*ours, *theirs})
        if code not in ours or code not in theirs or _named_otherwise(ours[code], theirs[code])
    ]
    return differences, mistakes


def _base(code: str) -> str:
    read = read_code(code)
    return read.base if read else code


def _named_otherwise(here: str | None, there: str | None) -> bool:
    return bool(here and there) and " ".join(str(here).casefold().split()) != " ".join(str(there).casefold().split())


def _key(line: Line) -> str:
    return f"{line['procedure']} {line.get('level', '')}".rstrip()


def _compared(before: Mapping[str, Line], after: Mapping[str, Line]) -> Diff:
    def change(key: str) -> Change:
        return Change(key, None, changed_fields(before.get(key, {}), after.get(key, {})))

    both = [key for key in after if key in before]
    return Diff(
        added=tuple(change(key) for key in after if key not in before),
        changed=tuple(change(key) for key in both if before[key] != after[key]),
        ended=tuple(change(key) for key in before if key not in after),
        unchanged=sum(before[key] == after[key] for key in both),
    )
