"""Tệp trong S3: the same files through the same front door, in a bucket.

Tests play so much of S3 as files need, signatures included, and let it misbehave. `HUB_TEST_S3=http://host:port` with
AWS_* names a real server with a bucket called `bucket`: what it can show is shown there too (seen on versitygw).
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
import pytest
from structlog.testing import capture_logs

from hub_messaging.clock import real_now
from services.intake.settings import Settings
from services.intake.store.files import file_objects
from services.intake.store.files.file_objects import Objects
from services.intake.store.files.file_sweeper import FileSweeper
from tests.intake.bucket import Bucket
from tests.intake.conftest import FrontDoor, opened, residence
from tests.intake.filing import Desk, pdf
from tests.waiting import until

REAL = os.environ.get("HUB_TEST_S3")
on_any_server = pytest.mark.parametrize(
    "bucket", ["played", pytest.param("real", marks=pytest.mark.skipif(REAL is None, reason="HUB_TEST_S3 names none"))],
    indirect=True,
)  # fmt: skip
GIVEN = {"ACCESS_KEY_ID": "someone", "SECRET_ACCESS_KEY": "secret-of-someone", "REGION": "vn", "ALLOW_HTTP": "true"}


@pytest.fixture
async def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    bucket = Bucket(GIVEN["SECRET_ACCESS_KEY"])
    if getattr(request, "param", "played") == "real":
        monkeypatch.setenv("AWS_ENDPOINT_URL", REAL or "")
        yield bucket
        return
    for name, value in {**GIVEN, "ENDPOINT_URL": f"http://127.0.0.1:{bucket.port}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    await bucket.open()
    yield bucket
    await bucket.close()


def at(door: FrontDoor, prefix: str, bucket: str = "bucket") -> Settings:
    """Settings that keep files there; a prefix of its own for each run."""
    return door.intake.settings.model_copy(
        update={"files_url": f"s3://{bucket}/{door.clock_file.parent.name}/{prefix}"}
    )


async def lying(settings: Settings) -> set[str]:
    """The objects that lie there."""
    found = await obstore.list(Objects(settings.files_url)._store).collect_async()
    return {one["path"] for one in found}


@on_any_server
async def test_a_bucket_keeps_files_whatever_breaks_on_the_way(door: FrontDoor, bucket: Bucket, tmp_path: Path) -> None:
    settings = at(door, "tep/ho-so")
    async with opened(settings, tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        content = pdf(1_500_000)
        upload_id = await desk.started(content)
        _, writer = await desk.half_sent(upload_id, 0, 600_000, content[:300_000])
        writer.close()
        await until(lambda: desk.offset(upload_id), lambda offset: offset == 300_000)
        async with opened(settings, tmp_path) as another:
            on = Desk(another, desk.dossier_id)
            on.door.bearer = there.bearer
            assert (await on.send(upload_id, 300_000, content[300_000:900_000])).status_code == 204
        assert (await desk.send(upload_id, 900_000, content[900_000:])).status_code == 204
        assert (await desk.content(upload_id)).content == content
        assert (await desk.content(upload_id, Range="bytes=299990-900010")).content == content[299990:900011]
        kept = await lying(settings)
        assert len(kept) == 3
        assert all(re.fullmatch("[0-9a-f]{2}/[0-9a-f]{32}", name) for name in kept)
        wrong = await desk.started(content, sha256="0" * 64)
        assert (await desk.send(wrong, 0, content)).json()["slug"] == "content-differs"
        assert await lying(settings) == kept, "of what was refused nothing stays"


@on_any_server
async def test_what_no_row_names_is_swept_page_by_page(
    door: FrontDoor, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = at(door, "tep")
    monkeypatch.setattr(file_objects, "LISTED_AT_ONCE", 3)
    async with opened(settings, tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        file_id = await desk.brought(pdf(100_000))
        (named,) = await lying(settings)
        store = Objects(settings.files_url)._store
        strays = [f"{number:02x}/{number:032x}" for number in range(11)]
        for name in [*strays, "somebody/elses"]:
            await obstore.put_async(store, name, b"a stray")
        sweeper = FileSweeper(there.intake.spine.pool, there.intake.spine.leases, Objects(settings.files_url))
        if REAL is None:
            monkeypatch.setattr(bucket, "written", real_now())
        await sweeper.sweep(real_now())
        assert len(await lying(settings)) == 13, "younger than a day: its row may be about to be written"
        assert await sweeper.strays(real_now() + timedelta(days=1, minutes=1)) == 11
        assert await lying(settings) == {named, "somebody/elses"}
        assert (await desk.content(file_id)).content == pdf(100_000)


@on_any_server
async def test_a_copy_of_the_bucket_is_a_copy_of_the_files(door: FrontDoor, bucket: Bucket, tmp_path: Path) -> None:
    settings, copied = at(door, "tep"), at(door, "sao-luu")
    async with opened(settings, tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        content = pdf(700_000)
        file_id = await desk.brought(content)
        source, target = Objects(settings.files_url)._store, Objects(copied.files_url)._store
        for name in await lying(settings):
            await obstore.put_async(target, name, await (await obstore.get_async(source, name)).bytes_async())
            await obstore.delete_async(source, name)
    async with opened(copied, tmp_path) as restored:
        assert (await Desk(restored, desk.dossier_id).content(file_id)).content == content


@on_any_server
async def test_a_bucket_that_is_not_there_or_not_ours_loses_nothing(
    door: FrontDoor, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pdf(200_000)
    async with opened(at(door, "tep"), tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        upload_id, file_id = await desk.started(content), await desk.brought(content)
        assert (await desk.send(upload_id, 0, content[:100_000])).status_code == 204
    for wrong in ("bucket", "secret"):
        if wrong == "secret":
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        async with opened(at(door, "tep", "nobodys" if wrong == "bucket" else "bucket"), tmp_path) as there:
            on = Desk(there, desk.dossier_id)
            refused = await on.send(upload_id, 100_000, content[100_000:])
            assert (refused.status_code, refused.json()["slug"]) == (503, "storage-unavailable")
            assert await on.offset(upload_id) == 100_000
            with capture_logs() as logs, pytest.raises(httpx.RemoteProtocolError):
                await on.content(file_id)
            assert "file_damaged" not in {line["event"] for line in logs}, "the file is well, its place isn't"
    monkeypatch.undo()


async def test_a_bucket_that_is_slow_to_take_is_asked_again_and_one_that_is_away_is_told(
    door: FrontDoor, bucket: Bucket, tmp_path: Path
) -> None:
    async with opened(at(door, "tep"), tmp_path) as there:
        desk = Desk(there, (await there.submitted(residence()))["dossier_id"])
        content = pdf(300_000)
        bucket.refusals = [(503, "SlowDown"), (500, "InternalError")]
        assert (await desk.content(await desk.brought(content))).content == content
        assert bucket.refusals == []
        half = await desk.started(content)
        bucket.refusals = [(507, "QuotaExceeded")] * 20
        full = await desk.send(half, 0, content)
        assert (full.status_code, full.json()["slug"]) == (507, "storage-full")
        bucket.refusals = []
        await bucket.close()
        refused = await asyncio.wait_for(desk.send(half, 0, content), 20)
        assert (refused.status_code, refused.json()["slug"]) == (503, "storage-unavailable")
        assert await desk.offset(half) == 0
