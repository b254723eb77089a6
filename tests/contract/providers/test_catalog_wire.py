"""The catalogue with servers that list their models, list none, or are away (C1, C4)."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from penstock.kit.tasks import TaskOwner
from penstock.providers.base import Capabilities, Price
from penstock.providers.catalog import LIST_SECONDS, Catalog, Group, VendorConfig
from penstock.providers.transport import Transport
from penstock.providers.vendors import VENDORS, Vendor
from upstream.client import asking, collect
from upstream.process import Upstream
from upstream.script import expected_text
from upstream.server import MODELS

NOWHERE = "http://127.0.0.1:1/v1"


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Catalog]


@pytest.fixture
async def make(transport: Transport, clock: Clock) -> AsyncIterator[Make]:
    tasks = TaskOwner()

    def made(*configs: VendorConfig, vendors: Mapping[str, Vendor] = VENDORS) -> Catalog:
        return Catalog(configs, transport, tasks, vendors=vendors, clock=clock)

    yield made
    await tasks.cancel_all()


def ids(groups: Sequence[Group], provider: str) -> list[str]:
    return [model.id for group in groups if group.provider == provider for model in group.models]


def custom(base_url: str, vendor: str = "openai") -> VendorConfig:
    return VendorConfig(id=vendor, base_url=base_url)


async def test_c4_models_are_grouped_by_provider_in_the_order_of_the_vendors(make: Make, upstream: Upstream) -> None:
    groups = await make(custom(upstream.base_url), custom(upstream.base_url, "ollama")).models()
    assert [group.provider for group in groups] == ["openai", "ollama", "demo"]
    assert [group.name for group in groups] == [f"OpenAI-compatible (127.0.0.1:{upstream.port})", "Ollama", "Demo"]


async def test_c1_a_custom_server_gives_the_models_it_lists(make: Make, upstream: Upstream) -> None:
    groups = await make(custom(upstream.base_url)).models()
    assert ids(groups, "openai") == [f"openai/{name}" for name in MODELS]


async def test_c1_a_server_with_a_name_of_its_own_needs_only_a_base_url(make: Make, upstream: Upstream) -> None:
    catalog = make(custom(upstream.base_url, "vllm"))
    assert ids(await catalog.models(), "vllm") == [f"vllm/{name}" for name in MODELS]
    assert await catalog.default() == f"vllm/{MODELS[0]}"


@pytest.mark.parametrize("vendor", ["openai", "ollama"])
async def test_c1_a_server_that_is_away_is_absent(make: Make, vendor: str) -> None:
    groups = await make(custom(NOWHERE, vendor)).models()
    assert [group.provider for group in groups] == ["demo"]


@pytest.mark.parametrize("path", ["refuse", "html"])
async def test_c4_a_custom_server_that_lists_nothing_has_no_models(make: Make, upstream: Upstream, path: str) -> None:
    groups = await make(custom(f"{upstream.root}/{path}/v1")).models()
    assert [group.provider for group in groups] == ["demo"]


async def test_c4_a_server_that_does_not_answer_holds_nobody_up_for_more_than_a_second(
    make: Make, upstream: Upstream
) -> None:
    catalog = make(custom(f"{upstream.root}/stall/v1"), custom(upstream.base_url, "ollama"))
    begun = time.monotonic()
    groups = await catalog.models()
    assert 0.9 < time.monotonic() - begun < 3
    assert [group.provider for group in groups] == ["ollama", "demo"]


async def test_c4_only_the_first_reader_waits(make: Make, upstream: Upstream) -> None:
    catalog = make(custom(f"{upstream.root}/stall/v1"))
    await catalog.models()
    begun = time.monotonic()
    await catalog.models()
    assert time.monotonic() - begun < 0.5


async def test_c4_a_list_is_kept_and_then_renewed_in_the_background(make: Make, clock: Clock) -> None:
    with Upstream() as server:
        catalog = make(custom(server.base_url))
        assert ids(await catalog.models(), "openai")
        server.stop()
        clock.now += LIST_SECONDS - 1
        assert ids(await catalog.models(), "openai")
        clock.now += 2
        await _eventually(catalog, [])
        server.start()
        clock.now += LIST_SECONDS
        await _eventually(catalog, [f"openai/{name}" for name in MODELS])


async def _eventually(catalog: Catalog, wanted: list[str]) -> None:
    deadline = time.monotonic() + 5
    while ids(await catalog.models(), "openai") != wanted:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_the_default_is_the_first_model_of_a_custom_server(make: Make, upstream: Upstream) -> None:
    assert await make(custom(upstream.base_url)).default() == f"openai/{MODELS[0]}"


async def test_the_default_without_openai_is_ollama_s_first(make: Make, upstream: Upstream) -> None:
    catalog = make(VendorConfig(id="openai"), custom(upstream.base_url, "ollama"))
    assert await catalog.default() == f"ollama/{MODELS[0]}"


async def test_the_default_without_any_server_is_the_demo(make: Make) -> None:
    assert await make(VendorConfig(id="openai"), custom(NOWHERE, "ollama")).default() == "demo/tour"


async def test_a_configured_server_that_is_away_is_still_the_default(make: Make) -> None:
    assert await make(custom(NOWHERE)).default() == "openai/gpt-4.1-mini"


async def test_c1_a_resolved_model_answers(make: Make, upstream: Upstream) -> None:
    provider, model = make(custom(upstream.base_url)).resolve("openai/echo-3-1")
    answer = await collect(provider, asking(model.name))
    assert answer.text == expected_text("echo-3-1")


KEYED = VendorConfig(id="openai", api_keys=("sk-test",))
CURATED = [model.id for model in VENDORS["openai"].models]


def vendors(base_url: str) -> Mapping[str, Vendor]:
    """Return what is known of OpenAI, as if its own server were at this base URL."""
    return {"openai": replace(VENDORS["openai"], base_url=base_url)}


async def test_c4_openai_with_a_key_that_is_away_has_its_curated_models(make: Make) -> None:
    catalog = make(KEYED, vendors=vendors(NOWHERE))
    groups = await catalog.models()
    assert ids(groups, "openai") == CURATED
    assert all(model.available for model in groups[0].models)
    assert await catalog.default() == CURATED[0]


async def test_c4_openai_with_a_refused_key_has_its_curated_models_but_not_available(
    make: Make, upstream: Upstream
) -> None:
    catalog = make(KEYED, vendors=vendors(f"{upstream.root}/refuse/v1"))
    groups = await catalog.models()
    assert ids(groups, "openai") == CURATED
    assert not any(model.available for model in groups[0].models)
    assert await catalog.default() == "demo/tour"


async def test_c4_of_what_openai_lists_only_models_that_chat_are_given_the_known_ones_first(make: Make) -> None:
    listed = ("whisper-1", "gpt-6", "gpt-4.1", "gpt-5.9-mini", "gpt-4.1-2025-04-14", "gpt-5", "gpt-image-1")
    with Upstream(models=listed) as server:
        catalog = make(KEYED, vendors=vendors(server.base_url))
        groups = await catalog.models()
    assert ids(groups, "openai") == ["openai/gpt-4.1", "openai/gpt-5", "openai/gpt-6", "openai/gpt-5.9-mini"]
    assert groups[0].models[0] == next(model for model in VENDORS["openai"].models if model.id == "openai/gpt-4.1")
    assert await catalog.default() == "openai/gpt-4.1"


async def test_c4_what_openrouter_lists_of_its_models_is_known(make: Make, upstream: Upstream) -> None:
    catalog = make(VendorConfig(id="openrouter", api_keys=("k",), base_url=f"{upstream.root}/router/v1"))
    (novel, some, bare) = (await catalog.models())[0].models
    assert (novel.id, novel.name) == ("openrouter/acme/novel", "Acme: Novel")
    assert novel.price == Price(input=0.3, output=2)
    assert novel.capabilities == Capabilities(
        context_window=65_536, max_output=4096, images=True, tools=True, reasoning=True
    )
    assert (some.name, some.price) == ("Acme: Any", None)
    assert (bare.name, bare.capabilities.context_window) == ("acme/bare", 131_072)


async def test_c4_what_anthropic_lists_of_its_models_is_known(make: Make, upstream: Upstream) -> None:
    catalog = make(VendorConfig(id="anthropic", api_keys=("k",), base_url=f"{upstream.root}/claude/v1"))
    (known, novel) = (await catalog.models())[0].models
    assert (known.name, known.capabilities.continues_prefix) == ("Claude Haiku 4.5", True)
    assert known.price == Price(input=1, output=5)
    assert (novel.id, novel.name) == ("anthropic/claude-novel-9", "Claude Novel 9")
    assert (novel.capabilities.context_window, novel.capabilities.max_output) == (2_000_000, 256_000)


async def test_c4_what_google_lists_of_its_models_is_known(make: Make, upstream: Upstream) -> None:
    catalog = make(VendorConfig(id="google", api_keys=("k",), base_url=f"{upstream.root}/v1beta"))
    (novel,) = (await catalog.models())[0].models
    assert (novel.id, novel.name) == ("google/gemini-9-novel", "Gemini 9 Novel")
    assert (novel.capabilities.context_window, novel.capabilities.max_output) == (5_000_000, 100_000)
    assert novel.capabilities.reasoning
