"""The catalogue where no server is asked (C4); with servers see tests/contract."""

import pytest

from penstock.errors import InvalidInput
from penstock.kit.tasks import TaskOwner
from penstock.providers.anthropic import AnthropicProvider
from penstock.providers.base import Attachable, Model
from penstock.providers.catalog import Catalog, UnknownModel, VendorConfig
from penstock.providers.gemini import GeminiProvider
from penstock.providers.openai import OpenAIProvider
from penstock.providers.responses import ResponsesProvider
from penstock.providers.transport import Transport
from penstock.providers.vendors import VENDORS

NO_KEY = VendorConfig(id="openai")


def catalog(*vendors: VendorConfig) -> Catalog:
    return Catalog(vendors, Transport(), TaskOwner())


async def test_c1_without_anything_there_is_the_demo() -> None:
    groups = await catalog().models()
    assert [(group.provider, [model.id for model in group.models]) for group in groups] == [
        ("demo", ["demo/tour", "demo/long"])
    ]
    assert await catalog().default() == "demo/tour"


async def test_c4_models_without_a_key_are_listed_but_not_available() -> None:
    groups = await catalog(NO_KEY).models()
    assert [group.provider for group in groups] == ["openai", "demo"]
    assert [model.id for model in groups[0].models] == [model.id for model in VENDORS["openai"].models]
    assert not any(model.available for model in groups[0].models)


@pytest.mark.parametrize("keys", [(), ("",), ("  \n", "")])
async def test_c4_a_blank_key_is_no_key(keys: tuple[str, ...]) -> None:
    config = VendorConfig(id="openai", api_keys=keys, base_url="")
    assert await catalog(config).default() == "demo/tour"


def test_c4_a_model_without_a_key_resolves_as_not_available() -> None:
    provider, model = catalog(NO_KEY).resolve("openai/gpt-4.1")
    assert provider.id == "openai"
    assert not model.available
    assert model.capabilities.context_window == 1_047_576


def test_the_demo_resolves() -> None:
    provider, model = catalog().resolve("demo/long")
    assert (provider.id, model.id, model.is_demo) == ("demo", "demo/long", True)


def test_a_model_that_nobody_listed_is_passed_through() -> None:
    config = VendorConfig(id="openai", base_url="http://127.0.0.1:1/v1")
    provider, model = catalog(config).resolve("openai/meta/llama:70b")
    assert provider.id == "openai"
    assert model == Model(id="openai/meta/llama:70b", name="meta/llama:70b", provider="openai", is_known=False)


@pytest.mark.parametrize(
    "name", ["", "gpt-4.1", "openai/", "openai", "/x", "demo/", "demo/nonsense", "nobody/x", "ollama/x"]
)
def test_an_unknown_model_is_an_invalid_input_with_its_code(name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        catalog(NO_KEY).resolve(name)
    assert isinstance(caught.value, InvalidInput)
    assert caught.value.code == "model_unknown"


@pytest.mark.parametrize("vendor", ["nobody", "demo", "a/b"])
def test_a_vendor_that_nobody_knows_is_refused(vendor: str) -> None:
    with pytest.raises(InvalidInput):
        catalog(VendorConfig(id=vendor))


def test_keys_are_not_in_the_repr() -> None:
    assert "secret" not in repr(VendorConfig(id="openai", api_keys=("sk-secret",)))


def test_curated_models_belong_to_their_vendor() -> None:
    for vendor in VENDORS.values():
        for model in vendor.models:
            assert model.id.startswith(f"{vendor.id}/")
            assert model.provider == vendor.id


@pytest.mark.parametrize(
    ("name", "chats"),
    [
        ("gpt-4.1-mini", True),
        ("gpt-5", True),
        ("gpt-5.4-mini", True),
        ("gpt-4o", True),
        ("o4-mini", True),
        ("gpt-4o-2024-08-06", False),
        ("gpt-4o-audio-preview", False),
        ("gpt-5-pro", False),
        ("gpt-image-1", False),
        ("text-embedding-3-small", False),
        ("whisper-1", False),
    ],
)
def test_openai_s_list_is_reduced_to_models_that_chat(name: str, chats: bool) -> None:  # a table
    pattern = VENDORS["openai"].quirks.chat_models
    assert pattern is not None
    assert (pattern.fullmatch(name) is not None) is chats


@pytest.mark.parametrize(
    ("name", "window", "output", "reasoning"),
    [
        ("openai/gpt-6.2-sol", 1_050_000, 128_000, True),
        ("openai/gpt-9-astra", 1_050_000, 128_000, True),
        ("openai/gpt-9-mini", 400_000, 128_000, True),
        ("openai/gpt-5.2-codex", 400_000, 128_000, True),
        ("openai/gpt-4.1-2025-04-14", 1_047_576, 32_768, False),
        ("openai/chatgpt-4o-latest", 128_000, 16_384, False),
        ("openai/o5", 200_000, 100_000, True),
        ("openai/gpt-4", 8192, 8192, False),
        ("anthropic/claude-opus-9", 1_000_000, 128_000, True),
        ("anthropic/claude-haiku-4-5-20251001", 200_000, 64_000, False),
        ("google/gemini-9-flash", 1_048_576, 65_536, True),
        ("nvidia/acme/novel-70b", 131_072, None, False),
        ("mistral/ministral-9", 131_072, None, False),
        ("openrouter/acme/novel", 131_072, None, False),
        ("v0/v0-9-md", 128_000, 32_000, False),
    ],
)
def test_c4_a_model_that_came_later_is_like_its_family(
    name: str, window: int, output: int | None, reasoning: bool
) -> None:  # a table
    config = VendorConfig(id=name.partition("/")[0], api_keys=("k",))
    capabilities = catalog(config).resolve(name)[1].capabilities
    assert (capabilities.context_window, capabilities.max_output) == (window, output)
    assert capabilities.reasoning is reasoning


@pytest.mark.parametrize(
    ("name", "goes_on"),
    [
        ("claude-haiku-4-5", True),
        ("claude-sonnet-4-5-20250929", True),
        ("claude-opus-4-20250514", True),
        ("claude-3-5-haiku-latest", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-5-5", False),
        ("claude-fable-9", False),
    ],
)
def test_a7_only_claudes_before_4_6_go_on_from_a_prefix(name: str, goes_on: bool) -> None:  # a table
    capabilities = VENDORS["anthropic"].known.find(name).capabilities
    assert capabilities.continues_prefix is goes_on
    assert not (goes_on and capabilities.reasoning), "not both at once"


@pytest.mark.parametrize(
    ("config", "kind", "is_attachable"),
    [
        (VendorConfig(id="openai", api_keys=("k",)), ResponsesProvider, True),
        (VendorConfig(id="openai", base_url="http://127.0.0.1:1/v1"), OpenAIProvider, False),
        (VendorConfig(id="openai", base_url="http://127.0.0.1:1/v1", wire="background"), ResponsesProvider, True),
        (VendorConfig(id="openai", api_keys=("k",), wire="chat"), OpenAIProvider, False),
        (VendorConfig(id="anthropic", api_keys=("k",)), AnthropicProvider, False),
        (VendorConfig(id="google", api_keys=("k",)), GeminiProvider, False),
        (VendorConfig(id="mistral", api_keys=("k",)), OpenAIProvider, False),
        (VendorConfig(id="acme", base_url="http://127.0.0.1:1/v1"), OpenAIProvider, False),
    ],
)
def test_c1_every_vendor_is_spoken_to_in_its_format(config: VendorConfig, kind: type, is_attachable: bool) -> None:
    provider, _ = catalog(config).resolve(f"{config.id}/x")
    assert isinstance(provider, kind)
    assert isinstance(provider, Attachable) is is_attachable


def test_c1_the_vendors_are_those_that_were_promised() -> None:
    known = {"openai", "anthropic", "google", "nvidia", "mistral", "openrouter", "v0", "ollama", "vllm", "lmstudio"}
    assert set(VENDORS) == known
    assert VENDORS["v0"].key_variable == "V0_API_KEY"
    assert VENDORS["v0"].url_variable == "V0_API_URL"


def test_c1_another_address_of_a_vendor_is_a_way_to_the_same_models() -> None:
    config = VendorConfig(id="anthropic", api_keys=("k",), base_url="http://127.0.0.1:1/v1")
    provider, model = catalog(config).resolve("anthropic/claude-haiku-4-5")
    assert provider.name == "Anthropic"
    assert model.capabilities.context_window == 200_000
