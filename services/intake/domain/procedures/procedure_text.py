"""Đọc nội dung công bố dạng văn bản: one text, one or more procedures, each piece with its line.

Keys stand at the left margin. A text may break its lines anywhere, so what looks like a key inside a longer text is
weighed by where it stands among the keys that occur once.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from services.intake.domain.procedures.procedure_blocks import (
    Line,
    lines_of,
    read_bases,
    read_channels,
    read_components,
    read_process,
)
from services.intake.domain.procedures.quirks import flag
from services.intake.domain.procedures.raw_procedure import (
    LABELS,
    LONG,
    ORDER,
    TEXT_KEYS,
    RawProcedure,
    Written,
    key_folded,
)
from services.intake.domain.reference.folding import folded, spaced

HEADING = "chi tiet thu tuc hanh chinh"
_KEY = re.compile(r"[#>*_`\s]*(?P<label>[^\W\d_][^:\n]{1,60}?)\s*[*_`]*\s*:\s*[*_`]*\s*(?P<rest>.*)", re.DOTALL)
_BLOCKS = frozenset({"channels", "components", "legal_bases", "internal_process"})
_FREE = frozenset({"description", "keywords", "receiving_address"})
"""Short values in which a colon says nothing: `ĐT: …` in an address."""
_LONGEST_HEADING = 120
_DECORATION = " \t#*_`>"


class _Found(NamedTuple):
    """A line that looks like a key."""

    at: int
    key: str
    rest: str


def read_text(text: str) -> list[RawProcedure]:
    """The procedures in a text; none when it isn't such a text."""
    lines = [Line(number, line.rstrip()) for number, line in enumerate(lines_of(text), start=1)]
    return [raw for piece in _pieces(lines) if (raw := _procedure(piece)) is not None]


def _pieces(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """One piece for each heading that a code follows soon; the whole text when there is no heading."""
    starts = [at for at in range(len(lines)) if _is_heading(lines, at)]
    starts = [0, *starts[1:]]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start:end]


def _is_heading(lines: Sequence[Line], at: int) -> bool:
    text = lines[at].text
    if (
        len(text) > _LONGEST_HEADING
        or text.lstrip(_DECORATION)[:1] not in ("C", "c")
        or folded(text.strip(_DECORATION)) != HEADING
    ):
        return False
    following = [line for line in lines[at + 1 : at + 8] if line.text.strip()][:3]
    return any((found := _key_of(line, 0)) is not None and found.key == "code" for line in following)


def _labelled(line: Line) -> re.Match[str] | None:
    """A label and what follows; looked for only where a colon comes soon, so that no line takes long."""
    return _KEY.fullmatch(line.text.strip()) if ":" in line.text.lstrip()[:_LONGEST_HEADING] else None


def _key_of(line: Line, margin: int, at: int = 0) -> _Found | None:
    match = _labelled(line) if line.indent <= margin else None
    if match is None:
        return None
    key = TEXT_KEYS.get(key_folded(match["label"]))
    return None if key is None else _Found(at, key, match["rest"])


def _procedure(lines: Sequence[Line]) -> RawProcedure | None:
    margin = _margin(lines)
    found = [one for at, line in enumerate(lines) if (one := _key_of(line, margin, at)) is not None]
    if len({one.key for one in found}) < 2:
        return None
    raw = RawProcedure(f"dòng {lines[found[0].at].number}")
    chosen = _chosen(found, lines, raw)
    for one, end in zip(chosen, [*(later.at for later in chosen[1:]), len(lines)], strict=True):
        _take(one, lines[one.at + 1 : end], lines[one.at], margin, raw)
    for key, label in LABELS.items():
        if key not in raw.values:
            raw.reasons.append(flag("key-missing", raw.place, f"«{label}»"))
    return raw


def _margin(lines: Sequence[Line]) -> int:
    """How far in the keys stand: where the code stands."""
    for line in lines:
        found = _key_of(line, line.indent)
        if found is not None and found.key == "code":
            return line.indent
    return 0


def _chosen(found: Sequence[_Found], lines: Sequence[Line], raw: RawProcedure) -> list[_Found]:
    """One place for each key: of several, the one that fits best among the keys that occur once."""
    places: dict[str, list[_Found]] = {}
    for one in found:
        places.setdefault(one.key, []).append(one)
    once = [same[0] for same in places.values() if len(same) == 1]
    chosen = []
    for key, same in places.items():
        best = min(same, key=partial(_misfits, once)) if len(same) > 1 else same[0]
        chosen.append(best)
        for other in same:
            if other is not best and key != "description":  # channels have one of that name each
                place = f"dòng {lines[other.at].number}"
                raw.reasons.append(flag("key-repeated", place))
                if key == "code" and spaced(other.rest) != spaced(best.rest):
                    raw.other_code = Written(spaced(other.rest), place)
    return sorted(chosen)


def _misfits(once: Sequence[_Found], one: _Found) -> tuple[bool, int, int]:
    """How badly a place fits: text behind a key of a block, keys that occur once on its wrong side; then which it is.

    The steps come early, are long, and speak of all that follows: after them the last place is the likelier one.
    """
    wrong_side = sum((ORDER[sure.key] < ORDER[one.key]) != (sure.at < one.at) for sure in once)
    after_steps = ORDER[one.key] > ORDER["steps"]
    return one.key in _BLOCKS and one.rest != "", wrong_side, -one.at if after_steps else one.at


def _take(one: _Found, following: Sequence[Line], head: Line, margin: int, raw: RawProcedure) -> None:
    body = [Line(head.number, one.rest), *following] if one.rest else list(following)
    if one.key not in LONG:
        body = list(_known(body, margin, raw, free=one.key in _FREE))
    text = "\n".join(line.text for line in body).strip()
    raw.values[one.key] = Written(text, f"dòng {head.number}")
    match one.key:
        case "channels":
            raw.channels = read_channels(body)
        case "components":
            raw.components = read_components(body)
        case "legal_bases":
            raw.bases = read_bases(body)
        case "internal_process":
            raw.process = read_process(body)


def _known(body: Sequence[Line], margin: int, raw: RawProcedure, *, free: bool) -> Iterator[Line]:
    """A short value without keys that nobody knows, and without what stands under them."""
    skipping = False
    for at, line in enumerate(body):
        if line.text.strip() and at > 0 and line.indent <= margin and not free:
            match = _labelled(line)
            skipping = match is not None and len(match["label"].split()) <= 8 and match["label"][0].isupper()
            if skipping:
                raw.reasons.append(flag("key-unknown", f"dòng {line.number}"))
        if not skipping:
            yield line
