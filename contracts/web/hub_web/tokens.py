"""Bearer tokens: signed JWTs (RFC 7519, profile of RFC 9068) that say who asks, for what, and for which places.

`Issuer` is the built-in one for a demo or a small site (a private JWK in a file); `Verifier` knows public keys only
(`hub_web.keys`: a JWKS file, or another issuer's address). Real time, never business time.
"""

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

import orjson
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import Key, KeySet, OKPKey
from joserfc.jws import CompactSignature
from uuid_utils import uuid7

from hub_web.keys import ALGORITHMS, KeyFile, Keys, algorithms_of

if TYPE_CHECKING:
    from hub_web.issuer_keys import IssuerKeys

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


class KeyUnknown(TokenRefused):
    """It names a key that isn't known. `away`: nobody could be asked for it."""

    def __init__(self, away: bool) -> None:
        super().__init__("not signed by a known key for this hub, or not yet valid")
        self.away = away


class _NoSuchKey(Exception):
    """Passes through the reader of tokens."""


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
            raise ValueError(f"{private_file.name} holds no private JWK of type Ed25519, P-256 or RSA (2048 bits)")
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


class TokenSettings(Protocol):
    """What the settings say of tokens (hub_messaging.settings.ServiceSettings)."""

    @property
    def jwks_file(self) -> Path | None: ...
    @property
    def jwks_url(self) -> str | None: ...
    @property
    def token_issuer(self) -> str: ...


class Verifier:
    """Turns a token into its Caller; remembers the last ones until they expire, or until a key changes.

    Raises OSError and ValueError for a JWKS file it can't use.
    """

    def __init__(
        self, keys: Path | Keys, issuer: str = BUILT_IN_ISSUER, clock: Callable[[], float] = time.time
    ) -> None:
        self._source: Keys = KeyFile(keys) if isinstance(keys, Path) else keys
        self._keys = self._source.now()
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
        self.followed: IssuerKeys | None = None
        """Keys that somebody must fetch again and again."""

    @classmethod
    def of(cls, settings: TokenSettings) -> "Verifier":
        """The one that the settings describe: keys in a file, or at their issuer's address."""
        if settings.jwks_url is None:
            assert settings.jwks_file is not None
            return cls(settings.jwks_file, settings.token_issuer)
        from hub_web.issuer_keys import IssuerKeys  # most take their keys from a file

        keys = IssuerKeys(settings.jwks_url, settings.token_issuer)
        verifier = cls(keys, settings.token_issuer)
        verifier.followed = keys
        return verifier

    async def patient_caller(self, token: str) -> Caller:
        """Who the bearer is; a key that isn't known yet is waited for, a moment. Raises TokenRefused."""
        try:
            return self.caller(token)
        except KeyUnknown:
            await self._source.learn()
            return self.caller(token)

    def caller(self, token: str) -> Caller:
        """Who the bearer is. Raises TokenRefused."""
        keys = self._source.now()
        if keys is not self._keys:
            self._keys = keys
            self._known.clear()
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
            claims = jwt.decode(token, self._key_of, algorithms=ALGORITHMS).claims
            self._claims.validate(claims)
        except _NoSuchKey:
            raise KeyUnknown(self._source.away) from None
        except ExpiredTokenError:
            raise TokenRefused("expired") from None
        except (JoseError, ValueError, TypeError, RecursionError):  # joserfc reads claims without a limit of depth
            raise TokenRefused("not signed by a known key for this hub, or not yet valid") from None
        return claims

    def _key_of(self, signed: Any) -> Key:
        assert isinstance(signed, CompactSignature)
        headers = signed.headers()
        key = self._keys.get(str(headers.get("kid")))
        if key is None:
            raise _NoSuchKey
        if headers.get("alg") not in algorithms_of(key):
            raise ValueError("no key for this header")
        return key


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
