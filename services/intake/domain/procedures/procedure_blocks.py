"""Đọc các phần có nhiều dòng: channels, components, legal bases and steps of the internal process."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from services.intake.domain.procedures.raw_procedure import (
    CHANNEL_KEYS,
    RawChannel,
    RawComponent,
    RawStep,
    Written,
    key_folded,
)
from services.intake.domain.reference.folding import folded, spaced, stated

_BULLETS = "-+*•·–—●▪◦"
_BULLET = re.compile(rf"(?:\s*[{_BULLETS}]+)+\s*")
_ROW = re.compile(r"\s*(?:[-+*•·]\s*)?(?P<label>[^\W\d_][^:]{1,40}?)\s*:\s*(?P<rest>.*)", re.DOTALL)
_COUNT_LINE = re.compile(r"[+*•]? ?so luong ?:")
_FORM_LINE = re.compile(r"[+*•]? ?mau don ?:")
_HEADING = re.compile(r"\[(?P<words>.*)\]")
_GENERAL = re.compile(
    r"(?:[a-z0-9]{1,3}(?:\.[0-9]+)*[.)] ?)?(?:"
    r"(?:cac |nhung )?(?:ho so|giay to|tai lieu|thanh phan)?(?: ho so)?,?(?: (?:phai |can )?(?:nop|xuat trinh))?"
    r"(?: ?\([^)]*\))?,? ?(?:bao gom|gom)?(?: co)?|(?:thanh phan, )?so luong.*|[0-9]+ bo .*|(?:luu y|ghi chu).*)"
)
"""Headings that speak of all papers under them, whatever the case."""
_CONDITION = re.compile(r"(?:\W|\b[a-z0-9]{1,3}[.)])*(?:trong )?(?:truong hop|doi voi|neu|khi)\b")
_COUNTS = {
    "originals": re.compile(r"ban chinh\W{0,3}(\d{1,6})"),
    "copies": re.compile(r"ban sao\W{0,3}(\d{1,6})"),
    "electronic": re.compile(r"(?:ban )?dien tu\W{0,3}(\d{1,6})"),
}


class Line(NamedTuple):
    """A line and its number, in the file or in the field that `within` names."""

    number: int
    text: str
    within: str = ""

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())

    @property
    def place(self) -> str:
        return f"{self.within}, dòng {self.number}" if self.within else f"dòng {self.number}"


def lines_of(text: str) -> list[str]:
    """Lines as an editor counts them: other separators of Unicode are odd spaces."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def lines_within(text: str, place: str) -> list[Line]:
    """The lines of a field that stands at `place`."""
    return [Line(number, line, place) for number, line in enumerate(lines_of(text), start=1)]


def without_bullet(text: str) -> str:
    """The text without a bullet in front."""
    return _BULLET.sub("", text, count=1) if _BULLET.match(text) else text.strip()


def read_channels(lines: Iterable[Line]) -> list[RawChannel]:
    """Cách thức thực hiện: a row begins with its channel; what has no name goes on with what came before.

    Names stand as far in as the first ones: the same words elsewhere are part of a description. What stands above
    the first row is kept as a row without a channel.
    """
    above: list[Line] = []
    rows: list[tuple[Line, dict[str, tuple[Line, list[str]]]]] = []
    margins: dict[bool, int] = {}
    going_on: list[str] | None = None
    for line in lines:
        match = _ROW.fullmatch(line.text.lstrip()) if ":" in line.text.lstrip()[:80] else None
        name = CHANNEL_KEYS.get(key_folded(match["label"])) if match else None
        begins = name == "form"
        if match and name and (begins or rows) and margins.setdefault(begins, line.indent) == line.indent:
            if begins:
                rows.append((line, {}))
            said = rows[-1][1]
            if name not in said and (name != "case" or "description" not in said):
                going_on = [match["rest"].strip()]
                said[name] = line, going_on
                continue
        if going_on is not None and line.text.strip():
            going_on.append(line.text.strip())
        elif stated(line.text):
            above.append(line)
    if rows and above:
        rows.insert(0, (above[0], {"description": (above[0], [line.text.strip() for line in above])}))
    return [_channel(line, said) for line, said in rows]


def _channel(head: Line, said: Mapping[str, tuple[Line, list[str]]]) -> RawChannel:
    def written(name: str) -> Written:
        line, parts = said.get(name, (head, []))
        return Written("\n".join(parts).strip(), line.place)

    form, case = spaced(written("form").text), spaced(written("case").text)
    return RawChannel(head.place, form, written("term"), written("fee"), written("description"), case)


def read_components(lines: Sequence[Line]) -> list[RawComponent]:
    """Thành phần hồ sơ: papers under the cases that ask for them; what is no paper says why (`unkept`)."""
    filled = [line for line in lines if stated(line.text) or _is_bullet(line)]
    margin, bullet = _bullets(filled)
    several = sum(_heading_in(line) is not None for line in filled) > 1
    papers: list[tuple[RawComponent, list[str]]] = []
    case, last = "", ""
    for at, line in enumerate(filled):
        text = line.text.strip()
        if papers and _COUNT_LINE.match(folded(text)) and count_in(papers[-1][0], folded(text)):
            last = "counts"
        elif papers and _FORM_LINE.match(folded(text)):
            papers[-1][0].form = spaced(text.partition(":")[2])
            last = "form"
        elif (heading := _heading_in(line)) is not None:
            case, last = _case_of_heading(heading, several=several), "case"
            if not case or _heading_follows(filled, at):
                unkept = RawComponent(line.place, Written("", line.place), unkept="component-heading")
                papers.append((unkept, [heading]))
        elif _begins_case(line, filled[at + 1 : at + 2], margin):
            case, last = _case(without_bullet(text)), "case"
        elif last != "name" or margin < 0 or (line.indent == margin and text.startswith(bullet)):
            papers.append((RawComponent(line.place, Written("", line.place), case), [without_bullet(text)]))
            last = "name"
        else:
            papers[-1][1].append(text)
    for paper, parts in papers:
        paper.name = Written(" ".join(parts).strip(), paper.place)
        if not paper.unkept and not stated(paper.name.text):
            paper.unkept = "component-nameless"
    return [paper for paper, _ in papers]


def _is_bullet(line: Line) -> bool:
    """Nothing but a bullet: a paper whose name is on the next line, or that has none."""
    return line.text.strip() != "" and _BULLET.fullmatch(line.text) is not None


def _bullets(lines: Iterable[Line]) -> tuple[int, str]:
    """How far in the papers stand, and behind what; -1: they have no bullets."""
    first = next((line for line in lines if line.text.lstrip()[0] in _BULLETS.replace("*", "")), None)
    return (-1, "") if first is None else (first.indent, first.text.lstrip()[0])


def _heading_in(line: Line) -> str | None:
    """The words of a heading such as `[ Trường hợp ủy quyền ]`."""
    found = _HEADING.fullmatch(line.text.strip())
    return found["words"].strip() if found else None


def _heading_follows(lines: Sequence[Line], at: int) -> bool:
    return at + 1 == len(lines) or _heading_in(lines[at + 1]) is not None


def _case_of_heading(words: str, *, several: bool) -> str:
    """The case that it names; a single one that tells no condition speaks of all papers."""
    return _case(without_bullet(words)) if several or _CONDITION.match(folded(words)) else ""


def _begins_case(line: Line, following: Sequence[Line], margin: int) -> bool:
    """A line such as `* Trường hợp ủy quyền:`; at the margin, before papers further in, a line break."""
    text = line.text.strip()
    leads = text.endswith(":") or any(other.text.lstrip().startswith("-") for other in following)
    return text.startswith("*") and leads and (line.indent > 0 or margin <= 0)


def _case(text: str) -> str:
    name = spaced(text).rstrip(" :")
    return "" if _GENERAL.fullmatch(folded(name).strip(" :.;")) else name


def count_in(paper: RawComponent, words: str) -> bool:
    """Takes the counts in a line; False: there are none in it."""
    found = {name: match for name, pattern in _COUNTS.items() if (match := pattern.search(words))}
    for name, match in found.items():
        setattr(paper, name, int(match[1]))
    if found:
        paper.originals, paper.copies = paper.originals or 0, paper.copies or 0
    return bool(found)


def read_bases(lines: Iterable[Line]) -> list[Written]:
    """Căn cứ pháp lý: one text a bullet, and a line without one goes on; without any bullet, one text a line."""
    filled = [line for line in lines if stated(line.text)]
    margin = next((line.indent for line in filled if _BULLET.match(line.text)), -1)
    bases: list[tuple[str, list[str]]] = []
    for line in filled:
        begins = margin < 0 or (line.indent == margin and _BULLET.match(line.text) is not None)
        if bases and not begins:
            bases[-1][1].append(line.text)
        else:
            bases.append((line.place, [without_bullet(line.text)]))
    return [Written(spaced(" ".join(parts)), place) for place, parts in bases]


def read_process(lines: Iterable[Line]) -> list[RawStep]:
    """Quy trình nội bộ: `Bước 1: việc | người làm | 0,5 ngày làm việc`, one step a line."""
    steps = []
    for line in lines:
        text = without_bullet(line.text)
        if not stated(text):
            continue
        name, role, share = (*(part.strip() for part in text.split("|")), "", "")[:3]
        steps.append(RawStep(spaced(name), spaced(role), Written(share, line.place)))
    return steps
