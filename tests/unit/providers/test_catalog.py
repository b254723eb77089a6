"""The catalogue where no server is asked (C4); with servers see tests/contract."""

import pytest

from penstock.errors import InvalidInput
from penstock.kit.tasks import TaskOwner
from penstock.providers.base import Model
from penstock.providers.catalog import VENDORS, Catalog, UnknownModel, VendorConfig
from penstock.providers.transport import Transport

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


@pytest.mark.parametrize("key", [None, "", "  \n"])
async def test_c4_a_blank_key_is_no_key(key: str | None) -> None:
    config = VendorConfig(id="openai", api_key=key, base_url="")
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
    assert model == Model(id="openai/meta/llama:70b", name="meta/llama:70b", provider="openai")


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
    assert "secret" not in repr(VendorConfig(id="openai", api_key="sk-secret"))


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
