"""Nhiều làn: a competence table that gives every matter of the load an agency of its own, up to a number of lanes."""

import asyncio
import importlib.util
import json
import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hub_local.bench_hub import Hub, with_settings
from hub_local.files import write_whole
from hub_local.keys import Keys
from hub_local.layout import Layout, StackNotUsable
from hub_local.steps import Step

LANES_KNOWN_SECONDS = 60.0
FOLDER, FILE = "competence", "competence.json"


def own_competence(layout: Layout, keys: Keys, steps: Sequence[Step]) -> Sequence[Step]:
    """Routing reads a copy of its tables, which may be changed while it runs."""
    found = importlib.util.find_spec("services.routing")  # by name: the tools import no service
    assert found is not None
    assert found.origin is not None
    folder = layout.folder / FOLDER
    shutil.copytree(Path(found.origin).parent / "data", folder)
    return with_settings("routing", {"DATA_FOLDER": str(folder)})(layout, keys, steps)


async def agencies_in_lanes(hub: Hub, lanes: int) -> list[str]:
    """Gives routing a table with so many agencies, each with matters of the load; returns once all have their lane."""
    file = hub.layout.folder / FOLDER / FILE
    kinds = {one["code"]: one["legs"][0]["agency_kind"] for one in await hub.door.catalogue()}
    places = sorted({json.loads(body)["territory"] for body in hub.bodies})
    table = table_of_lanes(json.loads(file.read_text()), list(product(kinds.items(), places)), lanes)
    write_whole(file, json.dumps(table))
    try:
        async with asyncio.timeout(LANES_KNOWN_SECONDS):
            while await _lanes_known(hub) < lanes:
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise StackNotUsable(f"routing knows {await _lanes_known(hub)} lanes after a minute, not {lanes}") from None
    return [agency["code"] for agency in table["agencies"]]


def table_of_lanes(table: dict[str, Any], matters: Sequence[tuple[tuple[str, str], str]], lanes: int) -> dict[str, Any]:
    """The table with `lanes` agencies that share the matters, ((procedure, kind of agency), commune), in turns."""
    agencies = [f"H99.{number // 99:02d}.{number % 99 + 1:02d}" for number in range(lanes)]
    rules = [
        {"agency_kind": kind, "procedures": [procedure], "territory": place, "agency": agencies[turn % lanes]}
        for turn, ((procedure, kind), place) in enumerate(matters)
    ]
    named = [{"code": code, "name": f"Cơ quan giả định {code}"} for code in agencies]
    return {**table, "version": f"{table['version']}-lanes", "agencies": named, "rules": rules}


async def _lanes_known(hub: Hub) -> int:
    lanes = (await hub.door.get("routing", "/v1/lanes"))["items"]
    return sum(lane["name"].startswith("H99.") for lane in lanes)
