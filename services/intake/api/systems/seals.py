"""Niêm phong qua HTTP: the seals of the timeline, and what they prove, some at a time."""

from collections.abc import Sequence
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.pages import HIGHEST_NUMBER, USUAL_LIMIT, Limit
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.answers import Local
from services.intake.domain.systems.seals import Fault, FaultKind, Seal, Verdict

VERIFIED_AT_ONCE = 20
Operator = Annotated[Caller, requires("operations")]
Number = Annotated[int, Query(ge=0, le=HIGHEST_NUMBER, description="Số của dấu niêm phong đã đọc đến; 0: từ đầu.")]
Some = Annotated[int, Query(ge=1, le=50, description="Số dấu niêm phong nhiều nhất của một lần kiểm tra.")]


class SealView(BaseModel):
    """Một dấu niêm phong. `chain`, written down elsewhere, proves all steps up to it."""

    number: int
    sealed_at: Local
    entries: int
    chain: str


class SealsView(BaseModel):
    """Các dấu niêm phong. `newest`: of all; null: nothing is sealed yet."""

    items: list[SealView]
    newest: SealView | None


class FaultView(BaseModel):
    """Chỗ sai đầu tiên. `entry`: its place in the seal, from 1; null: the seal itself, or a step not named by it."""

    kind: FaultKind
    seal: int
    entry: int | None
    dossier_id: UUID | None
    event_id: UUID | None


class VerificationView(BaseModel):
    """Kết quả kiểm tra. `through`: the last seal that holds, null when none was looked at; `more`: ask on behind it.

    `unsealed`, at the end only: newer steps, not sealed yet; 10000: at least so many.
    """

    seals: int
    entries: int
    erased: int
    through: SealView | None
    fault: FaultView | None
    more: bool
    unsealed: int | None


class SealReading(Protocol):
    """The query port of seals."""

    async def newest(self) -> Seal | None: ...
    async def seals(self, after: int, limit: int) -> Sequence[Seal]: ...
    async def unsealed(self) -> int: ...
    async def verify(self, after: int, limit: int) -> Verdict: ...


def seal_router(reading: SealReading) -> Router:
    """Seals, for operators and auditors."""
    router = Router(tags=["operations"])

    @router.get("/v1/timeline/seals")
    async def seals(_caller: Operator, after: Number = 0, limit: Limit = USUAL_LIMIT) -> SealsView:
        """Các dấu niêm phong của dòng thời gian, theo số."""
        newest = await reading.newest()
        found = await reading.seals(after, limit)
        return SealsView(items=[_seal(seal) for seal in found], newest=None if newest is None else _seal(newest))

    @router.get("/v1/timeline/verification")
    async def verification(_caller: Operator, after: Number = 0, limit: Some = VERIFIED_AT_ONCE) -> VerificationView:
        """Tính lại các dấu niêm phong tiếp theo và đối chiếu với từng bước đang lưu."""
        good, fault = await reading.verify(after, limit)
        more = fault is None and len(good) == limit
        return VerificationView(
            seals=len(good),
            entries=sum(found.seal.entries for found in good),
            erased=sum(found.erased for found in good),
            through=_seal(good[-1].seal) if good else None,
            fault=None if fault is None else _fault(fault),
            more=more,
            unsealed=None if more or fault is not None else await reading.unsealed(),
        )

    return router


def _seal(seal: Seal) -> SealView:
    return SealView(number=seal.number, sealed_at=seal.sealed_at, entries=seal.entries, chain=seal.chain.hex())


def _fault(fault: Fault) -> FaultView:
    return FaultView(**fault._asdict())
