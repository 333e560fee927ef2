"""What tests of seals do: record steps, seal them, verify them, and tamper with them as the owner of the tables can."""

from typing import Any
from uuid import UUID

from hub_messaging.clock import real_now
from services.intake.store.systems.sealer import Sealer
from tests.intake.conftest import FrontDoor

MANY = """
INSERT INTO step (dossier_id, event_id, type, at, recorded_at, facts)
SELECT gen_random_uuid(), gen_random_uuid(), 'dossier.accepted.v1', $2, $2, '{"desk": {"name": "Bộ phận Một cửa"}}'
FROM generate_series(1, $1)
"""


def sealer_of(door: FrontDoor) -> Sealer:
    spine = door.intake.spine
    return Sealer(spine.pool, spine.leases, spine.clock.now, 0.01)


async def seal(door: FrontDoor) -> None:
    """All that can be sealed now."""
    sealer = sealer_of(door)
    while await sealer._one():
        pass


async def steps(door: FrontDoor, count: int) -> None:
    await door.intake.spine.pool.execute(MANY, count, real_now())


async def verified(door: FrontDoor, after: int = 0, limit: int = 20) -> dict[str, Any]:
    response = await door.get(f"/v1/timeline/verification?after={after}&limit={limit}")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def tampered(door: FrontDoor, statement: str, *values: Any) -> None:
    """By hand, with the rights of who owns the tables."""
    async with door.intake.spine.pool.acquire() as connection, connection.transaction():
        for table in ("step", "seal", "erased_step"):
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        assert not (await connection.execute(statement, *values)).endswith(" 0"), "nothing was done"
        for table in ("step", "seal", "erased_step"):
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def entry(door: FrontDoor, seal: int, place: int) -> tuple[UUID, UUID]:
    row = await door.intake.spine.pool.fetchrow(
        "SELECT dossier_ids[$2] AS dossier, event_ids[$2] AS event FROM seal WHERE number = $1", seal, place
    )
    assert row is not None
    return row["dossier"], row["event"]
