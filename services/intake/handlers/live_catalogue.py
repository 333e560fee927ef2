"""Danh mục đang dùng: the packaged data and what was published since, as this process knows it now.

Only the event loop changes it, between two awaits: a command sees it in one state.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from hub_events.intake import ProcedureRef
from services.intake.domain.catalogue import Catalogue, Desk, Procedure
from services.intake.domain.procedures.withdrawal import Ending
from services.intake.domain.reference.folding import folded
from services.intake.domain.refusals import ProcedureWithdrawn, UnknownDesk, UnknownProcedure


class LiveCatalogue:
    """Procedures in all versions met so far, and desks."""

    def __init__(self, packaged: Catalogue) -> None:
        self.packaged = {procedure.ref.code: procedure.ref.version for procedure in packaged.published()}
        """The newest version of each procedure in the packaged data."""
        self._newest: dict[str, Procedure] = {}
        self._versions: dict[tuple[str, int], Procedure] = {}
        self._searched: dict[str, str] = {}
        self._codes: list[str] | None = None
        self._endings: dict[str, Ending] = {}
        self.learn(packaged.procedures)
        self.packaged_desks: Sequence[Desk] = packaged.desks
        self.take_desks({})

    def take_desks(self, published: Mapping[str, Desk]) -> None:
        """The desks from now on: the packaged ones, and the directory's, which go first; those too that have ended."""
        self._desks = {desk.ref.code: desk for desk in self.packaged_desks} | dict(published)

    def learn(self, procedures: Iterable[Procedure]) -> None:
        """Adds versions; one that is known is not replaced by an older one."""
        for procedure in procedures:
            code, version = procedure.ref.code, procedure.ref.version
            self._versions[code, version] = procedure
            known = self._newest.get(code)
            if known is None or known.ref.version <= version:
                if known is None:
                    self._codes = None
                self._newest[code] = procedure
                self._searched[code] = _searched(procedure)

    def end(self, endings: Iterable[Ending]) -> None:
        """What stands of some procedures' end, from now on."""
        self._endings |= {ending.code: ending for ending in endings}

    def ending_of(self, ref: ProcedureRef) -> Ending | None:
        """The end of that version, also one that lies ahead."""
        ending = self._endings.get(ref.code)
        return ending if ending is not None and ending.ends(ref.version) else None

    def check_open(self, ref: ProcedureRef, received_at: datetime) -> None:
        """Raises ProcedureWithdrawn: a dossier that was received then has no place under that version."""
        ending = self.ending_of(ref)
        if ending is not None and received_at >= ending.starts:
            instead = self._newest.get(ending.successor or "")
            name = instead.ref.name if instead else None
            raise ProcedureWithdrawn(ending.effective_on, ending.decision, ending.successor, name)

    def knows(self, code: str) -> bool:
        """Whether some version of that procedure was met."""
        return code in self._newest

    def newest(self, code: str) -> Procedure:
        """The version that new dossiers are received under. Raises UnknownProcedure."""
        try:
            return self._newest[code]
        except KeyError:
            raise UnknownProcedure(code) from None

    def version(self, ref: ProcedureRef) -> Procedure:
        """The version that a dossier was received under. Raises UnknownProcedure when this process hasn't met it."""
        return self.numbered(ref.code, ref.version)

    def numbered(self, code: str, version: int) -> Procedure:
        """One version. Raises UnknownProcedure when this process hasn't met it."""
        try:
            return self._versions[code, version]
        except KeyError:
            raise UnknownProcedure(code, version) from None

    def packaged_versions(self, code: str) -> list[Procedure]:
        """The versions of a procedure that the packaged data holds, oldest first."""
        last = self.packaged.get(code, 0)
        return [one for n in range(1, last + 1) if (one := self._versions.get((code, n))) and one.listing is None]

    def desk(self, code: str) -> Desk:
        """A desk that is open. Raises UnknownDesk."""
        desk = self.desk_ever(code)
        if desk.last_day is not None:
            raise UnknownDesk
        return desk

    def desk_ever(self, code: str) -> Desk:
        """The same, also where it has ended: what it received stays its own. Raises UnknownDesk."""
        desk = self.known_desk(code)
        if desk is None:
            raise UnknownDesk
        return desk

    def known_desk(self, code: str) -> Desk | None:
        """Name, hours and telephone of one that a dossier names, as they are or were last; None: never heard of."""
        return self._desks.get(code)

    def published(self, after: str = "", words: Sequence[str] = ()) -> Iterator[Procedure]:
        """Newest versions by code, after that code; with all `words` (folded) in code, name or agency."""
        if self._codes is None:
            self._codes = sorted(self._newest)
        for code in self._codes[bisect_right(self._codes, after) :]:
            if all(word in self._searched[code] for word in words):
                yield self._newest[code]


def _searched(procedure: Procedure) -> str:
    agency = procedure.listing.agency if procedure.listing else ""
    return f"{procedure.ref.code.lower()} {folded(procedure.ref.name)} {folded(agency)}"
