"""Khóa kiểm tra mã truy cập: public keys by their `kid`, as they lie in a JWKS, and what each may be used for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from hub_web.watched_file import WatchedFile

ALGORITHMS: Final = ("Ed25519", "EdDSA", "ES256", "RS256", "PS256")
LEAST_RSA_BITS = 2048
MOST_KEYS = 100
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, JoseError)


class Keys(Protocol):
    """Where a verifier has its keys from."""

    def now(self) -> Mapping[str, Key]:
        """The keys by `kid`: the same object as long as none changed."""

    async def learn(self) -> None:
        """Somebody shows a key that isn't known: looks for it where that is due, and waits for a moment."""

    @property
    def away(self) -> bool:
        """Whether a key may be missing only because nobody could be asked."""


def algorithms_of(key: Key) -> frozenset[str]:
    """The signature algorithms a key may be used with: fixed by the key, never by the token. Empty: none."""
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        fitting = frozenset({"Ed25519", "EdDSA"})
    elif isinstance(key, ECKey) and key.curve_name == "P-256":
        fitting = frozenset({"ES256"})
    elif isinstance(key, RSAKey) and key.public_key.key_size >= LEAST_RSA_BITS:
        fitting = frozenset({"RS256", "PS256"})
    else:
        return frozenset()
    return fitting if key.alg is None else fitting & {key.alg}


def keys_in(jwks: bytes) -> dict[str, Key]:
    """The keys of a JWKS that signatures can be checked with. Other kinds, and those for encryption, are passed over:
    an issuer may publish them too. Raises ValueError when it is no JWKS, or none is left.
    """
    try:
        listed = orjson.loads(jwks)["keys"]
        if not isinstance(listed, list):
            raise TypeError
    except _UNREADABLE:
        raise ValueError("no JWKS") from None
    keys = {str(key.kid): key for one in listed[:MOST_KEYS] if (key := _key(one)) is not None}
    if not keys:
        raise ValueError("no public key (Ed25519, P-256 or RSA of 2048 bits) with a kid")
    return keys


def _key(one: Any) -> Key | None:
    try:
        if not one.get("kid") or one.get("use", "sig") != "sig":
            return None
        key = JWKRegistry.import_key(one)
        return key if algorithms_of(key) else None
    except _UNREADABLE:
        return None


class KeyFile:
    """Keys in a JWKS file: a key taken out of it ends its tokens within a second. Raises OSError and ValueError."""

    away = False

    def __init__(self, file: Path) -> None:
        self.now = WatchedFile(file, _read).now

    async def learn(self) -> None:
        """A file is never asked: it is looked at all the time."""


def _read(file: Path) -> Mapping[str, Key]:
    try:
        return keys_in(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file.name} holds {error}") from None
