"""Đánh giá một thủ tục: identified or refused, then published as it stands with every reason to look at it."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from hub_events.intake import Channel
from hub_events.reference import ProcedurePublishedV1
from services.intake.domain.desk.fees import fee_flags, read_fees
from services.intake.domain.procedures.agency_kinds import KindRule, is_kind, kinds_of, why_unrouted
from services.intake.domain.procedures.internal_process import process_flags
from services.intake.domain.procedures.legal_bases import EndedTexts, ended_among, read_basis
from services.intake.domain.procedures.published_procedure import (
    LONGEST_NAME,
    Code,
    Offer,
    Paper,
    ProcessStep,
    PublishedProcedure,
    read_code,
)
from services.intake.domain.procedures.quirks import Reason, flag, refusal
from services.intake.domain.procedures.raw_procedure import RawChannel, RawComponent, RawProcedure
from services.intake.domain.procedures.term_flags import term_flags, term_read
from services.intake.domain.reference.folding import folded, slug_of, spaced, stated
from services.intake.domain.reference.reference_events import LARGEST, procedure_event

CHANNELS: Mapping[str, Channel] = {
    "online": "online",
    "truc tuyen": "online",
    "nop truc tuyen": "online",
    "direct": "counter",
    "counter": "counter",
    "truc tiep": "counter",
    "nop truc tiep": "counter",
    "postal": "post",
    "post": "post",
    "buu chinh": "post",
    "dich vu buu chinh": "post",
    "qua buu chinh": "post",
    "dich vu buu chinh cong ich": "post",
    "buu chinh cong ich": "post",
    "qua dich vu buu chinh": "post",
    "qua dich vu buu chinh cong ich": "post",
}
LEVELS = (("xa", "commune"), ("huyen", "district"), ("tinh", "province"), ("bo", "central"), ("trung uong", "central"))
ONLINE_LEVELS = {
    "toan trinh": ("full", False),
    "mot phan": ("partial", False),
    "full": ("full", False),
    "partial": ("partial", False),
    "4": ("full", True),
    "muc do 4": ("full", True),
    "muc 4": ("full", True),
    "3": ("partial", True),
    "muc do 3": ("partial", True),
    "muc 3": ("partial", True),
    "cung cap thong tin truc tuyen": ("information", False),
    "information": ("information", False),
}
MOST_REASONS = 100
VERTICAL = frozenset({"tax", "customs", "treasury"})
_TEXTS = (
    "kind",
    "level",
    "steps",
    "applicants",
    "agency",
    "competent_agency",
    "receiving_address",
    "delegated_agency",
    "cooperating_agency",
    "results",
    "conditions",
    "keywords",
    "description",
)
_SAID_TO_BE_NOTHING = {
    "decision": "decision-not-stated",
    "steps": "steps-not-stated",
    "applicants": "applicants-not-stated",
    "legal_bases": "bases-not-stated",
}
_OPTIONAL = ("(nếu có)", "nếu có)", "(trường hợp")


@dataclass(frozen=True, slots=True)
class References:
    """What a procedure is judged by: replaceable tables, and the day."""

    kinds: Sequence[KindRule]
    ended: EndedTexts
    day: date


@dataclass(frozen=True, slots=True)
class Assessed:
    """Một thủ tục đã đánh giá: what is published, and why a person should look at it."""

    place: str
    procedure: PublishedProcedure
    reasons: tuple[Reason, ...]
    written: str
    """The content as it is stored."""
    told: ProcedurePublishedV1
    """The content as others are told of it; its version and day come when it is published."""

    @property
    def fingerprint(self) -> bytes:
        """The same for the same content."""
        return hashlib.sha256(self.written.encode()).digest()


def assess(raw: RawProcedure, references: References) -> Assessed:
    """Raises NotPublishable: no code or a wrong one, no name, no channel at all, or too large to be told of."""
    code = _code(raw)
    if not stated(raw.value("name").text):
        raise refusal("name-missing", raw.value("name").place)
    if not any(stated(row.form) for row in raw.channels):
        raise refusal("channel-missing", raw.value("channels").place)
    reasons = [*raw.reasons, *_code_flags(code, raw)]
    name, field, agency = (_line(raw, key, reasons) for key in ("name", "field", "agency"))
    levels = _levels(raw, reasons)
    kind = _kind(raw, agency, levels, references, reasons)
    if kind is not None and (why := why_unrouted(kind, references.kinds)):
        reasons.append(flag("agency-kind-unrouted", raw.value("agency").place, f"«{kind}»: {why}."))
    offers, cases = _offers(raw, reasons)
    papers = _papers(raw, cases, reasons)
    procedure = PublishedProcedure(
        code=code.text,
        base_code=code.base,
        suffix=code.suffix,
        name=name,
        field=field,
        decision=spaced(raw.value("decision").text) if stated(raw.value("decision").text) else "",
        levels=levels,
        online_level=_online_level(raw, reasons),
        agency_kind=kind,
        offers=offers,
        cases=tuple(cases.items()),
        papers=papers,
        bases=tuple(read_basis(basis.text) for basis in raw.bases),
        process=tuple(ProcessStep(step.name, step.role, step.share.text) for step in raw.process),
        texts={key: raw.value(key).text for key in _TEXTS if stated(raw.value(key).text)},
        cooperating_kinds=tuple(_cooperating(raw, kind, references, reasons)),
    )
    reasons += _more_flags(raw, procedure, references)
    told = procedure_event(procedure, 1, datetime.combine(references.day, time(), UTC))
    if len(told.__pydantic_serializer__.to_json(told)) > LARGEST:
        raise refusal("procedure-too-large", raw.place)
    return Assessed(raw.place, procedure, shortened(reasons), procedure.written(), told)


def shortened(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Each reason once, and not more of them than somebody reads."""
    once = tuple(dict.fromkeys(reasons))
    if len(once) <= MOST_REASONS:
        return once
    return (*once[:MOST_REASONS], flag("more-reasons", "", f"Còn {len(once) - MOST_REASONS} lý do."))


def _code(raw: RawProcedure) -> Code:
    written = raw.value("code")
    if not stated(written.text):
        raise refusal("code-missing", written.place)
    code = read_code(written.text)
    if code is None:
        raise refusal("code-invalid", written.place, f"«{spaced(written.text)[:60]}»")
    if raw.other_code is not None:
        raise refusal("several-codes", raw.other_code.place, f"«{raw.other_code.text[:60]}»")
    return code


def _code_flags(code: Code, raw: RawProcedure) -> Iterator[Reason]:
    place = raw.value("code").place
    if code.respelled:
        yield flag("code-respelled", place, f"«{spaced(raw.value('code').text)[:60]}» → {code.text}.")
    if code.internal:
        yield flag("code-internal", place)
    if code.long:
        yield flag("code-long", place, f"Mã gốc {code.base}.")
    if code.suffix:
        yield flag("code-provincial", place, f"Mã gốc {code.base}, đuôi {code.suffix}.")


def _line(raw: RawProcedure, key: str, reasons: list[Reason]) -> str:
    """A text of one line."""
    written = raw.value(key)
    line = spaced(written.text)
    if line != written.text.strip():
        reasons.append(flag("spacing-unusual", written.place))
    letters = [char for char in line if char.isalpha()]
    if key == "name" and len(letters) > 3 and all(char.isupper() for char in letters):
        reasons.append(flag("name-in-capitals", written.place))
    if key == "name" and len(line) > LONGEST_NAME:
        reasons.append(flag("name-too-long", written.place))
    if key == "field" and not stated(line):
        reasons.append(flag("field-not-stated", written.place))
        return ""
    return line if stated(line) else ""


def _levels(raw: RawProcedure, reasons: list[Reason]) -> tuple[str, ...]:
    written = raw.value("level")
    words = re.findall(r"[a-z]+", folded(written.text))  # «Cấp Bộ/Trung ương»
    plain = f" {' '.join(words)} "
    levels = tuple(dict.fromkeys(level for says, level in LEVELS if f" {says} " in plain or level in words))
    if not levels:
        reasons.append(flag("level-unknown", written.place))
    return levels


def _online_level(raw: RawProcedure, reasons: list[Reason]) -> str | None:
    written = raw.value("online_level")
    if not stated(written.text):
        return None
    plain = folded(written.text).removeprefix("dich vu cong truc tuyen ").removeprefix("dich vu cong ")
    level, old = ONLINE_LEVELS.get(plain, (None, False))
    if level is None:
        reasons.append(flag("online-level-unknown", written.place))
    elif old:
        reasons.append(flag("online-level-old", written.place))
    return level


def _kind(
    raw: RawProcedure, agency: str, levels: Sequence[str], references: References, reasons: list[Reason]
) -> str | None:
    """The kind of agency that resolves: as written by the publishing office, else derived; None: nobody knows."""
    written, place = raw.value("agency_kind"), raw.value("agency").place
    if stated(written.text) and is_kind(written.text.strip()):
        return written.text.strip()
    if stated(written.text):
        reasons.append(flag("agency-kind-unreadable", written.place))
    said = agency
    if not stated(agency):
        reasons.append(flag("agency-not-stated", place))
        said = raw.value("competent_agency").text
    kinds = kinds_of(said, references.kinds)
    known = [kind for kind in kinds if kind is not None]
    if len(known) != 1 or len(kinds) > 1:
        slug = "agency-ambiguous" if len(kinds) > 1 else "agency-unknown"
        reasons.append(flag(slug, place, ", ".join(kind or "không rõ" for kind in kinds)))
    if "commune" in levels and VERTICAL & set(known):
        reasons.append(flag("level-unreliable", raw.value("level").place))
    return known[0] if len(kinds) == len(known) == 1 else None


def _cooperating(raw: RawProcedure, lead: str | None, references: References, reasons: list[Reason]) -> Iterator[str]:
    """The kinds that get a leg of their own; a person looks where one isn't clear, or nobody is competent."""
    written = raw.value("cooperating_agency")
    if not stated(written.text):
        return
    named = kinds_of(written.text, references.kinds)
    clear = [kind for kind in named if kind not in (None, lead) and not why_unrouted(kind, references.kinds)]
    if lead is None or len(clear) != len(named):
        reasons.append(flag("cooperating-agency", written.place))
    if lead is not None:
        yield from clear


def _offers(raw: RawProcedure, reasons: list[Reason]) -> tuple[tuple[Offer, ...], dict[str, str]]:
    """The channel rows, and the cases that they make: several rows of one channel are told apart."""
    channels = [CHANNELS.get(folded(row.form)) for row in raw.channels]
    counts, numbers = Counter(channels), Counter[str | None]()
    offers, cases = [], dict[str, str]()
    for row, channel in zip(raw.channels, channels, strict=True):
        case = None
        numbers[channel] += 1
        if channel is None:
            reasons.append(flag("channel-unknown", row.place, f"«{row.form[:60]}»"))
        elif counts[channel] > 1 or row.case:
            case, name = _case(row, channel, numbers[channel])
            if cases.setdefault(case, name) != name:
                case = f"{channel}-{numbers[channel]}"
                cases[case] = name
        if channel is not None and numbers[channel] == 2:
            reasons.append(flag("channel-repeated", row.place, f"«{row.form[:60]}», {counts[channel]} dòng."))
        offers.append(Offer(channel, row.form, case, row.term.text, read_fees(row.fee.text), row.description.text))
    return tuple(offers), cases


def _case(row: RawChannel, channel: str, number: int) -> tuple[str, str]:
    if row.case and (slug := slug_of(row.case)):
        return slug, row.case[:LONGEST_NAME]
    said = next((text for text in (row.description.text, row.fee.text) if stated(text)), "")
    return f"{channel}-{number}", f"Trường hợp {number} ({row.form}): {spaced(said)[:200]}".rstrip(": ")


def _papers(raw: RawProcedure, cases: dict[str, str], reasons: list[Reason]) -> tuple[Paper, ...]:
    """The papers with a code each, made of the name; adds the cases that they name."""
    papers: list[Paper] = []
    used = Counter[str]()
    by_name = {name: code for code, name in cases.items()}
    for written in raw.components:
        if written.unkept:
            told = spaced(written.name.text)[:120]
            reasons.append(flag(written.unkept, written.place, f"«{told}»" if told else ""))
            continue
        case = _papers_case(written, cases, by_name)
        slug = slug_of(written.name.text) or "giay-to"
        used[slug] += 1
        papers.append(_paper(written, slug if used[slug] == 1 else f"{slug}-{used[slug]}", case, reasons))
    if not papers:
        reasons.append(flag("components-not-stated", raw.value("components").place))
    taken = Counter(paper.code for paper in papers)
    if any(count > 1 for count in taken.values()):  # «a-2» itself and the second «a»
        papers = [_renumbered(paper, number) for number, paper in enumerate(papers, start=1)]
    return tuple(papers)


def _papers_case(written: RawComponent, cases: dict[str, str], by_name: dict[str, str]) -> str | None:
    name = written.case[:LONGEST_NAME]
    if not name:
        return None
    if name not in by_name:
        slug = slug_of(name) or "truong-hop"
        by_name[name] = slug if slug not in cases else f"{slug}-{len(cases) + 1}"
        cases[by_name[name]] = name
    return by_name[name]


def _paper(written: RawComponent, code: str, case: str | None, reasons: list[Reason]) -> Paper:
    counts = (written.originals, written.copies, written.electronic)
    if all(count is None for count in counts):
        reasons.append(flag("component-counts-missing", written.place))
    if any(count is not None and count > 1_000 for count in counts):
        reasons.append(flag("count-unusual", written.place))
    name = spaced(written.name.text)
    required = not any(words in name.lower() for words in _OPTIONAL)
    return Paper(code, name, case, required, *counts, written.form)


def _renumbered(paper: Paper, number: int) -> Paper:
    return Paper(f"giay-to-{number}", *(getattr(paper, name) for name in list(Paper.__slots__)[1:]))


def _more_flags(raw: RawProcedure, procedure: PublishedProcedure, references: References) -> Iterator[Reason]:
    steps = raw.value("steps").text
    for row in raw.channels:
        for slug, more in term_flags(row.term.text, row.description.text, steps):
            yield flag(slug, row.term.place, more)
        for slug, more in fee_flags(row.fee.text):
            yield flag(slug, row.fee.place, more)
    terms = {term_read(offer.term) for offer in procedure.offers if offer.case is None}
    if len(terms) > 1:
        yield flag("terms-differ-by-channel", raw.value("channels").place)
    if not stated(raw.value("results").text):
        yield flag("result-not-stated", raw.value("results").place)
    for key, slug in _SAID_TO_BE_NOTHING.items():
        if key in raw.values and not stated(raw.values[key].text):
            yield flag(slug, raw.values[key].place)
    for written, basis in zip(raw.bases, procedure.bases, strict=True):
        if basis.number is None:
            yield flag("basis-unreadable", written.place)
        elif ended := ended_among(frozenset({basis.number}), references.ended, references.day):
            yield flag("expired-basis", written.place, ended[0].told())
    yield from process_flags(raw.process, [offer.term for offer in procedure.offers])
