"""Yêu cầu đúng: what clients send to every part of the hub, and the dossiers, lists and files that it is about.

`<name>` in a path or body stands for an id: one that is known, or of what is made for this request alone, since most
requests are taken once and then no more.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from hub_local.chaos_ways import OFFICER, SIGNER
from hub_local.example_procedures import procedure_file
from hub_local.front_door import Reply
from hub_messaging.clock import VIETNAM
from hub_web.signatures import sign
from tests.canary import PERSONAL_ID, PHONE
from tests.flows.hub import DESK, THREE_DAYS, Hub
from tests.fuzz.mutations import CANARY

JSON, NDJSON, FORM = "application/json", "application/x-ndjson", "application/x-www-form-urlencoded"
CSV, OCTETS = "text/csv", "application/offset+octet-stream"
PAGES: Final = ("/tra-cuu", "/danh-muc")
A_NAME = re.compile(r"<(\w+)>")
AGENCY_MAY_BE_QUICKER: Final = 3
BY: Final = {"officer": OFFICER}
PAPER: Final = {"code": "residence-form", "originals": 1, "copies": 0}
SUBMISSION: Final[Mapping[str, Any]] = {
    "procedure_code": THREE_DAYS, "desk_code": DESK, "channel": "counter", "territory": "00070", "request": CANARY,
    "applicant": {"kind": "citizen", "full_name": CANARY, "personal_id": PERSONAL_ID, "address": CANARY},
    "contact": {"full_name": CANARY, "phone": "0912 987 654", "email": "canary@example.org"},
    "form": {"note": CANARY, "list": [1, 2.5, None, {"deep": [CANARY]}]},
    "components": [{"code": "residence-form", "originals": 1}, {"code": "lawful-residence", "copies": 1}],
}  # fmt: skip
OLD: Final = {
    "number": "<key>", "desk_code": DESK, "procedure_code": THREE_DAYS, "received_at": "2025-02-03",
    "due_at": "2025-02-12", "finished_at": "2025-02-11", "result": "approved", "phone": PHONE,
    "applicant": {"kind": "citizen", "full_name": CANARY, "personal_id": PERSONAL_ID},
}  # fmt: skip
CHUNK: Final = "%PDF-1.7\n" + "x" * 2_000
UNITS: Final = "code,name,superior,valid_from\nK99.1,Đơn vị ví dụ,,2025-07-01\n"
LISTED: Final = "mã thủ tục,tên thủ tục,cấp tiếp nhận,bộ phận một cửa,cơ quan,ghi chú\n1.004222,Thường trú,xã,*,,\n"
DECIDED: Final = "decision=1028&decided_on=2022-08-29&published_on=2022-09-03&valid_from=2022-10-01"


@dataclass(frozen=True, slots=True)
class Good:
    """A request that is right; `body` None: there is none. `shows`: what was planted may be seen by who asks this."""

    service: str
    method: str
    path: str
    body: Any = None
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    shows: bool = False

    @property
    def is_page(self) -> bool:
        return self.path.startswith(PAGES)


def _post(path: str, body: Any = None, kind: str = JSON, **more: Any) -> Good:
    return Good("intake", "POST", path, body, kind, **more)


def _about(dossier: str, action: str, **body: Any) -> Good:
    return _post(f"/v1/dossiers/<{dossier}>/{action}", {**BY, **body})


WITHOUT_TERM: Final = {
    **SUBMISSION, "procedure_code": "1.001612", "components": [{"code": "household-request", "originals": 1}],
}  # fmt: skip
DATE: Final = {"due_at": "2027-01-04T17:00:00+07:00", "reason": CANARY}
SUBMIT, ACCEPTED = _post("/v1/dossiers", SUBMISSION), _post("/v1/dossiers", {**SUBMISSION, "acceptance": BY})
ASK = _about("waiting", "request-supplement", components=["residence-form"], reason=CANARY)
FEE = _about("accepted", "fees", purpose="le-phi", amount=10_000)
READY = _about("accepted", "result-ready")
LIST = _post("/v1/hand-over-lists", {**BY, "desk_code": DESK, "agency_code": "<agency>", "dossiers": ["<accepted>"]})
UPLOAD = _post(
    "/v1/dossiers/<accepted>/files",
    {
        "component": "residence-form", "name": f"{CANARY}.pdf", "size": len(CHUNK),
        "sha256": sha256(CHUNK.encode()).hexdigest(), "media_type": "application/pdf",
    },
    shows=True,
)  # fmt: skip
CHUNK_SENT = Good("intake", "PATCH", "/v1/uploads/<upload>", CHUNK, OCTETS, {"upload-offset": "0"})
LINK = _post("/v1/files/<file>/links", {"agency": "H26.15", "minutes": 5})
PREVIEW = _post("/v1/directory/imports?kind=units", UNITS, CSV)
MADE_BY: Final[Mapping[str, tuple[Good, str]]] = {
    "waiting": (SUBMIT, "dossier_id"),
    "accepted": (ACCEPTED, "dossier_id"),
    "asked": (ASK, "dossier_id"),
    "charged": (FEE, "dossier_id"),
    "ready": (READY, "dossier_id"),
    "list": (LIST, "id"),
    "upload": (UPLOAD, "id"),
    "link": (LINK, "id"),
    "preview": (PREVIEW, "id"),
}
"""Name → the request that makes it, and where its answer tells the id."""
WRITING: Final[Sequence[Good]] = (
    SUBMIT,
    ACCEPTED,
    _post("/v1/dossiers", {**WITHOUT_TERM, "acceptance": {**BY, "promised": DATE}}),
    _about("waiting", "accept"),
    ASK,
    _about("asked", "supplement", components=[PAPER], form={"note": CANARY}),
    _about("waiting", "refuse", reason_code="not-entitled", reason=CANARY),
    _about("waiting", "request-withdrawal"),
    _about("waiting", "stop", reason_code="withdrawn", reason=CANARY),
    _post(
        "/v1/dossiers/<waiting>/finish-on-the-spot",
        {"collected_by": "applicant", "acceptance": BY, "appraised": BY, "approved": BY, "returned": BY},
    ),
    FEE,
    _about("charged", "fees/1/payment", reference="BL-1", by="cash"),
    _about("charged", "fees/1/waiver", reason_code="poor-household"),
    _about("accepted", "corrections", reason=CANARY, contact={**SUBMISSION["contact"], "phone": "0912 000 111"}),
    _about("accepted", "steps", step="submitted-for-signature"),
    _about("accepted", "result-place", result={"how": "post", "address": CANARY}),
    READY,
    _about("ready", "return-result", collected_by="applicant"),
    _post("/v1/dossiers/<accepted>/forms/01/draft", {**BY, "signer": SIGNER}, shows=True),
    _about("accepted", "forms/01", signer=SIGNER),
    _post(f"/v1/desks/{DESK}/register", {**BY, "signer": SIGNER, "from": "2020-01-06", "to": "2020-01-07"}),
    UPLOAD,
    CHUNK_SENT,
    _post("/v1/dossiers/<accepted>/files/reuse", {"file_id": "<file>", "component": "residence-form"}),
    LINK,
    Good("intake", "DELETE", "/v1/files/<file>/links/<link>"),
    LIST,
    _post("/v1/hand-over-lists/<list>/sign", {**BY, "side": "desk"}),
    _post("/v1/dossiers/bulk", [{"key": "<key>", "submission": SUBMISSION}] * 2, NDJSON, shows=True),
    _post("/v1/dossiers/old", [OLD], NDJSON),
    _post("/v1/catalogue/imports?dry_run=true", {"run": "<key>", "files": [procedure_file("2.199999")]}, shows=True),
    PREVIEW,
    _post("/v1/directory/imports/<preview>/reject", {"why": CANARY}),
    _post(f"/v1/publication-lists/nganh-doc/imports?{DECIDED}", LISTED, CSV),
    _post("/tra-cuu", {"code": "<code>", "digits": PHONE[-4:]}, FORM),
)
"""Never sent is what would stay for others who use the same hub: approvals, ends of procedures, pauses of lanes."""
READING: Final = {
    "intake": (
        "dossiers/<completed>", "dossiers/<completed>/timeline", "dossiers/<completed>/files",
        "dossiers/<completed>/forms", "dossiers/<completed>/corrections", "dossiers/<completed>/proposed-fees",
        "dossiers?code=<code>", "dossiers?limit=2&cursor=x", "dossiers/count?desk=H26.15.01", "procedures/1.004194",
        "intake/stuck?limit=5&cursor=x", "intake/dead-letters?state=dead&cursor=x", "changes?limit=2&after=x",
        "files/<file>/content", "files/<file>/links", "hand-over-lists?overdue=true", "possible-duplicates?limit=2",
        "late-entries?limit=2", "publication-lists/nganh-doc", "figures/dossiers?from=2026-01-01&to=2026-03-31",
        "directory/imports?state=previewed&limit=2", "units?limit=2", "timeline/seals?limit=2",
    ),
    "routing": ("transfers/<completed>", "transfers?state=completed&limit=2&cursor=x", "lanes/<agency>/work"),
    "notify": ("notices/<completed>", "notices?state=sent&limit=2&cursor=x", "suppliers"),
    "sla": ("deadlines/<completed>", "deadlines?state=stopped&differs=true&limit=2&cursor=x", "calendars"),
}  # fmt: skip
SHOWING: Final = (
    *(Good(service, "GET", f"/v1/{path}") for service, paths in READING.items() for path in paths),
    *(Good("intake", "GET", path) for path in ("/tra-cuu", "/tra-cuu/<code>", "/danh-muc", "/danh-muc/nganh-doc")),
)


def callbacks() -> list[Good]:
    """What an agency says of a dossier."""
    said = {"dossier_id": "<completed>", "leg": "lead", "at": datetime.now(VIETNAM).isoformat(), "foreign_number": "1"}
    facts: list[dict[str, Any]] = [
        {"type": "acknowledged"},
        {"type": "step", "step": {"code": "appraisal", "name": "Thẩm định", "officer": "CB-01"}},
        {"type": "supplement_asked", "items": [{"code": "residence-form", "note": CANARY}], "reason": CANARY},
        {"type": "completed", "result": {"code": "approved", "number": "KQ-1", "signed_at": said["at"]}},
    ]
    return [Good("routing", "POST", "/v1/callbacks/<agency>", {**said, **fact}) for fact in facts]


def openly(said: Any) -> Any:
    """What an agency said, with the canary only where its words are sealed: names of steps and numbers are public."""
    if isinstance(said, dict):
        return {name: told if name in ("reason", "note") else openly(told) for name, told in said.items()}
    if isinstance(said, list):
        return [openly(told) for told in said]
    return said.replace(CANARY, "c2") if isinstance(said, str) else said


def encoded(body: Any, kind: str, *, escaped: bool = True) -> bytes:
    """The body as it is sent; `escaped`: JSON in ASCII."""
    if kind == NDJSON:
        lines = body if isinstance(body, list) else [body]
        return b"\n".join(encoded(line, JSON, escaped=escaped) for line in lines)
    if kind == FORM and isinstance(body, dict):
        return urlencode(body, errors="surrogatepass").encode()
    text = body if kind in (CSV, OCTETS) and isinstance(body, str) else json.dumps(body, ensure_ascii=escaped)
    return text.encode("utf-8", "surrogatepass")


class Ground:
    """What requests are about. `known`: ids by name."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._secret = hub.stack.keys.webhook_secret.read_text()
        self.known: dict[str, str] = {}

    async def lay(self) -> None:
        """A dossier that is done, and a file."""
        receipt = await self._hub.post("/v1/dossiers", ACCEPTED.body)
        self.known |= {"completed": receipt["dossier_id"], "code": receipt["dossier_code"]}
        await self._hub.reached(receipt["dossier_id"], "clock_stopped")
        transfer = await self._hub.transfer(receipt["dossier_id"])
        self.known["agency"] = transfer["legs"][0]["agency"]["code"]
        file = await self._made("upload")
        (await self._sent(replace(CHUNK_SENT, path=f"/v1/uploads/{file}"))).content()
        self.known["file"] = file

    async def filled(self, good: Good) -> Good:
        """The request with ids where names stood."""
        text = json.dumps([good.path, good.body], ensure_ascii=False)
        for name in dict.fromkeys(A_NAME.findall(text)):
            text = text.replace(f"<{name}>", await self._made(name))
        path, body = json.loads(text)
        return replace(good, path=path, body=body)

    async def takes(self, good: Good) -> None:
        """The request is taken as it is."""
        for _ in range(AGENCY_MAY_BE_QUICKER):
            reply = await self._sent(await self.filled(good))
            if reply.status != 409:
                break
        assert reply.status < 300, (good.method, good.path, reply.status, reply.body[:500])
        assert b'"problem":{' not in reply.body, (good.path, reply.body[:500])

    async def _made(self, name: str) -> str:
        if name == "key":
            return str(uuid4())
        if name in self.known:
            return self.known[name]
        good, told = MADE_BY[name]
        return str((await self._sent(await self.filled(good))).content()[told])

    async def _sent(self, good: Good) -> Reply:
        body, key = b"" if good.body is None else encoded(good.body, good.kind), str(uuid4())
        headers = {"content-type": good.kind, "idempotency-key": key, **good.headers, **sign(key, body, self._secret)}
        return await self._hub.door.ask(good.service, good.method, good.path, body, **headers)
