"""Structured logs: one JSON line per event, ids and codes only; never a payload, never personal data."""

import logging
import sys
import traceback
from typing import Any, TextIO

import structlog


def configure(service: str, level: str = "INFO", stream: TextIO = sys.stdout) -> None:
    """Sends the hub's own logs and the libraries' warnings to `stream` as JSON lines."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        without_the_exceptions_words,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )

    def add_service(_logger: Any, _method: str, event: Any) -> Any:
        event["service"] = service
        return event

    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                add_service,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("aiokafka", "faststream", "httpx", "uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def without_the_exceptions_words(_logger: Any, _method: str, event: Any) -> Any:
    """Tells the kinds of exceptions and where they were raised; their own words may hold personal data."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    raised: list[dict[str, Any]] = []
    while isinstance(error, BaseException) and len(raised) < 5:
        frames = traceback.extract_tb(error.__traceback__)
        raised.append({"type": type(error).__name__, "at": [f"{f.filename}:{f.lineno} {f.name}" for f in frames]})
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if raised:
        event["raised"] = raised
    return event
