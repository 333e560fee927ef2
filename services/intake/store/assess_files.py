"""Đánh giá tệp: bytes in, one assessed file out, whatever they are."""

from services.intake.domain.assess_procedure import Assessed, References, assess, shortened
from services.intake.domain.publication import AssessedFile
from services.intake.domain.quirks import NotPublishable, Reason
from services.intake.store.published_files import read_file


def assess_file(name: str, content: bytes, references: References) -> AssessedFile:
    """What a file holds, judged."""
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
