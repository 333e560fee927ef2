"""Mẫu tin nhắn: one SMS each, readable on any phone, without personal data."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hub_messaging.errors import CannotProcess
from services.notify.domain.sms_text import GSM_7, LONGEST_TEXT, shortened, without_diacritics
from services.notify.handlers.texts import FIELDS, TEMPLATES, TemplateWrong, TextTemplates, spoken_date
from tests.notify.world import at

LONGEST_CODE = "000.00.00.H26.15.01.000.000.000.000-20260302-00000001"  # 53 characters, the longest allowed
LONGEST = {"code": LONGEST_CODE, "due": "17:00 11/03/2026"}
CATALOGUE = Path(__file__).parents[2] / "services" / "intake" / "data" / "procedures.json"
NAMES = [entry["name"] for entry in json.loads(CATALOGUE.read_text())]
HARD_NAMES = [
    "ĐĂNG KÝ BIẾN ĐỘNG ĐỐI VỚI TRƯỜNG HỢP THAY ĐỔI QUYỀN SỬ DỤNG ĐẤT, QUYỀN SỞ HỮU TÀI SẢN GẮN LIỀN VỚI ĐẤT " * 9,
    "Cấp “Giấy phép” – loại ≥ II [€] ~ 中文 \U0001f600",
    "x" * 1000,
    "Cấp",
]


@pytest.mark.parametrize("template", FIELDS)
@pytest.mark.parametrize("name", [*NAMES, *HARD_NAMES], ids=lambda name: name[:20])
def test_the_longest_real_values_fit_one_gsm_message(template: str, name: str) -> None:
    text = TextTemplates().render(template, {**LONGEST, "procedure": name})
    assert len(text) <= LONGEST_TEXT
    assert set(text) <= GSM_7
    for field in FIELDS[template] - {"procedure"}:
        assert LONGEST[field] in text, "code and date are never cut"


@settings(max_examples=300)
@given(some.text(max_size=300), some.integers(min_value=0, max_value=80))
def test_any_name_becomes_gsm_text_within_its_room(name: str, room: int) -> None:
    plain = without_diacritics(name)
    assert set(plain) <= GSM_7
    cut = shortened(plain, room)
    assert len(cut) <= room or cut == plain


def test_vietnamese_is_written_without_diacritics() -> None:
    assert without_diacritics("Đăng ký thường trú  cho người Việt") == "Dang ky thuong tru cho nguoi Viet"


def test_names_are_cut_after_a_word() -> None:
    assert shortened("Dang ky thuong tru", 15) == "Dang ky..."
    assert shortened("Dang ky", 15) == "Dang ky"


def test_dates_are_local() -> None:
    assert spoken_date(at("11/03 17:00")) == "17:00 11/03/2026"


@pytest.mark.parametrize("template", FIELDS)
def test_a_missing_field_is_refused_and_named(template: str) -> None:
    for field in FIELDS[template]:
        fields = {name: value for name, value in {**LONGEST, "procedure": "Cấp"}.items() if name != field}
        with pytest.raises(CannotProcess, match=f"template-field-missing: template {template}: '{field}'"):
            TextTemplates().render(template, fields)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("Ho so {{ name }}", "uses \\['name'\\]"),
        ("Hồ sơ {{ code }}", "letters that an SMS does not"),
        ("Ho so {{ code", "TemplateSyntaxError"),
        ("{{ procedure.__class__.__mro__ }}", "unsafe"),
        ("Ho so {{ code }} {{ procedure }}" + " dai" * 30, "160 fit"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_template_that_cannot_be_used_stops_the_start(tmp_path: Path, source: str | None, complaint: str) -> None:
    for file in TEMPLATES.glob("*.j2"):
        (tmp_path / file.name).write_text(file.read_text())
    broken = tmp_path / "completed.j2"
    broken.unlink() if source is None else broken.write_text(source)
    with pytest.raises(TemplateWrong, match=f"template completed.*{complaint}"):
        TextTemplates(tmp_path)
