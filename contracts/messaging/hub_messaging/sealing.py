"""Niêm phong dữ liệu cá nhân: personal data travels and rests as compact JWE (`dir`, A256GCM; RFC 7516, 7518 §5.3).

The protected header names the key (`kid`), the dossier and the purpose; all are checked on opening, so a sealed part
can't be moved to another dossier or read with another purpose's key. Keys: one file, purposes apart.

This one form of JWE is put together here, on the AES of `cryptography`: a general JOSE library costs five times as
much, and every accepted dossier is sealed twice and opened three times. A test holds it against such a library.
"""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from hub_messaging.errors import CannotProcess, NotYet

KEY_BYTES, IV_BYTES, TAG_BYTES = 32, 12, 16


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    cipher: AESGCM
    marking: bytes
    """A key derived from it, for marks alone."""


class SealingKeys:
    """The sealing keys that one service has: by purpose, the newest first; older ones still open.

    File: `{"contact": [{"kid": "c1", "k": "<32 bytes, base64url>"}], "form": […]}`.
    """

    def __init__(self, keys: dict[str, dict[str, _Key]]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, file: Path) -> "SealingKeys":
        """Raises ValueError when the file is not as described."""
        try:
            listed = from_json(file.read_bytes())
            keys = {purpose: {key.kid: key for key in map(_key, entries)} for purpose, entries in listed.items()}
            if not keys or not all(keys.values()):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{file.name} is not a sealing key file (32-byte keys by purpose)") from None
        return cls(keys)

    def seal(self, purpose: str, dossier_id: UUID, content: Any) -> str:
        """Seals JSON content with the purpose's newest key."""
        key = next(iter(self._keys[purpose].values()))
        header = {"alg": "dir", "enc": "A256GCM", "kid": key.kid, "dossier": str(dossier_id), "purpose": purpose}
        protected = _encode(to_json(header))
        iv = os.urandom(IV_BYTES)
        sealed = key.cipher.encrypt(iv, to_json(content), protected.encode())
        return f"{protected}..{_encode(iv)}.{_encode(sealed[:-TAG_BYTES])}.{_encode(sealed[-TAG_BYTES:])}"

    def mark(self, purpose: str, text: str) -> bytes:
        """16 bytes by which equal texts are known again without being known: keyed, by the purpose's newest key.

        A new key makes new marks: what was marked under the old one is not recognized.
        """
        key = next(iter(self._keys[purpose].values()))
        return hashlib.blake2b(text.encode(), key=key.marking, digest_size=16).digest()

    def open(self, purpose: str, dossier_id: UUID, sealed: str) -> Any:
        """The content. Raises NotYet for a key that is not here, CannotProcess for what is not a seal of ours."""
        try:
            protected, no_key, iv, content, tag = sealed.split(".")
            header = from_json(_decode(protected))
            kid = str(header["kid"])
            if no_key or (header["alg"], header["enc"]) != ("dir", "A256GCM") or len(_decode(tag)) != TAG_BYTES:
                raise ValueError
            key = self._keys.get(purpose, {}).get(kid)
            if key is None:
                raise NotYet("sealing-key-unknown", f"kid {kid:.40}")
            plain = key.cipher.decrypt(_decode(iv), _decode(content) + _decode(tag), protected.encode())
        except (ValueError, TypeError, KeyError, InvalidTag):
            raise CannotProcess("seal-broken", f"purpose {purpose}") from None
        if header.get("dossier") != str(dossier_id) or header.get("purpose") != purpose:
            raise CannotProcess("seal-misplaced", f"purpose {purpose}")
        return json.loads(plain)


def _key(entry: dict[str, str]) -> _Key:
    raw = _decode(entry["k"])
    if len(raw) != KEY_BYTES:
        raise ValueError("a sealing key has 32 bytes")
    return _Key(entry["kid"], AESGCM(raw), hmac.digest(raw, b"mot-cua-hub mark v1", "sha256"))


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ValueError for what is not base64url without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
