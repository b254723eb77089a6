"""Vendors and their models as data: addresses, names of settings, capabilities, limits and list prices.

Read in November 2026 at developers.openai.com/api/docs/models, platform.claude.com/docs/en/models,
ai.google.dev/gemini-api/docs, docs.mistral.ai, v0.app/docs/api. Prices are those of short requests, without discounts.
What a server lists (OpenRouter: everything; Google, Anthropic, vLLM, LM Studio, Mistral: limits) adds to this; a family
stands for models that came later.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from penstock.providers.base import Capabilities, Model, Price
from penstock.providers.known import Family, Known
from penstock.providers.openai import Quirks

Wire = Literal["chat", "responses", "background", "anthropic", "gemini"]
"""The wire format; `background` is `responses` with answers that go on without us."""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What is known of a vendor before asking it anything."""

    id: str
    name: str
    base_url: str
    key_variable: str | None
    """The environment's name for its key. None: it needs no key."""
    url_variable: str | None = None
    """The environment's name for another base URL."""
    key_check: str | None = "models"
    """What is fetched to see whether a key is good. None: nothing needs one, so a model is asked for a word."""
    wire: Wire = "chat"
    is_own: bool = False
    """Its server is the vendor's own: another base URL is another, merely compatible server."""
    models: tuple[Model, ...] = ()
    """Curated: the first is the default."""
    families: tuple[Family, ...] = ()
    quirks: Quirks = field(default_factory=Quirks)

    @property
    def known(self) -> Known:
        """What is known of its models."""
        return Known(provider=self.id, models=self.models, families=self.families)


def _model(
    provider: str, name: str, title: str, capabilities: Capabilities, price: tuple[float, float] | None = None
) -> Model:
    return Model(
        id=f"{provider}/{name}",
        name=title,
        provider=provider,
        capabilities=capabilities,
        price=None if price is None else Price(input=price[0], output=price[1]),
    )


def _sees(window: int, output: int | None, *, reasoning: bool = False, sampling: bool = True) -> Capabilities:
    """Return the capabilities of a model that sees images and calls tools, as nearly all do now."""
    return Capabilities(
        context_window=window, max_output=output, reasoning=reasoning, images=True, tools=True, sampling=sampling
    )


def _reads(window: int, output: int | None = None, *, reasoning: bool = False) -> Capabilities:
    """Return the capabilities of a model that reads text and calls tools."""
    return Capabilities(context_window=window, max_output=output, reasoning=reasoning, tools=True)


def _family(names: str, capabilities: Capabilities) -> Family:
    return Family(names=re.compile(names), capabilities=capabilities)


_GPT_41 = _sees(1_047_576, 32_768)
_GPT_4O = _sees(128_000, 16_384)
_GPT_5 = _sees(400_000, 128_000, reasoning=True, sampling=False)
_GPT_54 = _sees(1_050_000, 128_000, reasoning=True, sampling=False)
_O_SERIES = _sees(200_000, 100_000, reasoning=True, sampling=False)

_OPENAI = Vendor(
    id="openai",
    name="OpenAI",
    base_url="https://api.openai.com/v1",
    key_variable="OPENAI_API_KEY",
    url_variable="OPENAI_BASE_URL",
    wire="background",
    is_own=True,
    # The default streams at once: the reasoning models look dead to whoever may not see their summaries.
    models=(
        _model("openai", "gpt-4.1-mini", "GPT-4.1 mini", _GPT_41, (0.4, 1.6)),
        _model("openai", "gpt-4.1", "GPT-4.1", _GPT_41, (2, 8)),
        _model("openai", "gpt-6-astra", "GPT-6 Astra", _GPT_54, (10, 50)),
        _model("openai", "gpt-6.2-sol", "GPT-6.2 Sol", _GPT_54, (2, 10)),
        _model("openai", "gpt-6.1-terra", "GPT-6.1 Terra", _GPT_54, (1, 5)),
        _model("openai", "gpt-5.5", "GPT-5.5", _GPT_54, (5, 30)),
        _model("openai", "gpt-5.4", "GPT-5.4", _GPT_54, (2.5, 15)),
        _model("openai", "gpt-5.4-mini", "GPT-5.4 mini", _GPT_5, (0.75, 4.5)),
        _model("openai", "gpt-5.1", "GPT-5.1", _GPT_5, (1.25, 10)),
        _model("openai", "gpt-5", "GPT-5", _GPT_5, (1.25, 10)),
        _model("openai", "gpt-5-mini", "GPT-5 mini", _GPT_5, (0.25, 2)),
        _model("openai", "gpt-5-nano", "GPT-5 nano", _GPT_5, (0.05, 0.4)),
        _model("openai", "gpt-4o", "GPT-4o", _GPT_4O, (2.5, 10)),
        _model("openai", "gpt-4o-mini", "GPT-4o mini", _GPT_4O, (0.15, 0.6)),
        _model("openai", "o3", "o3", _O_SERIES, (2, 8)),
        _model("openai", "o4-mini", "o4-mini", _O_SERIES, (1.1, 4.4)),
    ),
    families=(
        _family(r"gpt-4\.1", _GPT_41),
        _family(r"gpt-4o|gpt-4\.5|gpt-4-turbo|chatgpt-4o", _GPT_4O),
        _family(r"gpt-3\.5", Capabilities(context_window=16_385, max_output=4096, tools=True)),
        _family(r"gpt-4(-\d+)?$", Capabilities(context_window=8192, max_output=8192, tools=True)),
        _family(r"o\d", _O_SERIES),
        _family(r"gpt-(5\.[4-9]|([6-9]|\d\d)(\.\d+)?)(-(astra|sol|terra|pro))?$", _GPT_54),
        # Whatever comes later has at least this.
        _family(r"gpt-([5-9]|\d\d)", _GPT_5),
        _family(r"gpt-oss", _reads(131_072, reasoning=True)),
    ),
    quirks=Quirks(
        max_tokens_field="max_completion_tokens",
        # Its list also holds embeddings, speech, images and a dated copy of each model.
        chat_models=re.compile(r"(gpt-([4-9]|\d\d)(\.\d+)?|gpt-4o|o\d)(-(mini|nano|astra|sol|terra|luna))?"),
    ),
)

_CLAUDE_5 = replace(
    _sees(1_000_000, 128_000, reasoning=True, sampling=False),
    efforts=("none", "low", "medium", "high", "xhigh", "max"),
)
_CLAUDE_46 = replace(
    _sees(1_000_000, 128_000, reasoning=True), max_temperature=1, efforts=("none", "low", "medium", "high", "max")
)


def _prefilled(window: int, output: int) -> Capabilities:
    """Return the capabilities of a Claude that goes on from the beginning of its answer, which ended with 4.5.

    It would also think, but not both at once; then text that survives is worth more.
    """
    return Capabilities(
        context_window=window, max_output=output, images=True, tools=True, max_temperature=1, continues_prefix=True
    )


_ANTHROPIC = Vendor(
    id="anthropic",
    name="Anthropic",
    base_url="https://api.anthropic.com/v1",
    key_variable="ANTHROPIC_API_KEY",
    url_variable="ANTHROPIC_BASE_URL",
    wire="anthropic",
    models=(
        _model("anthropic", "claude-sonnet-5-5", "Claude Sonnet 5.5", _CLAUDE_5, (2, 10)),
        _model("anthropic", "claude-opus-5-5", "Claude Opus 5.5", _CLAUDE_5, (4, 20)),
        _model("anthropic", "claude-fable-5-1", "Claude Fable 5.1", _CLAUDE_5, (10, 50)),
        _model("anthropic", "claude-haiku-5-5", "Claude Haiku 5.5", _CLAUDE_5, (0.1, 0.5)),
        _model("anthropic", "claude-opus-4-6", "Claude Opus 4.6", _CLAUDE_46, (5, 25)),
        _model("anthropic", "claude-sonnet-4-5", "Claude Sonnet 4.5", _prefilled(200_000, 64_000), (3, 15)),
        _model("anthropic", "claude-haiku-4-5", "Claude Haiku 4.5", _prefilled(200_000, 64_000), (1, 5)),
    ),
    families=(
        _family(r"claude-3-7|claude-(opus|sonnet|haiku)-4-5", _prefilled(200_000, 64_000)),
        _family(r"claude-(opus|sonnet|haiku)-4(-[01])?($|-\d{8})", _prefilled(200_000, 32_000)),
        _family(r"claude-3-5", _prefilled(200_000, 8192)),
        _family(r"claude-3", _prefilled(200_000, 4096)),
        _family(r"claude-(opus|sonnet)-4-6", _CLAUDE_46),
        _family(r"claude-", _CLAUDE_5),
    ),
)

_GEMINI = replace(_sees(1_048_576, 65_536, reasoning=True), efforts=("minimal", "low", "medium", "high"))
_GEMINI_25 = replace(_GEMINI, efforts=("none", "minimal", "low", "medium", "high"))

_GOOGLE = Vendor(
    id="google",
    name="Google",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    key_variable="GEMINI_API_KEY",
    url_variable="GEMINI_BASE_URL",
    wire="gemini",
    models=(
        _model("google", "gemini-3.8-flash", "Gemini 3.8 Flash", _GEMINI),
        # Until the end of November 2026 at half the price.
        _model("google", "gemini-4-argon", "Gemini 4 Argon", _GEMINI, (4, 20)),
        _model("google", "gemini-2.5-pro", "Gemini 2.5 Pro", _GEMINI, (1.25, 10)),
        _model("google", "gemini-2.5-flash", "Gemini 2.5 Flash", _GEMINI_25, (0.3, 2.5)),
        _model("google", "gemini-2.5-flash-lite", "Gemini 2.5 Flash-Lite", _GEMINI_25, (0.1, 0.4)),
    ),
    families=(
        _family(r"gemma", Capabilities(context_window=131_072, max_output=8192, images=True)),
        _family(r"gemini-(1|2\.0)", _sees(1_048_576, 8192)),
        _family(r"gemini", _GEMINI),
    ),
    # Its list also holds models of images, speech and robots, and dated copies.
    quirks=Quirks(chat_models=re.compile(r"(gemini|gemma)-(?!.*(image|tts|audio|live|embed|robot|computer|\d{3}$)).+")),
)

_NVIDIA = Vendor(
    id="nvidia",
    name="NVIDIA",
    base_url="https://integrate.api.nvidia.com/v1",
    key_variable="NVIDIA_API_KEY",
    url_variable="NVIDIA_BASE_URL",
    # Everybody may see its list.
    key_check=None,
    models=(
        _model("nvidia", "meta/llama-3.3-70b-instruct", "Llama 3.3 70B", _reads(131_072)),
        _model("nvidia", "openai/gpt-oss-120b", "gpt-oss 120B", _reads(131_072, reasoning=True)),
        _model(
            "nvidia",
            "nvidia/llama-3.3-nemotron-super-49b-v1.5",
            "Nemotron Super 49B",
            _reads(131_072, reasoning=True),
        ),
    ),
    families=(_family(r"", _reads(131_072)),),
    quirks=Quirks(
        think_tags=True,
        chat_models=re.compile(r"(?!.*(embed|rerank|guard|reward|safety|parse|clip|retriev|translate|vila|neva)).+"),
    ),
)

_MISTRAL = Vendor(
    id="mistral",
    name="Mistral",
    base_url="https://api.mistral.ai/v1",
    key_variable="MISTRAL_API_KEY",
    url_variable="MISTRAL_BASE_URL",
    models=(
        _model("mistral", "mistral-medium-latest", "Mistral Medium", _sees(262_144, None, reasoning=True), (1.5, 7.5)),
        _model("mistral", "mistral-large-latest", "Mistral Large", _sees(262_144, None)),
        _model("mistral", "mistral-small-latest", "Mistral Small", _sees(131_072, None)),
    ),
    families=(_family(r"codestral|devstral", _reads(262_144)), _family(r"", _reads(131_072))),
    quirks=Quirks(
        # It sends usage unasked, and refuses fields that it does not know.
        stream_options=False,
        chat_models=re.compile(r"(?!.*(embed|moderation|ocr|voxtral|transcribe|-\d{4}$)).+"),
    ),
)

_OPENROUTER = Vendor(
    id="openrouter",
    name="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    key_variable="OPENROUTER_API_KEY",
    url_variable="OPENROUTER_BASE_URL",
    # Everybody may see its list. Source: openrouter.ai/docs, "Limits".
    key_check="key",
    models=(_model("openrouter", "openrouter/auto", "Auto", _reads(131_072)),),
    families=(_family(r"", _reads(131_072)),),
)

_V0 = Vendor(
    id="v0",
    name="v0",
    base_url="https://api.v0.dev/v1",
    key_variable="V0_API_KEY",
    url_variable="V0_API_URL",
    models=(
        _model("v0", "v0-1.5-md", "v0 1.5 md", _sees(128_000, 32_000), (3, 15)),
        _model("v0", "v0-1.5-lg", "v0 1.5 lg", _sees(512_000, 32_000), (15, 75)),
        _model("v0", "v0-1.0-md", "v0 1.0 md", _sees(128_000, 32_000), (3, 15)),
    ),
    families=(_family(r"", _sees(128_000, 32_000)),),
    # Of `stream_options` its reference says nothing.
    quirks=Quirks(stream_options=False),
)

_LOCAL = Quirks(think_tags=True)


def _local(vendor: str, name: str, base_url: str, variable: str) -> Vendor:
    return Vendor(id=vendor, name=name, base_url=base_url, key_variable=None, url_variable=variable, quirks=_LOCAL)


VENDORS: Mapping[str, Vendor] = {
    vendor.id: vendor
    for vendor in (
        _OPENAI,
        _ANTHROPIC,
        _GOOGLE,
        _MISTRAL,
        _NVIDIA,
        _OPENROUTER,
        _V0,
        _local("ollama", "Ollama", "http://127.0.0.1:11434/v1", "OLLAMA_BASE_URL"),
        _local("lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", "LMSTUDIO_BASE_URL"),
        # Its usual address is our own.
        _local("vllm", "vLLM", "http://127.0.0.1:8000/v1", "VLLM_BASE_URL"),
    )
}
"""The vendors that are known by name. A VendorConfig with another id and a base URL is an OpenAI-compatible server."""
