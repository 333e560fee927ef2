"""Ký biểu mẫu: on paper, or by a key that lives as long as the process and has no legal force."""

import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from hub_worktime import VIETNAM
from services.intake.handlers.ports import Signer


class PaperSigner:
    """Ký tay, đóng dấu: the printed form leaves room for it."""

    def mark(self, name: str, at: datetime) -> tuple[str, ...]:
        return ()

    def sign(self, pdf: bytes, at: datetime) -> tuple[bytes, Mapping[str, str]]:
        return pdf, {"method": "paper"}


class SandboxSigner:
    """Ký thử nghiệm: a real Ed25519 signature of the form's bytes, beside them, by a key that nobody vouches for."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.generate()

    def mark(self, name: str, at: datetime) -> tuple[str, ...]:
        moment = at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S %z")
        return ("CHỮ KÝ THỬ NGHIỆM", "không có giá trị pháp lý", f"Người ký: {name}", f"Thời gian ký: {moment}")

    def sign(self, pdf: bytes, at: datetime) -> tuple[bytes, Mapping[str, str]]:
        return pdf, {
            "method": "sandbox-ed25519",
            "signed_at": at.isoformat(),
            "public_key": _written(self._key.public_key().public_bytes_raw()),
            "value": _written(self._key.sign(pdf)),
        }


def _written(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def signer_called(name: str, key_file: Path | None = None, passphrase_file: Path | None = None) -> Signer:
    """The signer of that name, as the settings call it. Raises OSError and ValueError for a key it can't use."""
    if name == "pades":
        from services.intake.clients.pades_signer import PadesSigner  # who signs so needs it

        assert key_file is not None
        assert passphrase_file is not None
        return PadesSigner(key_file, passphrase_file)
    return SandboxSigner() if name == "sandbox" else PaperSigner()
