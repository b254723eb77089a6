"""Answers that are asked for another way, and what is kept of it: real databases, a real server (B6, C3, C5)."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from parts import Process, new_owner, process

from penstock.actor import Actor, IdentityId
from penstock.chats.model import Message
from penstock.chats.sending import Send
from penstock.chats.settings import SettingInvalid
from penstock.db.database import Database
from penstock.providers.catalog import VendorConfig
from penstock.providers.router import NoKey, Route
from upstream.process import Upstream
from upstream.script import expected_text

ECHO = "openai/echo-3"


def route(name: str, *models: str) -> Route:
    return Route(id=f"route/{name}", name=name, models=models)


FIRSTS = {
    "busy": ("openai/status-503", "provider_overloaded"),
    "broken": ("openai/html-500", "provider_server"),
    "limited": ("openai/limit-1", "provider_rate_limit"),
    "away": ("away/x", "provider_unreachable"),
    "gone": ("openai/reset-0", "provider_truncated"),
    "keyless": ("mistral/mistral-small-latest", "no_key"),
}
ROUTES = [
    *(route(name, first, ECHO) for name, (first, _) in FIRSTS.items()),
    route("refused", "openai/status-400", ECHO),
    route("late", "openai/error-3", ECHO),
    route("hopeless", "away/x", "openai/status-404"),
]


@pytest.fixture
async def ours(database: Database, upstream: Upstream) -> AsyncIterator[Process]:
    vendors = [
        VendorConfig(id="openai", base_url=upstream.base_url, api_keys=("sk-house",)),
        VendorConfig(id="pooled", base_url=upstream.base_url, api_keys=("sk-wrong", "sk-limited", "sk-good")),
        VendorConfig(id="away", base_url="http://127.0.0.1:1/v1"),
        VendorConfig(id="mistral"),
    ]
    async with process(database, vendors=vendors, routes=ROUTES) as started, started.working():
        yield started


async def answer(ours: Process, send: Send, owner: IdentityId | None = None) -> Message:
    owner = owner or new_owner()
    run = await ours.sending.send(owner, send)
    async with asyncio.timeout(30):
        await ours.runs.ended(Actor(owner), run.id)
    return await ours.chats.message(Actor(owner), run.chat_id, run.message_id)


@pytest.mark.parametrize("name", FIRSTS)
async def test_c5_an_answer_comes_from_the_next_model_and_says_why(ours: Process, name: str) -> None:
    message = await answer(ours, Send(text="Hello", model=f"route/{name}"))
    assert (message.status, message.text, message.model) == ("completed", expected_text("echo-3"), f"route/{name}")
    assert message.record is not None
    made = {key: message.record[key] for key in ("model", "provider", "keySource", "route", "reason", "cost")}
    assert made == {
        "model": ECHO,
        "provider": "openai",
        "keySource": "house",
        "route": f"route/{name}",
        "reason": FIRSTS[name][1],
        "cost": None,
    }
    assert 0 <= message.record["firstTokenMs"] <= message.record["totalMs"]


async def test_c5_routes_are_listed_before_all_else(ours: Process) -> None:
    (group, *_) = await ours.router.models()
    assert (group.provider, group.name) == ("route", "Routes")
    assert [model.id for model in group.models] == [route.id for route in ROUTES]


async def test_c5_a_request_that_is_refused_is_asked_nowhere_else(ours: Process) -> None:
    message = await answer(ours, Send(text="Hello", model="route/refused"))
    assert (message.status, message.error and message.error.code) == ("failed", "provider_bad_request")
    assert message.record is not None
    assert message.record["model"] == "openai/status-400"


async def test_c5_after_the_first_token_nobody_else_is_asked(ours: Process) -> None:
    message = await answer(ours, Send(text="Hello", model="route/late"))
    assert (message.status, message.text) == ("failed", expected_text("error-3"))


async def test_c5_where_all_fail_each_is_told_of_under_the_last_one_s_code(ours: Process) -> None:
    message = await answer(ours, Send(text="Hello", model="route/hopeless"))
    assert message.error is not None
    assert (message.status, message.error.code) == ("failed", "provider_model_not_found")
    assert re.fullmatch(r"None of 2 models answered\. x: .+\. status-404: .+\.", message.error.message)


async def test_c3_the_house_s_keys_are_tried_until_one_is_taken(ours: Process, upstream: Upstream) -> None:
    start = len(upstream.requests())
    for _ in range(2):
        message = await answer(ours, Send(text="Hello", model="pooled/echo-3"))
        assert message.text == expected_text("echo-3")
    assert [seen.authorization for seen in upstream.requests(start)] == ["Bearer sk-good"] * 2


async def test_c3_one_s_own_key_is_used_before_the_house_s(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    await ours.keys.save(owner, "openai", "sk-of-my-own")
    message = await answer(ours, Send(text="Hello", model=ECHO), owner)
    assert upstream.requests()[-1].authorization == "Bearer sk-of-my-own"
    assert message.record is not None
    assert message.record["keySource"] == "own"
    await answer(ours, Send(text="Hello", model=ECHO))
    assert upstream.requests()[-1].authorization == "Bearer sk-house"


async def test_c4_a_model_without_a_key_is_refused_and_nothing_is_stored(ours: Process) -> None:
    owner = new_owner()
    with pytest.raises(NoKey):
        await ours.sending.send(owner, Send(text="Hello", model="mistral/mistral-small-latest"))
    assert (await ours.chats.list(Actor(owner), limit=5, offset=0, cursor=None)).items == []


async def test_b6_settings_out_of_the_model_s_range_are_refused_and_nothing_is_stored(ours: Process) -> None:
    owner = new_owner()
    for settings in ({"maxTokens": 40_000}, {"reasoningEffort": "high"}):
        with pytest.raises(SettingInvalid):
            await ours.sending.send(owner, Send(text="Hello", model="demo/tour", settings=settings))
    assert (await ours.chats.list(Actor(owner), limit=5, offset=0, cursor=None)).items == []


async def test_b6_an_answer_is_made_anew_with_the_same_model_and_settings(ours: Process, upstream: Upstream) -> None:
    owner = new_owner()
    settings = {"maxTokens": 2, "temperature": 0.5, "reasoningEffort": "low", "systemPrompt": "Be brief."}
    first = await answer(ours, Send(text="Hello", model=ECHO, settings=settings), owner)
    assert (first.settings, first.text) == (settings, expected_text("echo-3", 2))
    assert upstream.requests()[-1].body["reasoning_effort"] == "low"
    await answer(ours, Send(text="Hello", model="demo/tour", chat_id=first.chat_id), owner)
    again = Send(trigger="regenerate-message", chat_id=first.chat_id, message_id=first.id)
    second = await answer(ours, again, owner)
    assert (second.id != first.id, second.model, second.settings, second.text) == (True, ECHO, settings, first.text)
    without = replace(again, settings={})
    assert (await answer(ours, without, owner)).text == expected_text("echo-3")
    elsewhere = await answer(ours, replace(again, model="demo/tour"), owner)
    assert (elsewhere.status, elsewhere.settings) == ("completed", {"systemPrompt": "Be brief."})


async def test_b6_an_answer_costs_what_its_tokens_cost(database: Database) -> None:
    async with process(database) as ours, ours.working():
        message = await answer(ours, Send(text="Hello", model="demo/tour"))
    assert message.record is not None
    assert (message.record["provider"], message.record["keySource"], message.record["cost"]) == ("demo", "none", None)
