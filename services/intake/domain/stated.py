"""Thời điểm do người gửi nêu: what another clock says, as far as it can be believed."""

from datetime import datetime, timedelta

from services.intake.domain.refusals import ReceiptNotBelievable

CLOCK_DIFFERENCE = timedelta(minutes=2)
"""How far the sender's clock may be off ours."""


def believed(stated: datetime, earliest: datetime, now: datetime) -> datetime:
    """When it was: not before what it follows from, though a clock may lag; nor in the future.

    Raises ReceiptNotBelievable.
    """
    latest = now + CLOCK_DIFFERENCE
    if not earliest - CLOCK_DIFFERENCE <= stated <= latest:
        raise ReceiptNotBelievable(earliest, latest)
    return max(stated, earliest)
