"""What is counted: a dear count is taken less often, and holds up no other."""

import pytest

from hub_messaging import gauges as gauges_module
from hub_messaging.gauges import REST, Gauges


class Clockwork:
    """A clock that stands still but for what counting takes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


async def test_what_takes_long_to_count_is_counted_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clockwork, gauges = Clockwork(), Gauges()
    counted: list[str] = []
    monkeypatch.setattr(gauges_module, "time", clockwork)

    async def dear() -> None:
        counted.append("dear")
        clockwork.now += 1.0

    async def cheap() -> None:
        counted.append("cheap")

    gauges.add(dear)
    gauges.add(cheap)
    await gauges.take()
    await gauges.take()
    assert counted == ["dear", "cheap", "cheap"]
    clockwork.now += REST
    await gauges.take()
    assert counted[3:] == ["dear", "cheap"]


async def test_a_count_that_failed_is_taken_again_at_once() -> None:
    gauges, answers = Gauges(), iter([ConnectionResetError(), None])
    asked: list[bool] = []

    async def gauge() -> None:
        asked.append(True)
        if (trouble := next(answers)) is not None:
            raise trouble

    gauges.add(gauge)
    with pytest.raises(ConnectionResetError):
        await gauges.take()
    await gauges.take()
    assert len(asked) == 2
