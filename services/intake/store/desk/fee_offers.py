"""Phí, lệ phí đã công bố: the channel rows of one version, as a dossier that is pinned to it needs them."""

from functools import cache

from pydantic import TypeAdapter

from hub_messaging.database import Pool
from services.intake.domain.procedures.published_procedure import Offer

_OFFERS = "SELECT content -> 'offers' FROM procedure_version WHERE code = $1 AND version = $2"


class FeeOffers:
    """Reads of published channel rows."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def offers(self, code: str, version: int) -> tuple[Offer, ...]:
        """The rows of that version; none where it is packaged data, which names no fees."""
        written = await self._pool.fetchval(_OFFERS, code, version)
        return () if written is None else _adapter().validate_json(written)


@cache
def _adapter() -> TypeAdapter[tuple[Offer, ...]]:  # made when first needed: it costs the start some ms
    return TypeAdapter(tuple[Offer, ...])
