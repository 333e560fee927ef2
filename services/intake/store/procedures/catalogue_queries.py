"""Tra cứu phiên bản đã công bố: what the routes of the catalogue read, without locks."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from hub_messaging.database import Pool
from services.intake.domain.procedures.legal_bases import EndedTexts, ended_among
from services.intake.domain.procedures.publication import Citing, Published, VersionLine
from services.intake.domain.procedures.withdrawal import Withdrawal
from services.intake.store.live_reference import flags_from, published_from
from services.intake.store.procedures.catalogue_tables import WITHDRAWAL, withdrawal_from

_COLUMNS = "v.version, v.content, v.flags, v.published_at, v.published_by"
_ONE = f"SELECT {_COLUMNS} FROM procedure_version v WHERE v.code = $1 AND v.version = $2"  # noqa: S608
_VERSIONS = """
SELECT version, published_at, published_by, jsonb_array_length(flags) AS flags FROM procedure_version
WHERE code = $1 AND version > $2 ORDER BY version LIMIT $3
"""
_CITING = """
SELECT h.code, h.version, h.numbers, v.content ->> 'name' AS name, v.content #>> '{texts,agency}' AS agency
FROM procedure_head h JOIN procedure_version v USING (code, version)
WHERE h.numbers ?| $1 AND h.code > $2 ORDER BY h.code LIMIT $3
"""
_PROPOSED = f"SELECT {', '.join(WITHDRAWAL.columns)} FROM procedure_withdrawal"  # noqa: S608
_NEWEST_PROPOSED = f"""
{_PROPOSED} WHERE ($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $4
"""


class CatalogueQueries:
    """Reads of what was published."""

    def __init__(self, pool: Pool, ended: EndedTexts) -> None:
        self._pool = pool
        self._ended = ended

    async def version(self, code: str, version: int) -> Published | None:
        """One version, or None."""
        row = await self._pool.fetchrow(_ONE, code, version)
        if row is None:
            return None
        content, flags = published_from(row["content"]), flags_from(row["flags"])
        return Published(row["version"], content, flags, row["published_at"], row["published_by"])

    async def versions(self, code: str, after: int, most: int) -> Sequence[VersionLine]:
        """Published versions of a procedure, oldest first."""
        return [VersionLine(**row) for row in await self._pool.fetch(_VERSIONS, code, after, most)]

    async def citing_ended(self, day: date, after: str, most: int) -> Sequence[Citing]:
        """Procedures whose newest version cites a text that had ended by that day, by code."""
        numbers = [number for number, text in self._ended.items() if text.has_ended(day)]
        rows = await self._pool.fetch(_CITING, numbers, after, most)
        return [
            self._citing(row["code"], row["version"], row["name"], row["agency"], row["numbers"], day) for row in rows
        ]

    def _citing(self, code: str, version: int, name: str, agency: str | None, numbers: str, day: date) -> Citing:
        cited = frozenset(json.loads(numbers))
        return Citing(code, version, name, agency, ended_among(cited, self._ended, day))

    async def withdrawal(self, withdrawal_id: UUID) -> Withdrawal | None:
        """One proposal, or None."""
        row: Any = await self._pool.fetchrow(f"{_PROPOSED} WHERE id = $1", withdrawal_id)
        return None if row is None else withdrawal_from(row)

    async def withdrawals(
        self, code: str | None, state: str | None, before: UUID | None, most: int
    ) -> Sequence[Withdrawal]:
        """Proposals, newest first."""
        return [withdrawal_from(row) for row in await self._pool.fetch(_NEWEST_PROPOSED, code, state, before, most)]
