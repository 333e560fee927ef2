"""Kiểu giá trị: the codes and identifiers that every service, file and request shares.

Formats: agency codes TT 10/2016/TT-BTTTT (old) and QĐ 20/2020/QĐ-TTg (new); dossier codes TT 01/2018/TT-VPCP Đ.19 and
TT 03/2025/TT-VPCP Đ.13; procedure codes as the national database publishes them. All text is NFC.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

# [0-9], not \d: \d matches the digits of every script.
_OLD_AGENCY = r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2}"
_NEW_AGENCY = r"[A-Y][0-9]{2}(\.[0-9A-Z]{1,6}){0,6}|Z[0-9A-Z.]{1,32}|[0-9]{10}([0-9]{3})?"

AgencyCode = Annotated[str, StringConstraints(pattern=rf"^({_OLD_AGENCY}|{_NEW_AGENCY})$", max_length=35)]
"""Mã định danh cơ quan, old (`000.00.00.H26`) or new order (`H26.15.01`)."""

ProcedureCode = Annotated[
    str,
    StringConstraints(
        pattern=(
            r"^([0-9]\.[0-9]{6}(\.[0-9]{3}\.[0-9]{2}\.[0-9]{2})?(\.[A-Y][0-9]{2})?"
            r"|[A-Z][A-Z0-9]{1,9}_[A-Z0-9]{1,24})$"
        ),
        max_length=40,
    ),
]
"""Mã thủ tục: `1.004222`, provincial `1.004222.H26`, long `1.004222.000.00.00.H46`, internal `C08_XPHCDB`."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([-_.][a-z0-9]+)*$", max_length=80)]
"""A stable word for programs: reason codes, rule ids, step codes."""

OfficerCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$")]
"""Mã cán bộ, công chức: a code of the office, not a name."""

_HOURS = r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]"


def _check_in_order(hours: str) -> str:
    edges = hours.replace("-", " ").split(" ")
    if edges != sorted(set(edges)):
        raise ValueError("working hours are in order, each interval ending before the next begins")
    return hours


WrittenHours = Annotated[str, StringConstraints(pattern=rf"^{_HOURS}( {_HOURS})*$"), AfterValidator(_check_in_order)]
"""Giờ làm việc of every working day: `08:00-12:00 13:00-16:30`."""

TerritoryCode = Annotated[str, StringConstraints(pattern=r"^([0-9]{2}|[0-9]{5})$")]
"""Mã đơn vị hành chính (General Statistics Office): province two digits, commune five."""


def _composed(text: str) -> str:
    if "\0" in text:
        raise ValueError("text holds a null character, which no database keeps")
    return unicodedata.normalize("NFC", text)


Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_composed)
]
"""Free public text (a procedure's name), NFC, 1–1,000 characters; never personal data."""

SealedText = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$")
]
"""A compact JWE (`dir`, A256GCM): personal data, readable only with the key that its `kid` names."""


def _to_utc(moment: datetime) -> datetime:
    # Not quite the first and last year: a moment must have a local day, wherever on earth it is looked at.
    if not date.min.year < moment.year < date.max.year:
        raise ValueError("a time outside the years 2 to 9998")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A point in time, aware, stored as UTC."""

_DOSSIER_CODE = r"^[0-9A-Z]+(\.[0-9A-Z]+)*-([0-9]{6}|[0-9]{8})-[0-9]{4,8}$"


def _check_dossier_code(code: str) -> str:
    _, day, _ = code.split("-")
    day = day if len(day) == 8 else "20" + day
    try:
        date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        raise ValueError("the middle part of a dossier code is a date") from None
    return code


DossierCode = Annotated[
    str,
    StringConstraints(pattern=_DOSSIER_CODE, min_length=15, max_length=53),
    AfterValidator(_check_dossier_code),
]
"""Mã hồ sơ (số giấy tiếp nhận): `H26.15.01-260302-0001`; 6- or 8-digit date, 4–8-digit sequence."""


class _Masked(str):
    """Text that identifies a person: `repr` shows the last three characters only."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}('…{self[-3:]}')"

    @classmethod
    def check(cls, value: str) -> "_Masked":
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls.check,
            core_schema.str_schema(max_length=40),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str.__str__, return_schema=core_schema.str_schema()
            ),
        )


class Phone(_Masked):
    """Số điện thoại, kept in E.164 (`+84912345678`); reads `0912 345 678`, `84912345678`, landlines."""

    __slots__ = ()

    @classmethod
    def check(cls, value: str) -> "Phone":
        digits = re.sub(r"[\s.\-()]", "", value)
        if national := re.fullmatch(r"(?:0|\+?84)([0-9]{9}|2[0-9]{9})", digits):
            return cls("+84" + national[1])
        if not re.fullmatch(r"\+(?!84)[1-9][0-9]{6,14}", digits):
            raise ValueError("a phone number is 0 and nine digits (landlines ten), or + and the country code")
        return cls(digits)


class PersonalId(_Masked):
    """Số định danh cá nhân (12 digits) or the older identity card number (9 digits)."""

    __slots__ = ()

    @classmethod
    def check(cls, value: str) -> "PersonalId":
        if not re.fullmatch(r"[0-9]{12}|[0-9]{9}", value):
            raise ValueError("a personal id number has 12 digits (or 9, older cards)")
        return cls(value)
