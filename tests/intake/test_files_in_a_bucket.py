"""Tệp trong S3: the same files through the same front door, in a bucket that tests play over HTTP."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from hub_messaging.clock import real_now
from services.intake.store.file_objects import Objects
from services.intake.store.file_sweeper import FileSweeper
from tests.hosted import free_port
from tests.intake.conftest import FrontDoor, opened, residence
from tests.intake.filing import Desk, pdf


class Bucket:
    """So much of S3 as files need, in memory: objects of an old date."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.port = free_port()
        application = web.Application(client_max_size=2**27)
        application.router.add_route("*", "/bucket{key:.*}", self._answer)
        self.runner = web.AppRunner(application)

    async def open(self) -> None:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()

    async def _answer(self, request: web.Request) -> web.Response:
        key = request.match_info["key"].removeprefix("/")
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=someone/")
        if request.method == "PUT":
            self.objects[key] = await request.read()
            return web.Response(headers={"ETag": '"1"'})
        if request.method == "POST":
            gone = re.findall("<Key>(.+?)</Key>", await request.text())
            self.objects = {name: content for name, content in self.objects.items() if name not in gone}
            told = "".join(f"<Deleted><Key>{name}</Key></Deleted>" for name in gone)
            return web.Response(text=f"<DeleteResult>{told}</DeleteResult>", content_type="application/xml")
        return self._listed() if "list-type" in request.query else self._part(key, request.http_range)

    def _listed(self) -> web.Response:
        about = "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag><Size>1</Size>"
        found = "".join(f"<Contents><Key>{name}</Key>{about}</Contents>" for name in self.objects)
        text = f"<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")

    def _part(self, key: str, span: slice) -> web.Response:
        if key not in self.objects:
            return web.Response(status=404)
        content = self.objects[key]
        headers = {
            "Content-Range": f"bytes {span.start}-{span.stop - 1}/{len(content)}",
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
            "ETag": '"1"',
        }
        return web.Response(status=206, body=content[span], headers=headers)


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    bucket = Bucket()
    given = {
        "ACCESS_KEY_ID": "someone",
        "SECRET_ACCESS_KEY": "secret",
        "REGION": "vn",
        "ENDPOINT_URL": f"http://127.0.0.1:{bucket.port}",
        "ALLOW_HTTP": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    await bucket.open()
    yield bucket
    await bucket.runner.cleanup()


async def test_a_bucket_keeps_files_and_one_that_is_away_is_told(
    door: FrontDoor, bucket: Bucket, tmp_path: Path
) -> None:
    settings = door.intake.settings.model_copy(update={"files_url": "s3://bucket/tep/ho-so"})
    async with opened(settings, tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        content = pdf(1_500_000)
        upload_id = await desk.started(content)
        for start in range(0, len(content), 600_000):
            assert (await desk.send(upload_id, start, content[start : start + 600_000])).status_code == 204
        assert (await desk.content(upload_id, Range="bytes=599990-1200010")).content == content[599990:1200011]
        assert len(bucket.objects) == 3
        assert all(re.fullmatch("tep/ho-so/[0-9a-f]{2}/[0-9a-f]{32}", name) for name in bucket.objects)
        wrong = await desk.started(content, sha256="0" * 64)
        assert (await desk.send(wrong, 0, content)).json()["slug"] == "content-differs"
        assert len(bucket.objects) == 3
        bucket.objects["tep/ho-so/00/" + "0" * 32] = b"a stray"
        await FileSweeper(there.intake.spine.pool, there.intake.spine.leases, Objects(settings.files_url)).sweep(
            real_now()
        )
        assert len(bucket.objects) == 3
        half = await desk.started(content)
        await bucket.runner.cleanup()
        refused = await asyncio.wait_for(desk.send(half, 0, content), 20)
        assert (refused.status_code, refused.json()["slug"]) == (503, "storage-unavailable")
        assert await desk.offset(half) == 0
