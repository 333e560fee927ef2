"""Đọc nội dung công bố có cấu trúc: objects of JSON and rows of tables, whatever order their fields have."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.intake.domain.procedures.procedure_blocks import (
    lines_within,
    read_bases,
    read_channels,
    read_components,
    read_process,
)
from services.intake.domain.procedures.quirks import NotPublishable, Reason, flag, refusal
from services.intake.domain.procedures.raw_procedure import (
    CHANNEL_KEYS,
    FIELD_KEYS,
    RawChannel,
    RawComponent,
    RawProcedure,
    RawStep,
    Written,
    key_folded,
)
from services.intake.domain.reference.folding import folded, spaced, stated

_AMOUNTS = frozenset({"amount", "sotien", "mucphi", "muc", "gia"})
_WRAPPERS = ("data", "items", "procedures", "results", "content")
_PART_KEYS = {
    key_folded(label): key
    for key, labels in {
        "name": (
            "name",
            "Tên",
            "Tên giấy tờ",
            "Tên thành phần hồ sơ",
            "title",
            "Nội dung",
            "step",
            "Bước",
            "Công việc",
        ),
        "number": ("number", "Số hiệu", "Số ký hiệu"),
        "case": ("case", "Trường hợp"),
        "originals": ("originals", "Bản chính", "original"),
        "copies": ("copies", "Bản sao", "copy"),
        "electronic": ("electronic", "Bản điện tử"),
        "form": ("form", "Mẫu đơn", "Mẫu"),
        "role": ("role", "who", "Người làm", "Vai trò", "Người thực hiện"),
        "share": ("share", "time", "Thời gian", "term", "Thời hạn"),
        "papers": ("components", "Giấy tờ", "Thành phần hồ sơ"),
    }.items()
    for label in labels
}


class Members(dict[str, Any]):
    """A JSON object, and which of its names it had twice."""

    repeated: Sequence[str] = ()


def objects_in(value: Any) -> list[tuple[str, Mapping[str, Any]]] | None:
    """The objects that a JSON file holds, with their places; None when there are none."""
    if isinstance(value, Mapping):
        for name, inside in value.items():
            if key_folded(name) in _WRAPPERS and isinstance(inside, list | Mapping) and _keys_known(value) < 2:
                return objects_in(inside)
        return [("", value)]
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return [(f"mục {number}", one) for number, one in enumerate(value, start=1)]
    return None


def _keys_known(value: Mapping[str, Any]) -> int:
    return sum(key_folded(name) in FIELD_KEYS for name in value)


def read_object(value: Mapping[str, Any], place: str) -> RawProcedure | None:
    """The procedure that a JSON object says; None when it isn't one."""
    if _keys_known(value) < 2:
        return None
    raw = RawProcedure(place or "đầu tệp")
    for name in getattr(value, "repeated", ()):
        raw.reasons.append(flag("key-repeated", _within(place, name)))
    for name, inside in value.items():
        key, at = FIELD_KEYS.get(key_folded(name)), _within(place, name)
        if key is None:
            raw.reasons.append(flag("key-unknown", at))
        elif key in raw.values:
            raw.reasons.append(flag("key-repeated", at))
        else:
            raw.values[key] = Written(_text(inside), at)
            _take(key, inside, at, raw)
    return raw


def _take(key: str, value: Any, place: str, raw: RawProcedure) -> None:
    match key:
        case "channels":
            raw.channels = _parts(value, place, _channel, read_channels)
        case "components":
            raw.components = [
                paper
                for group in _parts(value, place, _papers, lambda lines: [read_components(lines)])
                for paper in group
            ]
        case "legal_bases":
            raw.bases = _parts(value, place, _basis, read_bases)
        case "internal_process":
            raw.process = _parts(value, place, _step, read_process)


def _parts(value: Any, place: str, one: Any, block: Any) -> list[Any]:
    """The parts of a list: objects one by one, texts as in a published text."""
    if isinstance(value, str):
        return list(block(lines_within(value, place)))
    entries = value if isinstance(value, list) else [value]
    found: list[Any] = []
    for number, entry in enumerate(entries, start=1):
        at = f"{place}[{number}]" if isinstance(value, list) else place
        if isinstance(entry, Mapping):
            found.append(one(entry, at))
        elif stated(_text(entry)):
            found += block(lines_within(_text(entry), at))
    return found


def _channel(entry: Mapping[str, Any], place: str) -> RawChannel:
    named = {CHANNEL_KEYS.get(key_folded(name), ""): value for name, value in entry.items()}
    said = {name: _fee(value) if name == "fee" else _text(value) for name, value in named.items()}
    return channel_of(said, place)


def _fee(value: Any) -> str:
    """A fee as a published text writes it, of an object or of several."""
    if isinstance(value, list):
        return " | ".join(map(_fee, value))
    if not isinstance(value, Mapping):
        return _text(value)
    amount = next((inside for name, inside in value.items() if key_folded(name) in _AMOUNTS), None)
    notes = (_text(inside) for name, inside in value.items() if key_folded(name) not in _AMOUNTS)
    note = spaced(" ".join(text for text in notes if stated(text)))
    return note if amount is None else f"{_text(amount)} VNĐ ({note})"


def channel_of(said: Mapping[str, str], place: str) -> RawChannel:
    """A channel row of named texts."""
    term, fee, description = (Written(said.get(name, "").strip(), place) for name in ("term", "fee", "description"))
    return RawChannel(place, spaced(said.get("form", "")), term, fee, description, spaced(said.get("case", "")))


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {_PART_KEYS.get(key_folded(name), name): value for name, value in entry.items()}


def _papers(entry: Mapping[str, Any], place: str) -> list[RawComponent]:
    said = _named(entry)
    if isinstance(said.get("papers"), list):
        case = _text(said.get("case", said.get("name", "")))
        inside = [paper for paper in said["papers"] if isinstance(paper, Mapping)]
        return [one for paper in inside for one in _papers({"case": case, **paper}, place)]
    paper = RawComponent(place, Written(_text(said.get("name", "")), place), spaced(_text(said.get("case", ""))))
    paper.originals, paper.copies, paper.electronic = (
        _count(said.get(name)) for name in ("originals", "copies", "electronic")
    )
    paper.form = spaced(_text(said.get("form", "")))
    return [paper] if stated(paper.name.text) else []


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return int(value)
    text = _text(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _basis(entry: Mapping[str, Any], place: str) -> Written:
    said = _named(entry)
    return Written(spaced(f"{_text(said.get('name', ''))} {_text(said.get('number', ''))}"), place)


def _step(entry: Mapping[str, Any], place: str) -> RawStep:
    said = _named(entry)
    name, role = (spaced(_text(said.get(part, ""))) for part in ("name", "role"))
    return RawStep(name, role, Written(_text(said.get("share", "")), place))


def _text(value: Any) -> str:
    """A field's value as a text; a list's as lines."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return "\n".join(f"{name}: {_text(inside)}" for name, inside in value.items())


def _within(place: str, name: str) -> str:
    field = f"trường «{spaced(name)[:60]}»"
    return f"{place}, {field}" if place else field


Row = tuple[str, Mapping[str, str]]
"""Where a row stands, and its cells by column."""


def read_rows(rows: Iterable[Row]) -> tuple[list[RawProcedure], list[Reason]]:
    """The procedures of a table: rows of one code are one procedure, each with its channel; and what was refused."""
    by_code: dict[str, list[Row]] = {}
    refused: list[Reason] = []
    for place, cells in rows:
        code = next((text for name, text in cells.items() if FIELD_KEYS.get(key_folded(name)) == "code"), "")
        if not stated(code):
            refused.append(refusal("code-missing", place).reason)
        else:
            by_code.setdefault(folded(code), []).append((place, cells))
    procedures = []
    for same in by_code.values():
        try:
            procedures.append(_merged(same))
        except NotPublishable as error:
            refused.append(error.reason)
    return procedures, refused


def _merged(rows: Sequence[Row]) -> RawProcedure:
    """Raises NotPublishable when the rows of one code say different things."""
    raw = RawProcedure(rows[0][0])
    for place, cells in rows:
        channel: dict[str, str] = {}
        for name, text in cells.items():
            key, of_channel = FIELD_KEYS.get(key_folded(name)), CHANNEL_KEYS.get(key_folded(name))
            at = f"{place}, cột «{spaced(name)[:60]}»"
            if of_channel is not None and not (key == "description" and "form" not in _columns(cells)):
                channel[of_channel] = text
            elif key is None:
                if place == raw.place:
                    raw.reasons.append(flag("key-unknown", at))
            elif text.strip():
                _once(key, Written(text, at), raw)
        if stated(channel.get("form", "")):
            raw.channels.append(channel_of(channel, place))
    return raw


def _columns(cells: Mapping[str, str]) -> set[str]:
    return {CHANNEL_KEYS.get(key_folded(name), "") for name in cells}


def _once(key: str, written: Written, raw: RawProcedure) -> None:
    known = raw.values.get(key)
    if known is None:
        raw.values[key] = written
        _take(key, written.text, written.place, raw)
    elif spaced(known.text) != spaced(written.text):
        raise refusal("rows-contradict", written.place)
