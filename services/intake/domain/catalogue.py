"""Danh mục thủ tục và Bộ phận Một cửa: the reference data a dossier is checked against.

A published version never changes; open dossiers keep theirs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from hub_events.intake import ComponentRef, DeskRef, Finding, LegPlan, ProcedureRef
from hub_worktime import DEFAULT_HOURS, Term, TermRow, TermTable, WorkingHours, day_in_vietnam
from services.intake.domain.refusals import (
    DeskEnded,
    NoAgencyKind,
    UnknownCase,
    UnknownComponent,
    UnknownDesk,
    UnknownLeg,
    UnknownProcedure,
)

MISSING, UNKNOWN = "component-missing", "component-unknown"


@dataclass(frozen=True, slots=True)
class Component:
    """Thành phần hồ sơ: a paper that the procedure asks for; `case` None: in every case."""

    code: str
    name: str
    required: bool
    originals: int
    copies: int
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Trường hợp: a variant of the procedure with its own papers or term."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Cách tra cứu: what an imported version is listed and searched by, beside its code and name."""

    field: str
    levels: tuple[str, ...]
    agency: str
    online_level: str | None
    base_code: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """Thủ tục hành chính in one published version. `certainty`: V read, V2 secondary, R recalled, U uncertain."""

    ref: ProcedureRef
    source: str
    certainty: str
    term_rows: tuple[TermRow, ...]
    components: tuple[Component, ...]
    cases: tuple[Case, ...]
    legs: tuple[LegPlan, ...]
    listing: Listing | None = None
    """None: of the packaged data."""

    def term_for(self, channel: str, case: str | None) -> Term:
        """Thời hạn giải quyết that a dossier of this channel and case has."""
        return TermTable(self.term_rows).term_for(channel, case)

    def check_routable(self) -> None:
        """Raises NoAgencyKind: an imported version whose agency nobody could derive."""
        if not self.legs:
            raise NoAgencyKind

    def check_case(self, case: str | None) -> None:
        """Raises UnknownCase."""
        known = [known.code for known in self.cases]
        if case is not None and case not in known:
            raise UnknownCase(known)

    def check_leg(self, leg: str | None) -> None:
        """Raises UnknownLeg."""
        known = [plan.leg for plan in self.legs]
        if leg is not None and leg not in known:
            raise UnknownLeg(known)

    def check_components(self, codes: Iterable[str]) -> None:
        """Raises UnknownComponent."""
        known = {component.code for component in self.components}
        if unknown := sorted(set(codes) - known):
            raise UnknownComponent(unknown)

    def findings(self, handed_in: Sequence[ComponentRef], case: str | None) -> tuple[Finding, ...]:
        """Kiểm tra thành phần hồ sơ: what is missing in that case, and what the procedure doesn't know."""
        there = {part.code for part in handed_in if part.originals or part.copies or part.electronic}
        known = {component.code for component in self.components}
        missing = [
            Finding(code=MISSING, component=component.code)
            for component in self._asked(case, there)
            if component.code not in there
        ]
        unknown = [Finding(code=UNKNOWN, component=part.code) for part in handed_in if part.code not in known]
        return (*missing, *unknown)

    def _asked(self, case: str | None, there: Set[str]) -> list[Component]:
        """The papers of every case and of the dossier's.

        Where that is none though the procedure asks for papers, those of the case that the dossier comes closest to:
        whoever names no case, or one of a term only, doesn't come without any paper.
        """
        required = [component for component in self.components if component.required]
        asked = [component for component in required if component.case in (None, case)]
        if asked or not required:
            return asked
        cases = dict.fromkeys(component.case for component in required)
        lacking = Counter(component.case for component in required if component.code not in there)
        closest = min(cases, key=lambda one: lacking[one])
        return [component for component in required if component.case == closest]

    def named(self, handed_in: Sequence[ComponentRef]) -> tuple[ComponentRef, ...]:
        """The papers with the names that this version gives them; None for those it doesn't know."""
        names = {component.code: component.name for component in self.components}
        return tuple(
            ComponentRef.model_construct(
                code=part.code,
                name=names.get(part.code),
                originals=part.originals,
                copies=part.copies,
                electronic=part.electronic,
            )
            for part in handed_in
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """Bộ phận Một cửa: where dossiers are taken in and results returned."""

    ref: DeskRef
    province: str
    phone: str
    hours: WorkingHours = DEFAULT_HOURS
    """Giờ tính hạn: by which the dates of its dossiers are counted."""
    last_day: date | None = None
    """Of one that has ended; None: it is open."""

    def check_open(self, received_at: datetime) -> None:
        """Raises DeskEnded: what was received then, it can't have received."""
        if self.last_day is not None and day_in_vietnam(received_at) > self.last_day:
            raise DeskEnded(self.last_day)


@dataclass(frozen=True)
class Catalogue:
    """All procedures in all published versions, and all desks."""

    procedures: tuple[Procedure, ...]
    desks: tuple[Desk, ...]
    _versions: dict[tuple[str, int], Procedure] = field(init=False, repr=False, compare=False)
    _newest: dict[str, Procedure] = field(init=False, repr=False, compare=False)
    _desks: dict[str, Desk] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.procedures, key=lambda procedure: procedure.ref.version)
        object.__setattr__(self, "_versions", {(p.ref.code, p.ref.version): p for p in ordered})
        object.__setattr__(self, "_newest", {p.ref.code: p for p in ordered})
        object.__setattr__(self, "_desks", {desk.ref.code: desk for desk in self.desks})

    def newest(self, code: str) -> Procedure:
        """The version that new dossiers are received under. Raises UnknownProcedure."""
        try:
            return self._newest[code]
        except KeyError:
            raise UnknownProcedure from None

    def version(self, ref: ProcedureRef) -> Procedure:
        """The version that a dossier was received under. Raises UnknownProcedure when it was taken out of the data."""
        try:
            return self._versions[ref.code, ref.version]
        except KeyError:
            raise UnknownProcedure from None

    def desk(self, code: str) -> Desk:
        """Raises UnknownDesk."""
        try:
            return self._desks[code]
        except KeyError:
            raise UnknownDesk from None

    def published(self) -> list[Procedure]:
        """The newest version of each procedure, by code."""
        return [self._newest[code] for code in sorted(self._newest)]
