"""Xã và tỉnh của hôm nay: communes and provinces by the codes of the statistics office."""

from collections.abc import Mapping, Set
from functools import cache

import orjson


@cache
def communes() -> Mapping[str, str]:
    """The province of each commune. Read when first asked, in some 35 ms: not every process needs it."""
    from vietnam_provinces import NESTED_DIVISIONS_JSON_PATH

    provinces = orjson.loads(NESTED_DIVISIONS_JSON_PATH.read_bytes())
    return {f"{commune['code']:05}": f"{one['code']:02}" for one in provinces for commune in one["wards"]}


@cache
def territories() -> Set[str]:
    """All of them, communes and provinces."""
    return frozenset(communes()) | frozenset(communes().values())
