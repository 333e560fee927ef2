"""Nội dung công bố, chưa đánh giá: what a file says about one procedure, each piece with its place in the file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from services.intake.domain.procedures.quirks import Reason
from services.intake.domain.reference.folding import folded


class Written(NamedTuple):
    """A text, and where it stands."""

    text: str
    place: str


@dataclass(slots=True)
class RawChannel:
    """Một dòng của Cách thức thực hiện."""

    place: str
    form: str
    term: Written
    fee: Written
    description: Written
    case: str = ""


@dataclass(slots=True)
class RawComponent:
    """Một thành phần hồ sơ; counts None: not stated."""

    place: str
    name: Written
    case: str = ""
    originals: int | None = None
    copies: int | None = None
    electronic: int | None = None
    form: str = ""
    unkept: str = ""
    """Why the line is no paper: the slug of a flag."""


class RawStep(NamedTuple):
    """Một bước của quy trình nội bộ: what, who, how long."""

    name: str
    role: str
    share: Written


@dataclass(slots=True)
class RawProcedure:
    """Một thủ tục as a file has it."""

    place: str
    values: dict[str, Written] = field(default_factory=dict)
    channels: list[RawChannel] = field(default_factory=list)
    components: list[RawComponent] = field(default_factory=list)
    bases: list[Written] = field(default_factory=list)
    process: list[RawStep] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    other_code: Written | None = None
    """A second, different code in what should be one procedure."""

    def value(self, key: str) -> Written:
        """What is written under the key, or nothing, at the procedure's own place."""
        return self.values.get(key, Written("", self.place))


LABELS: Mapping[str, str] = {
    "code": "Mã thủ tục",
    "decision": "Số quyết định",
    "name": "Tên thủ tục",
    "level": "Cấp thực hiện",
    "kind": "Loại thủ tục",
    "field": "Lĩnh vực",
    "steps": "Trình tự thực hiện",
    "channels": "Cách thức thực hiện",
    "components": "Thành phần hồ sơ",
    "applicants": "Đối tượng thực hiện",
    "agency": "Cơ quan thực hiện",
    "competent_agency": "Cơ quan có thẩm quyền",
    "receiving_address": "Địa chỉ tiếp nhận HS",
    "delegated_agency": "Cơ quan được ủy quyền",
    "cooperating_agency": "Cơ quan phối hợp",
    "results": "Kết quả thực hiện",
    "legal_bases": "Căn cứ pháp lý",
    "conditions": "Yêu cầu, điều kiện thực hiện",
    "keywords": "Từ khóa",
    "description": "Mô tả",
}
"""The keys of a published text, in its order."""
ADDED_LABELS: Mapping[str, str] = {
    "online_level": "Mức độ dịch vụ công",
    "agency_kind": "Loại cơ quan giải quyết",
    "internal_process": "Quy trình nội bộ",
}
"""What a publishing office may add."""
ORDER: Mapping[str, int] = {key: place for place, key in enumerate((*LABELS, *ADDED_LABELS))}
LONG = frozenset({"steps", "channels", "components", "legal_bases", "conditions", "results", "internal_process"})
"""Keys whose text has many lines, in which a colon says nothing."""

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "code": ("mã tthc", "mã thủ tục hành chính", "mã", "matthc", "procedure code"),
    "decision": ("quyết định công bố", "quyết định", "số qđ"),
    "name": ("tên tthc", "tên thủ tục hành chính", "tên", "tentthc", "title", "procedure name"),
    "level": ("cấp", "levels"),
    "kind": ("loại tthc", "procedure type"),
    "field": ("tên lĩnh vực", "tenlinhvuc"),
    "steps": ("trình tự", "procedure steps"),
    "channels": ("cách thức", "hình thức"),
    "components": ("thành phần", "giấy tờ", "documents"),
    "applicants": ("đối tượng",),
    "agency": ("cơ quan giải quyết", "cơ quan trực tiếp thực hiện", "agencies"),
    "competent_agency": ("cơ quan có thẩm quyền quyết định",),
    "receiving_address": ("địa chỉ tiếp nhận", "địa chỉ tiếp nhận hồ sơ"),
    "delegated_agency": ("cơ quan được uỷ quyền",),
    "results": ("kết quả", "result"),
    "legal_bases": ("căn cứ", "bases"),
    "conditions": ("yêu cầu, điều kiện", "yêu cầu điều kiện thực hiện", "điều kiện"),
    "keywords": ("từ khoá",),
    "online_level": ("mức độ", "mức độ dvc", "mức độ dịch vụ công trực tuyến", "dịch vụ công trực tuyến"),
    "agency_kind": ("loại cơ quan",),
    "internal_process": ("quy trình", "process"),
}


@lru_cache(maxsize=8192)
def key_folded(label: str) -> str:
    """A label or field name as they are compared: `Mã thủ tục`, `ma_thu_tuc` and `MaThuTuc` are one."""
    return "".join(char for char in folded(label) if char.isalnum())


def _folds(*groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {key_folded(label): key for group in groups for key, label in group}


TEXT_KEYS: Mapping[str, str] = _folds(LABELS.items(), ADDED_LABELS.items())
"""Folded labels of a published text."""
FIELD_KEYS: Mapping[str, str] = _folds(
    ((key, key) for key in ORDER),
    ((key, alias) for key, aliases in _ALIASES.items() for alias in aliases),
    LABELS.items(),
    ADDED_LABELS.items(),
)
"""Folded names of fields in JSON and of columns in tables."""
CHANNEL_KEYS: Mapping[str, str] = _folds(
    (
        ("form", "Hình thức nộp"),
        ("form", "Hình thức"),
        ("form", "channel"),
        ("form", "form"),
        ("term", "Thời hạn giải quyết"),
        ("term", "Thời hạn"),
        ("term", "term"),
        ("fee", "Phí, lệ phí"),
        ("fee", "Phí"),
        ("fee", "Lệ phí"),
        ("fee", "fee"),
        ("fee", "fees"),
        ("description", "Mô tả"),
        ("description", "description"),
        ("case", "Trường hợp"),
        ("case", "case"),
    )
)
"""Folded names of what a channel row says."""
