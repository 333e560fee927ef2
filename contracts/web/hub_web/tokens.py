"""Bearer tokens: signed JWTs (RFC 7519, profile of RFC 9068) that say who asks, for what, and for which places.

`Issuer` is the built-in one for a demo or a small site (a private JWK in a file); `Verifier` knows public keys only
(a JWKS file) and also serves tokens of any other issuer whose keys are put there. Real time, never business time.
"""

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import orjson
import structlog
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OKPKey
from joserfc.jws import CompactSignature
from uuid_utils import uuid7

Kind = Literal["system", "officer", "operator"]

AUDIENCE: Final = "mot-cua-hub"
BUILT_IN_ISSUER: Final = "mot-cua-hub/issuer"
EVERYWHERE: Final = "*"
SCOPES: Final = frozenset(
    {
        "dossiers:submit",
        "dossiers:decide",
        "dossiers:read",
        "dossiers:import",
        "reference:edit",
        "reference:approve",
        "transfers:read",
        "lanes:manage",
        "notices:read",
        "deadlines:read",
        "operations",
    }
)
LEEWAY_SECONDS = 5
LONGEST_TOKEN = 8_192
KEPT_TOKENS = 4_096
LOOK_SECONDS = 1.0

_log = structlog.get_logger("hub_web")

# RFC 9864 renames EdDSA to Ed25519; issuers in use still write the old name.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


class All:
    """An area without bounds: every code lies in it."""

    def __contains__(self, code: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = All()


@dataclass(frozen=True, slots=True)
class Caller:
    """Người gọi: who asks. `area` holds the codes of the desks or units they act for."""

    subject: str
    kind: Kind
    scopes: frozenset[str]
    area: frozenset[str] | All

    def covers(self, code: str) -> bool:
        """Whether the desk or unit `code` lies in the caller's area; outside of it a thing is answered as 404."""
        return code in self.area

    @property
    def codes(self) -> list[str] | None:
        """The area for a query: its codes, sorted; None: everywhere."""
        return None if isinstance(self.area, All) else sorted(self.area)


class TokenRefused(Exception):
    """Not a token of ours: `reason` says why in a few words, without any of its content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def algorithms_of(key: Key) -> frozenset[str]:
    """The signature algorithms a key may be used with: fixed by the key, never by the token. Empty: none."""
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        fitting = frozenset({"Ed25519", "EdDSA"})
    elif isinstance(key, ECKey) and key.curve_name == "P-256":
        fitting = frozenset({"ES256"})
    else:
        return frozenset()
    return fitting if key.alg is None else fitting & {key.alg}


def create_issuer_key(private_file: Path, jwks_file: Path) -> None:
    """A new Ed25519 key: the private JWK (readable by its owner only) and the JWKS that verifiers read."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519", "kid": str(uuid7())})
    for file, content, mode in (
        (private_file, key.as_dict(private=True), 0o600),
        (jwks_file, {"keys": [key.as_dict(private=False)]}, 0o644),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as stream:
            json.dump(content, stream)
        os.replace(fresh, file)


class Issuer:
    """Signs tokens with a private JWK. Raises ValueError when the file holds none."""

    def __init__(self, private_file: Path, name: str = BUILT_IN_ISSUER) -> None:
        self._name = name
        try:
            self._key = KeySet.import_key_set({"keys": [orjson.loads(private_file.read_bytes())]}).keys[0]
        except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
            raise ValueError(f"{private_file.name} holds no private JWK") from error
        if not self._key.is_private or not algorithms_of(self._key):
            raise ValueError(f"{private_file.name} holds no private JWK of type Ed25519 or P-256")
        self._algorithm = min(algorithms_of(self._key))

    def issue(
        self,
        subject: str,
        kind: Kind,
        scopes: Iterable[str],
        area: Iterable[str] | All,
        *,
        hours: float = 8,
        now: float | None = None,
    ) -> str:
        """A token for `subject`, good for `hours` from `now` (epoch seconds). Raises ValueError on unknown scopes."""
        wanted = frozenset(scopes)
        if unknown := sorted(wanted - SCOPES):
            raise ValueError(f"unknown scope {unknown[0]!r}; known are {', '.join(sorted(SCOPES))}")
        if not subject.strip() or not wanted or not hours > 0:
            raise ValueError("a token needs a subject, at least one scope and a lifetime above 0")
        issued = int(time.time() if now is None else now)
        claims: dict[str, Any] = {
            "iss": self._name,
            "aud": AUDIENCE,
            "sub": subject,
            "kind": kind,
            "scope": " ".join(sorted(wanted)),
            "area": EVERYWHERE if isinstance(area, All) else sorted(frozenset(area)),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(hours * 3600),
            "jti": str(uuid7()),
        }
        header = {"alg": self._algorithm, "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=[self._algorithm])


class Verifier:
    """Turns a token into its Caller; remembers the last ones until they expire.

    The JWKS file is looked at once a second: a key taken out of it ends its tokens within that second. A file that
    can't be read later keeps the keys known so far and is logged; at the start it is a ValueError.
    """

    def __init__(self, jwks_file: Path, issuer: str = BUILT_IN_ISSUER, clock: Callable[[], float] = time.time) -> None:
        self._file = jwks_file
        self._clock = clock
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._known: dict[str, tuple[Caller, float]] = {}
        self._seen = self._stamp()
        self._keys = _read_keys(jwks_file)
        self._next_look = time.monotonic() + LOOK_SECONDS

    def caller(self, token: str) -> Caller:
        """Who the bearer is. Raises TokenRefused."""
        if time.monotonic() >= self._next_look:
            self._look()
        known = self._known.get(token)
        if known is not None:
            if known[1] > self._clock():
                return known[0]
            del self._known[token]
        claims = self._claims_of(token)
        caller = _caller(claims)
        if len(self._known) >= KEPT_TOKENS:
            del self._known[next(iter(self._known))]
        self._known[token] = (caller, float(claims["exp"]))
        return caller

    def _claims_of(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_TOKEN:
            raise TokenRefused("too long")
        try:
            claims = jwt.decode(token, self._key_of, algorithms=["Ed25519", "EdDSA", "ES256"]).claims
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise TokenRefused("expired") from None
        except (JoseError, ValueError, TypeError, RecursionError):  # joserfc reads claims without a limit of depth
            raise TokenRefused("not signed by a known key for this hub, or not yet valid") from None
        return claims

    def _key_of(self, signed: Any) -> Key:
        assert isinstance(signed, CompactSignature)
        headers = signed.headers()
        key = self._keys.get(str(headers.get("kid")))
        if key is None or headers.get("alg") not in algorithms_of(key):
            raise ValueError("no key for this header")
        return key

    def _look(self) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._keys, self._seen = _read_keys(self._file), stamp
                self._known.clear()
        except (OSError, ValueError) as error:
            _log.error("jwks_unreadable", file=self._file.name, error=type(error).__name__)

    def _stamp(self) -> tuple[int, int, int]:
        stat = self._file.stat()
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _read_keys(file: Path) -> dict[str, Key]:
    try:
        found = KeySet.import_key_set(orjson.loads(file.read_bytes())).keys
    except (ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
        raise ValueError(f"{file.name} is not a JWKS file") from error
    keys = {str(key.kid): key for key in found if key.kid and algorithms_of(key)}
    if not keys:
        raise ValueError(f"{file.name} holds no public key (Ed25519 or P-256) with a kid")
    return keys


def _caller(claims: dict[str, Any]) -> Caller:
    """The claims as a Caller; scopes this hub doesn't know are another system's and are left out."""
    kind, scope, area = claims.get("kind"), claims.get("scope"), claims.get("area")
    sound = kind in get_args(Kind) and isinstance(scope, str) and claims["sub"].strip()
    codes = area if isinstance(area, list) and all(isinstance(code, str) for code in area) else None
    if not sound or (codes is None and area != EVERYWHERE):
        raise TokenRefused("its claims kind, scope, area or sub are missing or unreadable")
    assert isinstance(scope, str)
    scopes = frozenset(scope.split()) & SCOPES
    return Caller(claims["sub"], kind, scopes, ALL if codes is None else frozenset(codes))  # type: ignore[arg-type]
