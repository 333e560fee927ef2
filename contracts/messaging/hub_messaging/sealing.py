"""Niêm phong dữ liệu cá nhân: personal data travels and rests as compact JWE (`dir`, A256GCM).

The protected header names the key (`kid`), the dossier and the purpose; all are checked on opening, so a sealed part
can't be moved to another dossier or read with another purpose's key. Keys: one file, purposes apart.
"""

import base64
import json
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.registry import HeaderParameter

from hub_messaging.errors import CannotProcess, NotYet

_REGISTRY = jwe.JWERegistry(
    header_registry={
        "dossier": HeaderParameter("Dossier id", "str", True),
        "purpose": HeaderParameter("What it is for", "str", True),
    },
    algorithms=["dir", "A256GCM"],
)


class SealingKeys:
    """The sealing keys that one service has: by purpose, the newest first; older ones still open.

    File: `{"contact": [{"kid": "c1", "k": "<32 bytes, base64url>"}], "form": […]}`.
    """

    def __init__(self, keys: dict[str, dict[str, OctKey]]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, file: Path) -> "SealingKeys":
        """Raises ValueError when the file is not as described."""
        try:
            listed = json.loads(file.read_text())
            keys = {
                purpose: {entry["kid"]: OctKey.import_key({"kty": "oct", "k": entry["k"]}) for entry in entries}
                for purpose, entries in listed.items()
            }
            if (
                not keys
                or not all(keys.values())
                or any(len(k.raw_value) != 32 for p in keys.values() for k in p.values())
            ):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, JoseError):
            raise ValueError(f"{file.name} is not a sealing key file (32-byte keys by purpose)") from None
        return cls(keys)

    def seal(self, purpose: str, dossier_id: UUID, content: Any) -> str:
        """Seals JSON content with the purpose's newest key."""
        kid, key = next(iter(self._keys[purpose].items()))
        header = {"alg": "dir", "enc": "A256GCM", "kid": kid, "dossier": str(dossier_id), "purpose": purpose}
        plain = json.dumps(content, ensure_ascii=False).encode()
        return jwe.encrypt_compact(header, plain, key, registry=_REGISTRY)

    def open(self, purpose: str, dossier_id: UUID, sealed: str) -> Any:
        """The content. Raises NotYet for a key that is not here, CannotProcess for what is not a seal of ours."""
        keys = self._keys.get(purpose, {})
        try:
            kid = _kid(sealed)
            if kid not in keys:
                raise NotYet("sealing-key-unknown", f"kid {kid!s:.40}")
            opened = jwe.decrypt_compact(sealed, keys[str(kid)], registry=_REGISTRY)
        except (JoseError, ValueError, UnicodeError):
            raise CannotProcess("seal-broken", f"purpose {purpose}") from None
        header = opened.headers()
        if header.get("dossier") != str(dossier_id) or header.get("purpose") != purpose:
            raise CannotProcess("seal-misplaced", f"purpose {purpose}")
        assert opened.plaintext is not None
        return json.loads(opened.plaintext)


def _kid(sealed: str) -> str:
    """Which key the seal names. Raises ValueError for what is not a compact JWE."""
    protected = sealed.split(".", 1)[0]
    header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    if not isinstance(header, dict):
        raise ValueError("the protected header is not an object")
    return str(header.get("kid"))
