"""Danh bạ: the kinds of entry, what each says, and from when to when.

An entry is one version of one thing: its code, the days from which and to which it is valid (both included), and its
values as canonical text. The same code may have several versions, one after the other.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.intake.domain.reference import columns as read
from services.intake.domain.reference.columns import Column

DESKS, UNITS, OFFICERS, POSTINGS, ROSTER, AGENCIES = "desks", "units", "officers", "postings", "roster", "agencies"

COMMUNE, PROVINCIAL, BRANCH, DISTRICT = "commune", "provincial", "branch", "district"
LEVELS = {
    COMMUNE: ("cấp xã", "xã", "phường", "đặc khu"),
    PROVINCIAL: ("cấp tỉnh", "tỉnh"),
    BRANCH: ("chi nhánh", "điểm phục vụ"),
    DISTRICT: ("cấp huyện", "huyện"),
}
CLASSES = {
    "urban": ("đô thị", "thành thị"),
    "rural": ("nông thôn", "đồng bằng"),
    "remote": ("vùng sâu vùng xa", "miền núi", "vùng sâu, vùng xa"),
}
ROLES = {
    "desk": ("một cửa", "bộ phận một cửa", "cán bộ một cửa"),
    "specialist": ("chuyên viên", "công chức chuyên môn"),
    "head-of-division": ("trưởng phòng", "lãnh đạo phòng"),
    "head-of-agency": ("thủ trưởng", "thủ trưởng cơ quan", "người đứng đầu"),
    "watching-leader": ("lãnh đạo theo dõi",),
}
YES_OR_NO = {"yes": ("có", "x", "true", "1"), "no": ("không", "false", "0")}
LAST_DISTRICT_DAY = date(2025, 6, 30)
"""The district level ended on 1/7/2025; codes of communes and provinces before that day are those of then."""

VALIDITY = (
    Column("valid_from", "hiệu lực từ", read.day),
    Column("valid_to", "hiệu lực đến", read.day, required=False),
    Column("withdrawn", "thu hồi", read.one_of(YES_OR_NO), required=False),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Loại mục danh bạ: its columns besides the validity, and those that make its code."""

    name: str
    label: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("code",)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """As a file has them."""
        return (*self.columns, *VALIDITY)

    @property
    def rests_on(self) -> tuple[str, ...]:
        """This kind and those it refers to, sorted."""
        return tuple(sorted({self.name, *(column.refers for column in self.columns if column.refers)}))


_CODE = Column("code", "mã", read.agency_code)
_NAME = Column("name", "tên", read.text())

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            DESKS,
            "Bộ phận Một cửa",
            (
                _CODE,
                _NAME,
                Column("level", "cấp", read.one_of(LEVELS)),
                Column("superior", "trực thuộc", read.agency_code, required=False, refers=DESKS),
                Column("province", "mã tỉnh", read.territory(2)),
                Column("commune", "mã xã", read.territory(5), required=False),
                Column("class", "phân loại", read.one_of(CLASSES), required=False),
                Column("hours", "giờ làm việc", read.text(), required=False),
                Column("counting_hours", "giờ tính hạn", read.counting_hours, required=False),
                Column("phone", "điện thoại", read.phone, required=False),
            ),
        ),
        Kind(
            UNITS,
            "Đơn vị",
            (_CODE, _NAME, Column("superior", "đơn vị cấp trên", read.agency_code, required=False, refers=UNITS)),
        ),
        Kind(
            OFFICERS,
            "Cán bộ, công chức",
            (
                Column("code", "mã cán bộ", read.officer_code),
                Column("unit", "đơn vị", read.agency_code, refers=UNITS),
                Column("rank", "ngạch, chức vụ", read.text(120)),
                Column("role", "vai trò", read.one_of(ROLES)),
                Column("area", "phạm vi", read.codes(read.agency_code), required=False),
            ),
        ),
        Kind(
            POSTINGS,
            "Cán bộ ngành dọc cử đến",
            (
                Column("officer", "mã cán bộ", read.officer_code, refers=OFFICERS),
                Column("agency", "cơ quan cử", read.agency_code, refers=AGENCIES),
                Column("desk", "bộ phận một cửa", read.agency_code, refers=DESKS),
            ),
            key=("officer", "desk"),
        ),
        Kind(
            ROSTER,
            "Vị trí trực",
            (
                Column("desk", "bộ phận một cửa", read.agency_code, refers=DESKS),
                Column("post", "vị trí", read.slug),
                Column("officer", "mã cán bộ", read.officer_code, required=False, refers=OFFICERS),
                Column("share", "phần thời gian", read.share, required=False),
            ),
            key=("desk", "post"),
        ),
        Kind(
            AGENCIES,
            "Cơ quan",
            (
                _CODE,
                Column("old_code", "mã cũ", read.agency_code, required=False),
                _NAME,
                Column("vertical", "ngành dọc", read.one_of(YES_OR_NO)),
                Column("superior", "cơ quan cấp trên", read.agency_code, required=False, refers=AGENCIES),
                Column("successor", "cơ quan kế thừa", read.agency_code, required=False, refers=AGENCIES),
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Mục danh bạ: one version. `valid_to` is the last day; None: until further notice. Withdrawn: it never was."""

    code: str
    valid_from: date
    valid_to: date | None
    values: Mapping[str, str]
    withdrawn: bool = False

    def holds_on(self, day: date) -> bool:
        """Whether the version is valid on that day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def meets(self, other: "Entry") -> bool:
        """Whether both are valid on some day."""
        return (self.valid_to is None or other.valid_from <= self.valid_to) and (
            other.valid_to is None or self.valid_from <= other.valid_to
        )


class Versions:
    """Các phiên bản of all entries of one kind, by code and in order of their days."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.by_code: dict[str, list[Entry]] = {}
        for entry in sorted(entries, key=lambda entry: (entry.code, entry.valid_from)):
            self.by_code.setdefault(entry.code, []).append(entry)

    def on(self, code: str, day: date) -> Entry | None:
        """The version of `code` that is valid on that day."""
        begun = self.begun(code, day)
        return begun if begun is not None and begun.holds_on(day) else None

    def begun(self, code: str, day: date) -> Entry | None:
        """The newest version of `code` that has begun by that day; it may have ended since."""
        versions = self.by_code.get(code, [])
        place = bisect_right(versions, day, key=lambda entry: entry.valid_from) - 1
        return versions[place] if place >= 0 else None

    def speaks_of(self, code: str, day: date) -> bool:
        """Whether a version of `code` has begun by that day: a packaged desk stands in for it only until then."""
        return self.begun(code, day) is not None

    def last(self, code: str) -> Entry | None:
        """The newest version of `code`."""
        versions = self.by_code.get(code)
        return versions[-1] if versions else None

    def __iter__(self) -> Iterator[Entry]:
        return (entry for versions in self.by_code.values() for entry in versions)


def entry_of(kind: Kind, values: Mapping[str, str]) -> Entry:
    """The entry that a row of a file states."""
    valid_to = values.get("valid_to")
    return Entry(
        code="@".join(values[name] for name in kind.key),
        valid_from=date.fromisoformat(values["valid_from"]),
        valid_to=date.fromisoformat(valid_to) if valid_to else None,
        values={column.name: values[column.name] for column in kind.columns if column.name in values},
        withdrawn=values.get("withdrawn") == "yes",
    )
