"""Giờ gửi tin nhắn: between which hours of the day citizens are written to."""

from datetime import time
from typing import NamedTuple


class SendingHours(NamedTuple):
    """Local times: from `opens` on, until just before `closes`; over midnight where it opens later than it closes."""

    opens: time
    closes: time

    def open_at(self, local: time) -> bool:
        """A message may leave at this local time."""
        if self.opens < self.closes:
            return self.opens <= local < self.closes
        return local >= self.opens or local < self.closes
