"""Thủ tục hành chính như đã công bố: one version in full, as it is stored, shown and pinned by dossiers."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub_events.intake import Channel, LegPlan, ProcedureRef
from hub_worktime import TermRow
from services.intake.domain.catalogue import Case, Component, Listing, Procedure
from services.intake.domain.desk.fees import Fee
from services.intake.domain.procedures.legal_bases import LegalBasis
from services.intake.domain.reference.folding import spaced

LONGEST_NAME = 1_000
_NATIONAL = re.compile(r"([0-9]\.[0-9]{6})(\.[0-9]{3}\.[0-9]{2}\.[0-9]{2})?(\.[A-Y][0-9]{2})?")
_INTERNAL = re.compile(r"[A-Z][A-Z0-9]{1,9}_[A-Z0-9]{1,24}")


class Code(NamedTuple):
    """Mã thủ tục: as published, and the code of the national database that it stands for."""

    text: str
    base: str
    suffix: str | None = None
    long: bool = False
    internal: bool = False
    respelled: bool = False


def read_code(text: str) -> Code | None:
    """`1.999001.000.00.00.H47` is 1.999001 in its older long form, of H47; None: no code of a procedure.

    A code with spaces in it or a small letter can't be another one: it is that one, respelled.
    """
    code = spaced(text)
    compact = "".join(code.split()).strip(".,;").upper()
    if found := _NATIONAL.fullmatch(compact):
        suffix = found[3] and found[3][1:]
        return Code(compact, found[1], suffix, long=found[2] is not None, respelled=compact != code)
    return Code(code, code, internal=True) if _INTERNAL.fullmatch(code) else None


@dataclass(frozen=True, slots=True)
class Offer:
    """Cách thức thực hiện: one row; `channel` None where its form isn't known, `case` where it is one of several."""

    channel: Channel | None
    form: str
    case: str | None
    term: str
    fees: tuple[Fee, ...]
    description: str


@dataclass(frozen=True, slots=True)
class Paper:
    """Thành phần hồ sơ; counts None: not stated."""

    code: str
    name: str
    case: str | None
    required: bool
    originals: int | None
    copies: int | None
    electronic: int | None
    form: str


@dataclass(frozen=True, slots=True)
class ProcessStep:
    """Một bước của quy trình nội bộ: its share of the term as published."""

    name: str
    role: str
    share: str


@dataclass(frozen=True, slots=True)
class PublishedProcedure:
    """Nội dung của một phiên bản. Long texts as published, NFC."""

    code: str
    base_code: str
    suffix: str | None
    name: str
    field: str
    decision: str
    levels: tuple[str, ...]
    online_level: str | None
    agency_kind: str | None
    offers: tuple[Offer, ...]
    cases: tuple[tuple[str, str], ...]
    papers: tuple[Paper, ...]
    bases: tuple[LegalBasis, ...]
    process: tuple[ProcessStep, ...]
    texts: Mapping[str, str]
    """Everything else by its key: agency, steps, results, conditions …"""
    cooperating_kinds: tuple[str, ...] = ()
    """Of the agencies that cooperate, as far as the text names them clearly."""

    def content(self) -> dict[str, Any]:
        """As JSON; without cooperating agencies as before there were any, so that the content is the same."""
        named = {name: getattr(self, name) for name in self.__slots__}
        if not self.cooperating_kinds:
            del named["cooperating_kinds"]
        return {
            **named,
            "offers": [_fields(offer) for offer in self.offers],
            "papers": [_fields(paper) for paper in self.papers],
            "process": [_fields(step) for step in self.process],
        }

    def written(self) -> str:
        """Its JSON: the same for the same content, whatever file or order of fields it came in."""
        return json.dumps(self.content(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @property
    def numbers(self) -> frozenset[str]:
        """The numbers of the texts that it cites."""
        return frozenset(basis.number for basis in self.bases if basis.number)

    def procedure(self, version: int, field: str | None) -> Procedure:
        """What dossiers are checked and counted with; `field`: its slug."""
        return Procedure(
            ref=ProcedureRef(code=self.code, version=version, name=self.name[:LONGEST_NAME], field=field),
            source=f"Quyết định {self.decision}" if self.decision else "Nội dung công bố đã nhập",
            certainty="V",
            term_rows=tuple(self._term_rows()),
            components=tuple(
                Component(
                    one.code, one.name[:LONGEST_NAME], one.required, one.originals or 0, one.copies or 0, one.case
                )
                for one in self.papers
            ),
            cases=tuple(Case(code, name) for code, name in self.cases),
            legs=tuple(self._legs()),
            listing=Listing(self.field, self.levels, self.texts.get("agency", ""), self.online_level, self.base_code),
        )

    def _legs(self) -> Iterator[LegPlan]:
        """The agency that resolves and, at the same time, those that cooperate. Their names come after `lead`."""
        if self.agency_kind is None:
            return
        yield LegPlan(leg="lead", role="lead", order=1, agency_kind=self.agency_kind)
        for number, kind in enumerate(self.cooperating_kinds, start=1):
            yield LegPlan(leg=f"partner-{number}", role="cooperating", order=1, agency_kind=kind)

    def _term_rows(self) -> list[TermRow]:
        """One row for each offer; where all cases of a channel have the same term, one for any case."""
        rows: list[TermRow] = []
        for channel in dict.fromkeys(offer.channel for offer in self.offers if offer.channel):
            of_channel = [offer for offer in self.offers if offer.channel == channel]
            if len({offer.term for offer in of_channel}) == 1:
                rows.append(TermRow(of_channel[0].term, channel))
            else:
                rows += [TermRow(offer.term, channel, offer.case) for offer in of_channel]
        return rows


def _fields(part: Offer | Paper | ProcessStep) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}
