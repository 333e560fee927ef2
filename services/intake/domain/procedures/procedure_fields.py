"""Đọc nội dung công bố có cấu trúc: objects of JSON and rows of tables, whatever order their fields have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.intake.domain.procedures.procedure_blocks import (
    count_in,
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
NAMELESS = "cột thứ "
"""What a column without a name is called, with its number."""
_UNCOMPUTED = re.compile(r"\s*(?:=|#(?:REF!|N/A|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)\s*$)")
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
        "counts": ("counts", "quantity", "Số lượng"),
        "form": ("form", "Mẫu đơn", "Mẫu"),
        "role": ("role", "who", "Người làm", "Vai trò", "Người thực hiện"),
        "share": ("share", "time", "Thời gian", "term", "Thời hạn"),
        "papers": ("components", "Giấy tờ", "Thành phần hồ sơ"),
    }.items()
    for label in labels
}


class Members(dict[str, Any]):
    """A JSON object, and what it had under names that came again."""

    repeated: Sequence[tuple[str, Any]] = ()


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
    for name, inside in (*value.items(), *getattr(value, "repeated", ())):
        key, at = FIELD_KEYS.get(key_folded(name)), _within(place, name)
        if key is None:
            raw.reasons.append(flag("key-unknown", at))
        elif key in raw.values:
            raw.reasons.append(flag("key-repeated", at))
            if key == "code" and spaced(_text(inside)) != spaced(raw.values[key].text):
                raw.other_code = Written(spaced(_text(inside)), at)
        else:
            raw.values[key] = Written(_text(inside), at)
            _take(key, inside, at, raw)
    return raw


def _take(key: str, value: Any, place: str, raw: RawProcedure) -> None:
    match key:
        case "channels":
            raw.channels = _parts(value, place, raw, _channel, read_channels)
        case "components":
            raw.components = [
                paper
                for group in _parts(value, place, raw, _papers, lambda lines: [read_components(lines)])
                for paper in group
            ]
        case "legal_bases":
            raw.bases = _parts(value, place, raw, _basis, read_bases)
        case "internal_process":
            raw.process = _parts(value, place, raw, _step, read_process)


def _parts(value: Any, place: str, raw: RawProcedure, one: Any, block: Any) -> list[Any]:
    """The parts of a list: objects one by one, texts as in a published text."""
    if isinstance(value, str):
        return list(block(lines_within(value, place)))
    entries = value if isinstance(value, list) else [value]
    found: list[Any] = []
    for number, entry in enumerate(entries, start=1):
        at = f"{place}[{number}]" if isinstance(value, list) else place
        if isinstance(entry, Mapping):
            found.append(one(entry, at, raw))
        elif stated(_text(entry)):
            found += block(lines_within(_text(entry), at))
    return found


def _channel(entry: Mapping[str, Any], place: str, raw: RawProcedure) -> RawChannel:
    cells = []
    for name, value in entry.items():
        key = CHANNEL_KEYS.get(key_folded(name))
        if key is None:
            raw.reasons.append(flag("key-unknown", _within(place, name)))
        else:
            cells.append((key, name, _fee(value) if key == "fee" else _text(value)))
    return channel_of(cells, place, raw)


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


def channel_of(cells: Iterable[tuple[str, str, str]], place: str, raw: RawProcedure) -> RawChannel:
    """A channel row of texts with their keys and names; Phí and Lệ phí are two fees, of all else the first counts."""
    said: dict[str, list[tuple[str, str]]] = {}
    for key, name, text in cells:
        if key not in said or stated(text):
            said.setdefault(key, []).append((name, text.strip()))
    found = {key: _first(key, texts, place, raw) for key, texts in said.items()}
    term, fee, description = (Written(found.get(key, ""), place) for key in ("term", "fee", "description"))
    return RawChannel(place, spaced(found.get("form", "")), term, fee, description, spaced(found.get("case", "")))


def _first(key: str, texts: Sequence[tuple[str, str]], place: str, raw: RawProcedure) -> str:
    told = [one for one in texts if stated(one[1])] or texts[:1]
    if key == "fee" and len(told) > 1:
        return " | ".join(f"{spaced(name)}: {text}" for name, text in told)
    for name, text in told[1:]:
        if text != told[0][1]:
            raw.reasons.append(flag("key-repeated", _within(place, name)))
    return told[0][1]


def _named(entry: Mapping[str, Any], place: str, raw: RawProcedure) -> dict[str, Any]:
    """The entry by the names that are known; the others are told of."""
    said: dict[str, Any] = {}
    for name, value in entry.items():
        key = _PART_KEYS.get(key_folded(name))
        if key is None or key in said:
            raw.reasons.append(flag("key-unknown" if key is None else "key-repeated", _within(place, name)))
        else:
            said[key] = value
    return said


def _papers(entry: Mapping[str, Any], place: str, raw: RawProcedure) -> list[RawComponent]:
    said = _named(entry, place, raw)
    if isinstance(said.get("papers"), list):
        case = _text(said.get("case", said.get("name", "")))
        inside = [paper for paper in said["papers"] if isinstance(paper, Mapping)]
        return [one for paper in inside for one in _papers({"case": case, **paper}, place, raw)]
    paper = RawComponent(place, Written(_text(said.get("name", "")), place), spaced(_text(said.get("case", ""))))
    _take_counts(said, paper, place, raw)
    paper.form = spaced(_text(said.get("form", "")))
    if not stated(paper.name.text):
        paper.unkept = "component-nameless"
    return [paper]


def _take_counts(said: Mapping[str, Any], paper: RawComponent, place: str, raw: RawProcedure) -> None:
    """The counts: of their own, or together (`Số lượng`) as an object or as a published text has them."""
    together = said.get("counts")
    if isinstance(together, Mapping):
        said = {**said, **_named(together, place, raw)}
    elif together is not None and not count_in(paper, folded(_text(together))):
        raw.reasons.append(flag("count-unusual", place))
    for name in ("originals", "copies", "electronic"):
        count = _count(said.get(name))
        if count is not None:
            setattr(paper, name, count)
        elif stated(_text(said.get(name))):
            raw.reasons.append(flag("count-unusual", place))


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return int(value)
    text = _text(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None


def _basis(entry: Mapping[str, Any], place: str, raw: RawProcedure) -> Written:
    said = _named(entry, place, raw)
    return Written(spaced(f"{_text(said.get('name', ''))} {_text(said.get('number', ''))}"), place)


def _step(entry: Mapping[str, Any], place: str, raw: RawProcedure) -> RawStep:
    said = _named(entry, place, raw)
    name, role = (spaced(_text(said.get(part, ""))) for part in ("name", "role"))
    return RawStep(name, role, Written(_text(said.get("share", "")), place))


def _text(value: Any) -> str:
    """A field's value as a text; a list's as lines."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return "\n".join(f"{name}: {_text(inside)}" for name, inside in value.items())


def _within(place: str, name: str) -> str:
    field = f"trường «{spaced(name)[:60]}»"
    return f"{place}, {field}" if place else field


class Row(NamedTuple):
    """Một hàng: where it stands, its cells with their columns' names, and whether it goes on with the row above."""

    place: str
    cells: Sequence[tuple[str, str]]
    goes_on: bool = False

    def says(self, key: str, keys: Mapping[str, str] = FIELD_KEYS) -> str:
        """The first that its columns of that key say."""
        found = (text for name, text in self.cells if keys.get(key_folded(name)) == key and stated(text))
        return next(found, "")


def read_rows(tables: Iterable[Iterable[Row]]) -> tuple[list[RawProcedure], list[Reason]]:
    """The procedures of tables: rows of one code are one procedure, each with its channel; and what was refused."""
    by_code: dict[str, list[Row]] = {}
    refused: list[Reason] = []
    for rows in tables:
        above = ""
        for row in rows:
            code = row.says("code")
            if not code and above and not row.says("name") and row.says("form", CHANNEL_KEYS):
                by_code[above].append(row._replace(goes_on=True))  # its code's cell is merged with the one above
            elif not code:
                refused.append(refusal("code-missing", row.place).reason)
                above = ""
            else:
                above = folded(code)
                by_code.setdefault(above, []).append(row)
    procedures = []
    for same in by_code.values():
        try:
            procedures.append(_merged(same))
        except NotPublishable as error:
            refused.append(error.reason)
    return procedures, refused


def _merged(rows: Sequence[Row]) -> RawProcedure:
    """Raises NotPublishable when the rows of one code say different things, or a cell wasn't computed."""
    raw = RawProcedure(rows[0].place)
    for row in rows:
        if row.goes_on:
            raw.reasons.append(flag("code-from-above", row.place))
        channel = _take_cells(row, raw)
        if any(key == "form" and stated(text) for key, _, text in channel):
            raw.channels.append(channel_of(channel, row.place, raw))
    return raw


def _take_cells(row: Row, raw: RawProcedure) -> list[tuple[str, str, str]]:
    """Takes what the row says of the procedure; what it says of its channel is the answer."""
    channel: list[tuple[str, str, str]] = []
    taken: dict[str, str] = {}
    for name, text in row.cells:
        key, of_channel = FIELD_KEYS.get(key_folded(name)), CHANNEL_KEYS.get(key_folded(name))
        at = f"{row.place}, cột «{spaced(name)[:60]}»"
        if (key or of_channel) and _UNCOMPUTED.match(text):
            raise refusal("formula-without-value", at, f"«{text[:40]}»")
        if of_channel is not None and not (key == "description" and not row.says("form", CHANNEL_KEYS)):
            channel.append((of_channel, name, text))
        elif key is None:
            if row.place == raw.place or name.startswith(NAMELESS):
                raw.reasons.append(flag("key-unknown", at))
        elif stated(text) and taken.setdefault(key, text) != text:
            raw.reasons.append(flag("key-repeated", at))
            if key == "code":
                raw.other_code = Written(spaced(text), at)
        elif text.strip():
            _once(key, Written(text, at), raw)
    return channel


def _once(key: str, written: Written, raw: RawProcedure) -> None:
    known = raw.values.get(key)
    if known is None:
        raw.values[key] = written
        _take(key, written.text, written.place, raw)
    elif spaced(known.text) != spaced(written.text):
        raise refusal("rows-contradict", written.place)
