"""Ký số biểu mẫu theo PAdES: the signature stands in the PDF itself (ETSI EN 319 142, level B-B), by the office's key
in a PKCS#12 file. Needs the extra `pades` (pyhanko, 43 MB), which is loaded by the first form and never by the start.
"""

import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from hub_messaging.clock import real_now
from hub_worktime import VIETNAM
from services.intake.domain.forms.forms import NotSigned

log = structlog.get_logger(__name__)

FIELD = "ChuKySo"
RENEW_WITHIN = timedelta(days=30)


class PadesSigner:
    """Ký số bằng chứng thư của cơ quan. Raises OSError and ValueError for files it can't use, or without the extra."""

    def __init__(self, key_file: Path, passphrase_file: Path) -> None:
        from cryptography.hazmat.primitives.serialization import pkcs12  # who signs so needs it

        if find_spec("pyhanko") is None:
            raise ValueError("form_signer pades: pyhanko isn't installed; install the extra pades of services/intake")
        self._stored = key_file.read_bytes()
        self._passphrase = passphrase_file.read_bytes().rstrip(b"\r\n")
        try:
            key, certificate, _ = pkcs12.load_key_and_certificates(self._stored, self._passphrase)
        except ValueError:
            raise ValueError(f"{key_file.name} is no PKCS#12 file, or its passphrase is another") from None
        if key is None or certificate is None:
            raise ValueError(f"{key_file.name} holds no key with its certificate")
        self._certificate = certificate
        if real_now() > certificate.not_valid_after_utc - RENEW_WITHIN:
            log.warning("form_certificate_ends", at=certificate.not_valid_after_utc.isoformat())

    def mark(self, name: str, at: datetime) -> tuple[str, ...]:
        moment = at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S %z")
        return ("KÝ SỐ", f"Người ký: {name}", f"Chứng thư số: {self._holder}", f"Thời gian ký: {moment}")

    def sign(self, pdf: bytes, at: datetime) -> tuple[bytes, Mapping[str, str]]:
        """Certifies the form: no change of it stays hidden. Raises NotSigned outside of the certificate's time."""
        from cryptography.hazmat.primitives.hashes import SHA256

        now = real_now()
        if not self._certificate.not_valid_before_utc <= now <= self._certificate.not_valid_after_utc:
            raise NotSigned
        return self._signed(pdf), {
            "method": "pades",
            "signed_at": now.isoformat(),
            "certificate_sha256": self._certificate.fingerprint(SHA256()).hex(),
        }

    def _signed(self, pdf: bytes) -> bytes:
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign import fields, signers

        about = signers.PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm="sha256",
            subfilter=fields.SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        )
        signed = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), about, self._signer)
        content: bytes = signed.getvalue()
        return content

    @cached_property
    def _signer(self) -> Any:
        from pyhanko.sign.signers import SimpleSigner

        return SimpleSigner.load_pkcs12_data(self._stored, other_certs=[], passphrase=self._passphrase)

    @property
    def _holder(self) -> str:
        """Whom the certificate names."""
        from cryptography.x509 import NameOID

        names = self._certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self._certificate.subject.rfc4514_string()
