"""What is said, written down by a real server (B14)."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from parts import Process, new_owner, process

from penstock.actor import IdentityId
from penstock.chats.speech import AUTO, AUTO_MODEL, NoTranscription, RecordingInvalid, Speech, TranscriptionFailed
from penstock.db.database import Database
from penstock.kit.tasks import TaskOwner
from penstock.providers.catalog import Catalog, VendorConfig
from penstock.providers.router import NoKey, Route, Router
from penstock.providers.transport import Transport
from upstream.process import Upstream
from upstream.script import expected_text

WEBM = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 4 + b"\r\n--not the end--\r\n"
OTHERS = {"wav": b"RIFF\x00\x00\x00\x00WAVE", "mp4": b"\x00\x00\x00\x20ftypM4A ", "ogg": b"OggS\x00"}
pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""Nothing is stored: one database will do."""


@asynccontextmanager
async def speaking(database: Database, upstream: Upstream, model: str) -> AsyncGenerator[tuple[Process, Speech]]:
    vendors = [
        VendorConfig(id="openai", base_url=upstream.base_url, api_keys=("sk-wrong", "sk-house")),
        VendorConfig(id="mistral", base_url=None),
    ]
    routes = [Route(id="route/speech", name="Speech", models=["openai/status-503", "openai/echo-3"])]
    transport, tasks = Transport(), TaskOwner()
    catalog = Catalog(vendors, transport, tasks)
    async with process(database, vendors=vendors) as ours:
        try:
            yield ours, Speech(catalog, Router(catalog, routes), ours.keys, model)
        finally:
            await tasks.cancel_all()
            await transport.close()


@pytest.fixture
def owner() -> IdentityId:
    return new_owner()


async def test_b14_what_is_said_comes_back_in_writing(
    database: Database, upstream: Upstream, owner: IdentityId
) -> None:
    async with speaking(database, upstream, "openai/echo-3") as (ours, speech):
        start = len(upstream.requests())
        assert await speech.model_for(owner) == "openai/echo-3"
        assert await speech.write_down(owner, WEBM) == expected_text("echo-3").strip()
        (seen,) = upstream.requests(start)
        assert seen.body == {"name": "recording.webm", "type": "audio/webm", "bytes": len(WEBM)}
        assert seen.authorization == "Bearer sk-house"
        await ours.keys.save(owner, "openai", "sk-of-my-own")
        for ending, data in OTHERS.items():
            await speech.write_down(owner, data)
            assert upstream.requests()[-1].body["name"] == f"recording.{ending}"
        assert upstream.requests()[-1].authorization == "Bearer sk-of-my-own"


async def test_b14_a_route_goes_on_to_the_next(database: Database, upstream: Upstream, owner: IdentityId) -> None:
    async with speaking(database, upstream, "route/speech") as (_, speech):
        assert await speech.write_down(owner, WEBM) == expected_text("echo-3").strip()


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("status-503", TranscriptionFailed),
        ("status-404", TranscriptionFailed),
        ("html-500", TranscriptionFailed),
        ("status-400", RecordingInvalid),
    ],
)
async def test_b14_what_went_wrong_is_said_without_the_provider_s_words(
    database: Database, upstream: Upstream, owner: IdentityId, model: str, error: type[Exception]
) -> None:
    async with speaking(database, upstream, f"openai/{model}") as (_, speech):
        with pytest.raises(error) as raised:
            await speech.write_down(owner, WEBM)
    assert "secret" not in str(raised.value)
    assert "sk-" not in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", json.dumps({"a": 1}).encode()])
async def test_b14_what_is_no_recording_goes_nowhere(
    database: Database, upstream: Upstream, owner: IdentityId, data: bytes
) -> None:
    async with speaking(database, upstream, "openai/echo-3") as (_, speech):
        start = len(upstream.requests())
        with pytest.raises(RecordingInvalid):
            await speech.write_down(owner, data)
        assert upstream.requests(start) == []


async def test_b14_where_nobody_can_be_asked_that_is_said(
    database: Database, upstream: Upstream, owner: IdentityId
) -> None:
    """At another address than OpenAI's own nothing is taken for granted."""
    for model, error in (("off", NoTranscription), (AUTO, NoTranscription), ("mistral/voxtral", NoKey)):
        async with speaking(database, upstream, model) as (_, speech):
            assert await speech.model_for(owner) is None
            with pytest.raises(error):
                await speech.write_down(owner, WEBM)
    async with speaking(database, upstream, "demo/tour") as (_, speech):
        with pytest.raises(NoKey):
            await speech.write_down(owner, WEBM)


async def test_b14_openai_itself_is_asked_unless_told_otherwise(database: Database, owner: IdentityId) -> None:
    """Known without asking anybody."""
    transport, tasks = Transport(), TaskOwner()
    for keys, model in ((("sk-house",), AUTO_MODEL), ((), None)):
        catalog = Catalog([VendorConfig(id="openai", api_keys=keys)], transport, tasks)
        async with process(database) as ours:
            assert await Speech(catalog, Router(catalog), ours.keys, AUTO).model_for(owner) == model
    await tasks.cancel_all()
    await transport.close()
