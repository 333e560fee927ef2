"""What a caller is told while the database is away."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from hub_messaging.database import UNAVAILABLE as TROUBLE
from hub_web.problems import UNAVAILABLE, Problem

log = structlog.get_logger(__name__)
RETRY_AFTER_SECONDS = 2


@contextmanager
def database_needed() -> Iterator[None]:
    """503 with Retry-After instead of a failure: nothing was kept, the same request may be sent again."""
    try:
        yield
    except TROUBLE as trouble:
        log.warning("request_without_database", trouble=type(trouble).__name__)
        raise Problem(
            UNAVAILABLE,
            "Cơ sở dữ liệu tạm thời không phục vụ.",
            next_step="Gửi lại yêu cầu sau vài giây, giữ nguyên nội dung và khóa.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        ) from None
