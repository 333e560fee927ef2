"""A file as the import judges it, by the packaged tables, on 02/03/2026."""

from datetime import date

from services.intake.domain.procedures.assess_procedure import Assessed, References
from services.intake.domain.procedures.publication import AssessedFile, FileClass, Outcome, item_of
from services.intake.domain.procedures.quirks import FLAGS, REFUSALS
from services.intake.settings import PACKAGED_DATA
from services.intake.store.procedures.assess_files import assess_file
from services.intake.store.procedures.reference_files import read_tables

TABLES = read_tables(PACKAGED_DATA, PACKAGED_DATA)
REFERENCES = References(TABLES.kinds, TABLES.ended, date(2026, 3, 2))


def assessed(text: str | bytes, name: str = "a.txt") -> AssessedFile:
    return assess_file(name, text.encode() if isinstance(text, str) else text, REFERENCES)


def only(text: str | bytes, name: str = "a.txt") -> Assessed:
    """The one procedure of a file that can be published."""
    file = assessed(text, name)
    assert file.refused == ()
    (one,) = file.procedures
    return one


def slugs(text: str | bytes, name: str = "a.txt") -> set[str]:
    """Why a person should look at it."""
    file = assessed(text, name)
    assert file.refused == ()
    return {reason.slug for one in file.procedures for reason in one.reasons} | {one.slug for one in file.notes}


def refused(text: str | bytes, name: str = "a.txt") -> tuple[str, str]:
    """Why and where it is refused."""
    file = assessed(text, name)
    assert file.procedures == ()
    assert len(file.refused) == 1
    return file.refused[0].slug, file.refused[0].place


def class_of(file: AssessedFile) -> FileClass:
    outcomes = [Outcome(one.place, one.procedure.code, 1, False, one.reasons) for one in file.procedures]
    return item_of(file, outcomes).file_class


def in_one_class(name: str, content: bytes) -> None:
    """Whatever it is: one class, known slugs, and what is published can be used."""
    file = assess_file(name, content, REFERENCES)
    assert class_of(file) in ("published", "flagged", "refused")
    assert all(why.slug in REFUSALS and why.slug != "hub-error" for why in file.refused)
    assert all(why.slug in FLAGS for one in file.procedures for why in one.reasons)
    for one in file.procedures:
        published = one.procedure.procedure(1, None)
        for offer in one.procedure.offers:
            if offer.channel:
                published.term_for(offer.channel, offer.case)
        assert len({paper.code for paper in one.procedure.papers}) == len(one.procedure.papers)
