"""B13: attachments in a bucket, which is asked as S3 is and checks every signature."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.bucket import BUCKET, KEY, KEY_ID, REGION, Bucket
from harness.penstock import Penstock, openai_at
from harness.pictures import picture
from penstock.errors import ExtraMissing
from penstock.files.bucket import BucketAway, BucketContents, BucketSettings
from penstock.files.contents import ContentMissing
from upstream.process import Upstream

SEEING = "openai/echo-3-1"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as started:
        yield started


@pytest.fixture
def settings(bucket: Bucket) -> BucketSettings:
    endpoint = bucket.environment["AWS_ENDPOINT_URL"]
    return BucketSettings(url=f"s3://{BUCKET}", endpoint=endpoint, region=REGION, key_id=KEY_ID, key=KEY)


async def test_what_is_put_is_there_until_it_is_deleted(bucket: Bucket, settings: BucketSettings) -> None:
    contents = BucketContents(settings)
    for data in (b"", bytes(range(256)), b"x" * 12_000_000):
        await contents.put("a-name", data)
        assert await contents.get("a-name") == data
    below = BucketContents(replace(settings, url=f"s3://{BUCKET}/a/folder"))
    await below.put("a-name", b"other")
    assert set(bucket.objects) == {"a-name", "a/folder/a-name"}
    await below.delete("a-name")
    await below.delete("a-name")
    with pytest.raises(ContentMissing):
        await below.get("a-name")
    assert await contents.get("a-name") == b"x" * 12_000_000


@pytest.mark.parametrize("wrong", [{"key": "another"}, {"key_id": "another"}, {"region": "another"}])
async def test_what_is_refused_is_not_kept(bucket: Bucket, settings: BucketSettings, wrong: dict[str, Any]) -> None:
    contents = BucketContents(replace(settings, **wrong))
    with pytest.raises(BucketAway):
        await contents.put("a-name", b"data")
    with pytest.raises(ContentMissing):
        await contents.get("a-name")
    assert bucket.objects == {}


async def test_a_bucket_that_is_away_is_said_to_be(bucket: Bucket, settings: BucketSettings) -> None:
    contents = BucketContents(settings)
    bucket.status = 503
    with pytest.raises(BucketAway):
        await contents.put("a-name", b"data")
    with pytest.raises(BucketAway):
        await contents.delete("a-name")
    bucket.status = 200
    await contents.put("a-name", b"data")
    assert await contents.get("a-name") == b"data"


def test_without_the_library_it_says_what_to_install(settings: BucketSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'penstock\[s3\]'"):
        BucketContents(settings)


@pytest.fixture
def keeping(bucket: Bucket, tmp_path: Path, upstream: Upstream) -> Iterator[Penstock]:
    environment = {**openai_at(upstream), **bucket.environment, "PENSTOCK_SWEEP_SECONDS": "0.1"}
    installed = Penstock(folder=tmp_path, environment=environment).start()
    yield installed
    installed.kill()


def upload(client: httpx.Client) -> httpx.Response:
    return client.post("/api/attachments", files={"file": ("cat.png", picture(), "image/png")})


def test_attachments_are_in_the_bucket_and_nowhere_else(keeping: Penstock, bucket: Bucket, upstream: Upstream) -> None:
    """Sent to a model, shown to whose they are, and gone with them."""
    with keeping.client() as client:
        made = upload(client).json()
        (name,) = bucket.objects
        assert name.startswith("of/penstock/")
        assert client.get(made["url"]).content == bucket.objects[name]
        asked = {"message": "What is it?", "attachments": [{"id": made["id"]}], "model": SEEING, "responseMode": "sync"}
        answered = client.post("/api/chat", json=asked)
        assert answered.status_code == 200, answered.text
        parts: Any = upstream.requests()[-1].body["messages"][-1]["content"]
        assert [part["type"] for part in parts] == ["text", "image_url"]
        bucket.status = 500
        refused = upload(client)
        assert (refused.status_code, refused.json()["code"]) == (503, "attachments_away")
        missing = client.get(made["url"])
        assert (missing.status_code, missing.json()["code"]) == (503, "attachment_missing")
        bucket.status = 200
        assert client.get(made["url"]).status_code == 200
    assert not (keeping.folder / "attachments").exists()
    assert KEY not in keeping.log_file.read_text()


def test_doctor_tries_the_bucket(bucket: Bucket, tmp_path: Path) -> None:
    """G2."""
    cli = Penstock(folder=tmp_path, environment=bucket.environment)
    assert f"ok     Attachments: in s3://{BUCKET}/of/penstock." in cli.command("doctor").stdout
    bucket.status = 403
    wrong = cli.command("doctor")
    assert (wrong.returncode, "WRONG  Attachments: " in wrong.stdout, KEY in wrong.stdout) == (1, True, False)
    assert bucket.objects == {}
