"""Số liệu của sổ tiếp nhận."""

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from hub_web.credentials import requires
from hub_web.routes import Router
from hub_web.tokens import Caller
from services.intake.api.books.period_days import moments
from services.intake.api.desk.life_reading import LifeReading

Reader = Annotated[Caller, requires("dossiers:read")]


class Share(BaseModel):
    """`share`: of the results returned, those made on the spot, 0 to 1; None: none was returned."""

    returned: int
    on_the_spot: int
    share: float | None


class DeskShare(Share):
    """The same of one desk."""

    desk_code: str


class OnTheSpotFigures(Share):
    """Tỷ lệ giải quyết tại chỗ (bốn tại chỗ)."""

    desks: list[DeskShare]


def figures_router(lives: LifeReading) -> Router:
    """/v1/figures, within the caller's area."""
    router = Router(tags=["figures"])

    @router.get("/v1/figures/on-the-spot")
    async def on_the_spot(
        caller: Reader, since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")]
    ) -> OnTheSpotFigures:
        """Tỷ lệ giải quyết tại chỗ of the results returned from `from` to `to`, both days included."""
        rows = await lives.on_the_spot(*moments(since, until), caller.codes)
        returned, done = sum(row.returned for row in rows), sum(row.on_the_spot for row in rows)
        return OnTheSpotFigures(
            **_share(returned, done),
            desks=[DeskShare(desk_code=row.desk_code, **_share(row.returned, row.on_the_spot)) for row in rows],
        )

    return router


def _share(returned: int, on_the_spot: int) -> dict[str, float | int | None]:
    return {
        "returned": returned,
        "on_the_spot": on_the_spot,
        "share": round(on_the_spot / returned, 4) if returned else None,
    }
