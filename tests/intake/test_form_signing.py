"""Ký số biểu mẫu: PAdES by a key in a file, and what a validator that never saw us says of it."""

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typst
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from services.intake.clients import pades_signer
from services.intake.clients.signers import signer_called
from services.intake.settings import Settings
from tests.intake.conftest import opened
from tests.intake.test_forms import accepted, fetched, issue, issued
from tests.stack import PostgresServer

PASSPHRASE = "mật khẩu Canary-4711"
HOLDER = "UBND phường Ví Dụ"


@dataclass(frozen=True)
class Office:
    """An office with a certificate of a test authority."""

    key_file: Path
    passphrase_file: Path
    authority: x509.Certificate

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "form_signer": "pades",
            "form_signing_key_file": self.key_file,
            "form_signing_passphrase_file": self.passphrase_file,
        }

    def checked(self, pdf: bytes) -> PdfSignatureStatus:
        """What a validator says that trusts the authority."""
        (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        root = Asn1Certificate.load(self.authority.public_bytes(Encoding.DER))
        return validate_pdf_signature(signature, ValidationContext(trust_roots=[root], allow_fetching=False))


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def office_in(folder: Path, key: Any = None, lasts: timedelta = timedelta(days=365), **wrong: str) -> Office:
    now, authority_key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
    key = key or rsa.generate_private_key(65537, 2048)

    def certificate(subject: str, public: Any, until: datetime, *, ca: bool) -> x509.Certificate:
        usage = dict.fromkeys(
            ["key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
        )
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("CA thử nghiệm"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca, **usage
                ),
                critical=True,
            )
            .sign(authority_key, SHA256())
        )

    authority = certificate("CA thử nghiệm", authority_key.public_key(), now + timedelta(days=900), ca=True)
    leaf = certificate(HOLDER, key.public_key(), now + lasts, ca=False)
    lock = BestAvailableEncryption(PASSPHRASE.encode())
    (folder / "office.p12").write_bytes(pkcs12.serialize_key_and_certificates(b"office", key, leaf, [authority], lock))
    (folder / "office.pass").write_text(wrong.get("passphrase", PASSPHRASE) + "\n")
    return Office(folder / "office.p12", folder / "office.pass", authority)


@pytest.mark.parametrize("key", [None, ec.generate_private_key(ec.SECP256R1())], ids=["rsa", "p-256"])
async def test_an_issued_form_is_signed_by_the_office_and_stays_as_it_is(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path, key: Any
) -> None:
    office = office_in(tmp_path, key)
    signing = settings(await postgres.database("intake")).model_copy(update=office.settings)
    async with opened(signing, tmp_path) as door:
        dossier = await accepted(door)
        form, text = await issued(door, dossier["dossier_id"], "01", sets=1)
        pdf = await fetched(door, form)
        for seen in ("KÝ SỐ", "Người ký: Lê Thị Ví Dụ", f"Chứng thư số: {HOLDER}", "Thời gian ký: 02/03/2026 08:00:"):
            assert seen in text
        assert form["signature"] == "pades"
        assert form["sha256"] == hashlib.sha256(pdf).hexdigest()
        (kept,) = await door.intake.spine.pool.fetch("SELECT signature FROM official_form")
        assert HOLDER not in kept["signature"], "the record names nobody"
        assert len(json.loads(kept["signature"])["certificate_sha256"]) == 64
        status = await asyncio.to_thread(office.checked, pdf)
        assert (status.bottom_line, status.intact, status.valid, status.trusted) == (True, True, True, True)
        assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE
        assert status.signer_reported_dt is not None
        assert abs(status.signer_reported_dt - datetime.now(UTC)) < timedelta(minutes=5)
    unsigned = signing.model_copy(update=dict.fromkeys(office.settings))
    async with opened(unsigned, tmp_path) as later:
        assert await fetched(later, form) == pdf, "what was issued is never printed or signed again"


def test_any_change_of_a_signed_form_is_seen(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    plain = typst.compile(b'#set document(title: "Hello")\n#set page(width: 8cm, height: 4cm)\nXin', format="pdf")
    pdf, _ = signer_called("pades", office.key_file, office.passphrase_file).sign(plain, datetime.now(UTC))
    assert pdf.startswith(plain), "what was printed stands there as it was"
    assert office.checked(pdf).bottom_line
    place = pdf.index(b"(Hello)")
    changed = office.checked(pdf[:place] + b"(Jello)" + pdf[place + 7 :])
    assert (changed.intact, changed.bottom_line) == (False, False)
    writer, out = IncrementalPdfFileWriter(io.BytesIO(pdf)), io.BytesIO()
    painted = writer.add_object(generic.StreamObject(stream_data=b"0 0 9 9 re f"))
    writer.add_stream_to_page(0, painted)  # type: ignore[no-untyped-call]
    writer.write(out)  # type: ignore[no-untyped-call]
    added = office.checked(out.getvalue())
    assert (added.modification_level, added.bottom_line) == (ModificationLevel.OTHER, False), "nor is anything added"


async def test_a_certificate_that_is_over_signs_nothing_and_stops_nothing_else(
    postgres: PostgresServer, settings: Callable[[str], Settings], tmp_path: Path
) -> None:
    office = office_in(tmp_path, lasts=timedelta(days=-1))
    signing = settings(await postgres.database("intake")).model_copy(update=office.settings)
    async with opened(signing, tmp_path) as door:
        dossier = await accepted(door)
        refused = await issue(door, dossier["dossier_id"], "01", key="one", sets=1)
        assert (refused.status_code, refused.json()["slug"]) == (503, "form-not-signed")
        assert (await door.get(f"/v1/dossiers/{dossier['dossier_id']}/forms")).json()["items"] == []
    office_in(tmp_path)
    async with opened(signing, tmp_path) as door:
        form = await issue(door, dossier["dossier_id"], "01", key="one", sets=1)
        assert (form.status_code, form.json()["number"]) == (201, "1/TNHS"), "no number was lost"


def test_a_key_that_cannot_be_used_stops_the_start_and_shows_no_secret(tmp_path: Path) -> None:
    office = office_in(tmp_path, passphrase="Canary-wrong")
    with pytest.raises(ValueError, match=r"^office\.p12 is no PKCS#12 file, or its passphrase is another$"):
        signer_called("pades", office.key_file, office.passphrase_file)
    office.key_file.write_bytes(b"garbage")
    with pytest.raises(ValueError, match="is no PKCS#12 file"):
        signer_called("pades", office.key_file, office.passphrase_file)
    with pytest.raises(OSError, match="missing"):
        signer_called("pades", tmp_path / "missing", office.passphrase_file)


def test_the_key_and_the_wish_to_sign_go_together(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "database_url": "postgresql://x", "kafka_servers": "x:1", "http_port": 1, "probe_port": 2,
        "jwks_file": "x", "sealing_keys_file": "x",
    }  # fmt: skip
    office = office_in(tmp_path).settings
    assert Settings(**given, **office).signs_forms == "pades"
    for missing in office:
        with pytest.raises(ValidationError, match="go together"):
            Settings(**given, **{name: value for name, value in office.items() if name != missing})


def test_the_extra_is_loaded_by_the_first_form_only(tmp_path: Path) -> None:
    office = office_in(tmp_path)
    program = """
import sys
from pathlib import Path
from services.intake.clients import pades_signer
from services.intake.clients.signers import signer_called
signer_called("pades", *map(Path, sys.argv[1:]))
print([name for name in sys.modules if "pyhanko" in name])
"""
    command = [sys.executable, "-c", program, str(office.key_file), str(office.passphrase_file)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = office_in(tmp_path)
    monkeypatch.setattr(pades_signer, "find_spec", lambda _name: None)
    with pytest.raises(ValueError, match="install the extra pades of services/intake"):
        signer_called("pades", office.key_file, office.passphrase_file)
