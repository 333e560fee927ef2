"""So much of S3 as files need, in memory: signatures (SigV4) are checked, lists come in pages."""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from aiohttp import web

from tests.hosted import free_port

PAGE = 4
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})")


class Bucket:
    """Objects of an old date, in a bucket called `bucket`; `refusals` are given in place of the next answers."""

    def __init__(self, secret: str) -> None:
        self.objects: dict[str, bytes] = {}
        self.written = datetime(2026, 1, 1, tzinfo=UTC)
        self.refusals: list[tuple[int, str]] = []
        self.port = free_port()
        self._secret = secret
        application = web.Application(client_max_size=2**27)
        application.router.add_route("*", "/{bucket}{key:.*}", self._answer)
        self._runner = web.AppRunner(application)

    async def open(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.refusals:
            return _refused(*self.refusals.pop(0))
        if not self._is_signed(request, body):
            return _refused(403, "SignatureDoesNotMatch")
        bucket, _, key = request.path.removeprefix("/").partition("/")
        if bucket != "bucket":
            return _refused(404, "NoSuchBucket")
        match request.method:
            case "PUT":
                self.objects[key] = body
                return web.Response(headers={"ETag": '"1"'})
            case "POST":
                return self._deleted(re.findall("<Key>(.+?)</Key>", body.decode()))
            case "DELETE":
                self._deleted([key])
                return web.Response(status=204)
        return self._listed(request) if "list-type" in request.query else self._read(key, request)

    def _deleted(self, keys: list[str]) -> web.Response:
        for key in keys:
            self.objects.pop(key, None)
        told = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{told}</DeleteResult>", content_type="application/xml")

    def _listed(self, request: web.Request) -> web.Response:
        after, prefix = request.query.get("continuation-token", ""), request.query.get("prefix", "")
        names = sorted(name for name in self.objects if name.startswith(prefix) and name > after)
        about = f"<LastModified>{self.written:%Y-%m-%dT%H:%M:%S.000Z}</LastModified><ETag>1</ETag><Size>1</Size>"
        found = "".join(f"<Contents><Key>{escape(name)}</Key>{about}</Contents>" for name in names[:PAGE])
        more = f"<NextContinuationToken>{names[PAGE - 1]}</NextContinuationToken>" if len(names) > PAGE else ""
        cut = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        text = f"<ListBucketResult><Name>bucket</Name>{cut}{more}{found}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")

    def _read(self, key: str, request: web.Request) -> web.Response:
        if key not in self.objects:
            return _refused(404, "NoSuchKey")
        content, span = self.objects[key], request.http_range
        headers = {"Last-Modified": f"{self.written:%a, %d %b %Y %H:%M:%S GMT}", "ETag": '"1"'}
        if span.start is None:
            return web.Response(body=content, headers=headers)
        part = content[span]
        headers["Content-Range"] = f"bytes {span.start}-{span.start + len(part) - 1}/{len(content)}"
        return web.Response(status=206, body=part, headers=headers)

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        said = _CREDENTIAL.fullmatch(request.headers.get("Authorization", ""))
        if said is None:
            return False
        names, digest = said[2].split(";"), request.headers["x-amz-content-sha256"]
        asked = sorted(
            part if "=" in part else part + "=" for part in request.rel_url.raw_query_string.split("&") if part
        )
        headers = [f"{name}:{request.headers[name].strip()}" for name in names]
        whole = [request.method, request.rel_url.raw_path, "&".join(asked), *headers, "", said[2], digest]
        _, scope = said[1].split("/", 1)
        summary = hashlib.sha256("\n".join(whole).encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, summary])
        key = b"AWS4" + self._secret.encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        sound = digest in {"UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()}
        return sound and hmac.compare_digest(key.hex(), said[3])


def _refused(status: int, code: str) -> web.Response:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
