"""Đánh giá tệp: bytes in, one assessed file out, whatever they are."""

from traceback import extract_tb

import structlog

from services.intake.domain.procedures.assess_procedure import Assessed, References, assess, shortened
from services.intake.domain.procedures.publication import AssessedFile
from services.intake.domain.procedures.quirks import NotPublishable, Reason, refusal
from services.intake.store.procedures.published_files import read_file

log = structlog.get_logger(__name__)


def assess_file(name: str, content: bytes, references: References) -> AssessedFile:
    """What a file holds, judged. A mistake of ours refuses this file and stops none of the others."""
    try:
        return _assessed(name, content, references)
    except Exception as error:
        last = extract_tb(error.__traceback__)[-1]
        log.warning("file_not_assessed", error=type(error).__name__, at=f"{last.name}:{last.lineno}", size=len(content))
        return AssessedFile(name, (), (refusal("hub-error", "tệp").reason,), ())


def _assessed(name: str, content: bytes, references: References) -> AssessedFile:
    try:
        raws, refused, notes = read_file(name, content)
    except NotPublishable as error:
        return AssessedFile(name, (), (error.reason,), ())
    procedures: list[Assessed] = []
    refusals: list[Reason] = [*refused]
    for raw in raws:
        try:
            procedures.append(assess(raw, references))
        except NotPublishable as error:
            refusals.append(error.reason)
    return AssessedFile(name, tuple(procedures), shortened(refusals), shortened(notes))
