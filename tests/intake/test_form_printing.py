"""In biểu mẫu: whatever people write is printed as text; fast, and the same bytes for the same facts."""

import io
import time
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pypdf import PdfReader

from services.intake.clients.signers import signer_called
from services.intake.clients.typst_printer import TypstPrinter
from services.intake.domain.forms.form_fields import desk_fields, long_day, moment
from services.intake.domain.forms.forms import KINDS, number_key, printable
from services.intake.settings import PACKAGED_DATA, Settings

AT = datetime(2026, 3, 2, 1, 0, 0, 123456, tzinfo=UTC)
PRINTER = TypstPrinter(PACKAGED_DATA / "forms", "https://dvc.example.vn")
LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def fields(text: str = "Nguyễn Văn Mẫu") -> dict[str, Any]:
    """Something in each field of each form: the same text in all of them."""
    texts = [
        *("superior", "desk_name", "desk_phone", "place", "number", "issued_on", "replaces", "applicant", "address"),
        *("personal_id", "phone", "email", "procedure_code", "procedure_name", "request", "received_at", "due_at"),
        *("new_due_at", "counted_from", "reason", "signer_name", "signer_title", "authoriser", "processing_time"),
        *("result_place", "book", "sequence", "agency", "requested_by", "stopped_at", "refused_at", "contact_officer"),
        *("lead_agency", "from", "to", "after", "proxy"),
    ]
    row = dict.fromkeys(["gives", "takes", "at", "result", "note", "gave", "took"], text)
    facts = ["dossier_code", "procedure", "applicant", "address", "phone", "agency"]
    line = dict.fromkeys([*facts, "received_at", "due_at", "ready_at", "returned"], text)
    more: dict[str, Any] = {
        "dossier_code": "H26.15.01-260302-0001", "sets": 1, "occasion": 1, "after_acceptance": False, "items": [text],
        "components": [{"name": text, "originals": 1, "copies": 0, "electronic": True}], "mark": [text],
        "rows": [row], "lines": [line], "cooperating_agencies": [text],
    }  # fmt: skip
    shown: dict[str, Any] = printable(dict.fromkeys(texts, text) | more)
    return shown


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LETTERS)
@example(text="#panic() ] } ) $ \\ @a <b> // /* `")
@example(text="")
@example(text="W" * 300)
@example(text="\u202e\u2066\u0000\u001b[31m\ufeff\ufffe\U0001f600\u0301")
def test_whatever_people_write_is_printed(kind: str, text: str) -> None:
    assert pages(PRINTER.print(kind, fields(text), AT))


def test_the_same_facts_are_the_same_bytes() -> None:
    assert PRINTER.print("01", fields(), AT) == PRINTER.print("01", fields(), AT)
    assert PRINTER.print("01", fields(), AT) != PRINTER.print("01", fields("Trần Thị Mẫu"), AT)


def test_a_thousand_lines_have_numbered_pages() -> None:
    lines = [{**fields()["lines"][0], "dossier_code": f"H26.15.01-260302-{n:04d}"} for n in range(1, 1001)]
    said = pages(PRINTER.print("07", {**fields(), "dossier_code": None, "lines": lines}, AT))
    assert f"{len(said)}/{len(said)}" in said[-1]
    assert "1000" in said[-1] + said[-2]


def test_what_the_first_receipt_loads_the_next_ones_have() -> None:
    """Some 12 ms each on the machine of docs/performance.md, where the first takes near a second."""
    PRINTER.print("01", fields("lần đầu"), AT)
    took = []
    for n in range(20):
        started = time.process_time()
        PRINTER.print("01", fields(f"Nguyễn Văn {n}"), AT)
        took.append(time.process_time() - started)
    assert min(took) <= 0.1, "processor time: others may share the machine"


@given(LETTERS)
def test_what_is_printed_is_composed_and_in_reading_order(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert unicodedata.is_normalized("NFC", shown)
    assert not any(unicodedata.category(sign) == "Cc" and sign != "\n" for sign in shown)
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff") & set(shown)


@pytest.mark.parametrize(
    ("name", "superior", "place"),
    [
        ("Điểm phục vụ hành chính công phường Hoàn Kiếm", "Ủy ban nhân dân phường Hoàn Kiếm", "Hoàn Kiếm"),
        ("Trung tâm Phục vụ hành chính công đặc khu Côn Đảo", "Ủy ban nhân dân đặc khu Côn Đảo", "Côn Đảo"),
        ("Trung tâm Phục vụ hành chính công thành phố Đà Nẵng", "Ủy ban nhân dân thành phố Đà Nẵng", "Đà Nẵng"),
        ("Bộ phận Một cửa", None, None),
    ],
)
def test_the_head_of_a_form_follows_from_the_desk_s_name(name: str, superior: str | None, place: str | None) -> None:
    named = desk_fields(name, "")
    assert (named["superior"], named["place"]) == (superior, place)


def test_dates_are_vietnam_s() -> None:
    new_year = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)
    assert moment(new_year) == "00 giờ 30 phút, ngày 01/01/2027"
    assert long_day(new_year) == "ngày 01 tháng 01 năm 2027"
    assert number_key("H26.15.01", "04", new_year) == "H26.15.01/PXL/2027"


def test_no_template_evaluates_what_it_is_given() -> None:
    templates = {file.stem: file.read_text() for file in (PACKAGED_DATA / "forms").glob("*.typ")}
    assert templates.keys() >= KINDS.keys()
    assert [name for name, template in templates.items() if "eval(" in template] == []


def test_a_signature_without_legal_force_is_refused_in_production() -> None:
    def signs(**given: Any) -> str:
        files = dict.fromkeys(["jwks_file", "sealing_keys_file"], Path("x"))
        ports = {"http_port": 1, "probe_port": 2}
        return Settings(database_url="postgresql://x", kafka_servers="x:1", **ports, **files, **given).signs_forms

    assert signs() == "paper", "production is what is meant unless something else is said"
    assert signs(environment="demo") == "sandbox"
    assert signs(environment="demo", form_signer="paper") == "paper"
    with pytest.raises(ValidationError, match="no legal force"):
        signs(form_signer="sandbox")
    assert signer_called("paper").mark("Lê Thị Ví Dụ", AT) == (), "room for hand and stamp"
    assert signer_called("paper").sign(b"%PDF", AT) == (b"%PDF", {"method": "paper"})
