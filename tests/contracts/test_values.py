"""Kiểu giá trị: what the codes of the administration look like, old and new, and what is refused."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from hub_events.values import (
    AgencyCode,
    DossierCode,
    Moment,
    OfficerCode,
    PersonalId,
    Phone,
    ProcedureCode,
    SealedText,
    Slug,
    TerritoryCode,
    Text,
    WrittenHours,
)

TYPES: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(kind)
    for name, kind in {
        "agency": AgencyCode,
        "dossier": DossierCode,
        "hours": WrittenHours,
        "moment": Moment,
        "officer": OfficerCode,
        "personal id": PersonalId,
        "phone": Phone,
        "procedure": ProcedureCode,
        "sealed": SealedText,
        "slug": Slug,
        "territory": TerritoryCode,
        "text": Text,
    }.items()
}
anything = (
    st.text()
    | st.text(alphabet="0123456789.-+ HZGX٣๓", max_size=60)
    | st.binary()
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.datetimes()
    | st.lists(st.text(max_size=3), max_size=2)
)

ACCEPTED = [
    ("dossier", "H26.15.01-260302-0001"),
    ("dossier", "H26.15.01-20260302-0001"),
    ("dossier", "G09.20-20260609-0092637"),
    ("dossier", "H26.15.01-260302-00010001"),
    ("dossier", "000.00.15.H26-260302-0001"),
    ("dossier", "H26.001.15-240229-0001"),
    ("procedure", "1.004222"),
    ("procedure", "3.000333.H26"),
    ("procedure", "1.001234.000.00.00.H46"),
    ("procedure", "C08_XPHCDB"),
    ("agency", "000.00.00.H26"),
    ("agency", "H26"),
    ("agency", "H26.15.01"),
    ("agency", "H26.001.15"),
    ("agency", "G12.18.26.01"),
    ("agency", "Z1234567890"),
    ("agency", "0100109106"),
    ("agency", "0100109106001"),
    ("territory", "01"),
    ("territory", "00070"),
    ("hours", "07:30-19:00"),
    ("hours", "08:00-12:00 13:00-16:30"),
    ("officer", "cb.hoankiem.07"),
    ("slug", "no-competent-agency"),
    ("personal id", "001099000101"),
    ("personal id", "012345678"),
]
REFUSED = [
    ("dossier", "H26.15.01-260230-0001"),
    ("dossier", "H26.15.01-20261302-0001"),
    ("dossier", "H26.15.01-230229-0001"),
    ("dossier", "H26.15.01-260302-001"),
    ("dossier", "H26.15.01-260302-000000001"),
    ("dossier", "H26.15.01-2603020-0001"),
    ("dossier", "H26.15.01-260302"),
    ("dossier", "h26.15.01-260302-0001"),
    ("dossier", "H26..01-260302-0001"),
    ("dossier", "H26.15.01-260302-٠٠٠١"),
    ("dossier", " H26.15.01-260302-0001"),
    ("dossier", "H26.15.01-260302-0001\n"),
    ("procedure", "1.00422"),
    ("procedure", "1004222"),
    ("procedure", "1.004222.26"),
    ("procedure", "1.004222.X"),
    ("procedure", "C08_"),
    ("agency", ""),
    ("agency", "000.00.00.26"),
    ("agency", "H2"),
    ("agency", "h26.15"),
    ("agency", "H26."),
    ("agency", "H26.15.01-"),
    ("agency", "Z" + "1" * 40),
    ("territory", "1"),
    ("territory", "001"),
    ("territory", "٠١"),
    ("hours", "8h-12h"),
    ("hours", "08:00-24:00"),
    ("hours", "08:00-12:00, 13:00-16:30"),
    ("hours", "13:00-16:30 08:00-12:00"),
    ("hours", "08:00-12:00 12:00-16:30"),
    ("officer", "Nguyễn Văn A"),
    ("officer", "a b"),
    ("slug", "Has-Capitals"),
    ("slug", "-dash"),
    ("personal id", "00109900010"),
    ("personal id", "00109900010A"),
    ("personal id", "٠٠١٠٩٩٠٠٠١٠١"),
    ("personal id", "001 099 000 101"),
    ("moment", "2026-03-02T08:00:00"),
    ("moment", "0001-01-01T00:00:00+07:00"),
    ("moment", "9999-12-31T23:59:59-07:00"),
    ("text", "   "),
    ("text", ""),
    ("text", "a\0b"),
    ("text", "x" * 1001),
    ("sealed", "Nguyễn Văn A, 0912345678"),
    ("sealed", "a.b.c.d.e"),
]


@pytest.mark.parametrize(("kind", "value"), ACCEPTED)
def test_a_code_in_use_is_kept_as_written(kind: str, value: str) -> None:
    assert TYPES[kind].validate_python(value) == value
    assert TYPES[kind].validate_json(TYPES[kind].dump_json(value)) == value


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_what_is_no_code_is_refused(kind: str, value: str) -> None:
    with pytest.raises(ValidationError):
        TYPES[kind].validate_python(value)


@pytest.mark.parametrize("kind", TYPES)
@given(value=anything)
def test_a_value_is_read_or_refused_and_nothing_else_happens(kind: str, value: object) -> None:
    try:
        read = TYPES[kind].validate_python(value)
    except ValidationError:
        return
    assert TYPES[kind].validate_python(read) == read, "reading again changes nothing"


@given(
    unit=st.from_regex(r"[A-Y][0-9]{2}(\.[0-9]{2,3}){0,3}", fullmatch=True),
    day=st.dates(min_value=datetime(2018, 1, 1).date(), max_value=datetime(2099, 12, 31).date()),  # noqa: DTZ001
    wide=st.booleans(),
    sequence=st.integers(0, 99_999_999),
)
def test_every_day_and_number_makes_a_dossier_code(unit: str, day: Any, wide: bool, sequence: int) -> None:
    code = f"{unit}-{day:%Y%m%d}-{sequence:04d}" if wide else f"{unit}-{day:%y%m%d}-{sequence:04d}"
    assert TYPES["dossier"].validate_python(code) == code


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0912345678", "+84912345678"),
        ("0912 345 678", "+84912345678"),
        ("0912.345.678", "+84912345678"),
        ("(091) 234-5678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("+84 912 345 678", "+84912345678"),
        ("024 3825 3536", "+842438253536"),
        ("0236 382 1234", "+842363821234"),
        ("+8562055512345", "+8562055512345"),
    ],
)
def test_a_phone_number_has_one_form(written: str, kept: str) -> None:
    phone = TYPES["phone"].validate_python(written)
    assert phone == kept
    assert TYPES["phone"].validate_python(phone) == kept


@pytest.mark.parametrize(
    "written",
    ["", "0", "091234567", "09123456789", "912345678", "+0912345678", "+84 12", "0912345678 (vợ)", "+84٩١٢٣٤٥٦٧٨"],
)
def test_what_nobody_can_call_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        TYPES["phone"].validate_python(written)


def test_what_identifies_a_person_shows_its_end_only() -> None:
    phone, personal_id = Phone.check("0912345678"), PersonalId.check("001099000101")
    assert repr(phone) == "Phone('…678')"
    assert repr(personal_id) == "PersonalId('…101')"
    assert "91234567" not in repr([phone, {"phone": phone}])
    assert f"{phone}" == "+84912345678", "where it is used, it is whole"


def test_masked_values_stay_masked_inside_a_model() -> None:
    class Person(BaseModel):
        model_config = ConfigDict(hide_input_in_errors=True)
        phone: Phone
        personal_id: PersonalId

    person = Person.model_validate({"phone": "0912345678", "personal_id": "001099000101"})
    assert "912345" not in repr(person)
    assert "0010990001" not in repr(person)
    assert person.model_dump(mode="json") == {"phone": "+84912345678", "personal_id": "001099000101"}
    assert Person.model_validate_json(person.model_dump_json()) == person
    with pytest.raises(ValidationError) as refused:
        Person.model_validate({"phone": "0912345678999", "personal_id": "00109900010"})
    assert "0912345678999" not in str(refused.value)
    assert "00109900010" not in str(refused.value)


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60))
def test_text_is_composed_and_trimmed(text: str) -> None:
    spaced = f" \t{unicodedata.normalize('NFD', text)}\n "
    assert TYPES["text"].validate_python(spaced) == unicodedata.normalize("NFC", text)


def test_a_moment_is_kept_as_utc() -> None:
    moment = TYPES["moment"].validate_python("2026-03-02T08:00:00+07:00")
    assert moment == datetime(2026, 3, 2, 1, tzinfo=UTC)
    assert moment.tzinfo is UTC
