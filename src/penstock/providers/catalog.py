"""Which models there are: vendors as data, what their servers list, and the way from a model's id to its provider.

VENDORS (data) + VendorConfig (a key, a base URL) ──► Catalog.models()   grouped, for people to choose from
                                                  └─► Catalog.resolve()  for a run
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from penstock.errors import InvalidInput
from penstock.kit.tasks import TaskOwner
from penstock.providers.base import Capabilities, Model, Provider, ProviderError, Timeouts
from penstock.providers.demo import MODELS, DemoProvider
from penstock.providers.openai import OpenAIProvider, Quirks
from penstock.providers.transport import Transport

logger = logging.getLogger(__name__)

LIST_SECONDS = 60.0
"""How long a server's list is used before it is asked again."""
RETRY_SECONDS = 5.0
"""How long a server that did not list its models is left alone."""
PATIENCE = 1.0
"""Seconds that a reader of the catalogue waits for servers that have not listed anything yet."""

_LIST_TIMEOUTS = Timeouts(connect=5, first_token=10, between_tokens=10)


class UnknownModel(InvalidInput):
    """There is no such model."""

    code = "model_unknown"


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
    models: tuple[Model, ...] = ()
    """Curated: the first is the default."""
    quirks: Quirks = field(default_factory=Quirks)


@dataclass(frozen=True, kw_only=True)
class VendorConfig:
    """What the settings say about a vendor."""

    id: str
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    """None: the vendor's own."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The models of one provider, as the API lists them."""

    provider: str
    """Its id."""
    name: str
    """What a person reads."""
    models: tuple[Model, ...]


def _openai(name: str, title: str, window: int, *, reasoning: bool = False) -> Model:
    capabilities = Capabilities(context_window=window, reasoning=reasoning)
    return Model(id=f"openai/{name}", name=title, provider="openai", capabilities=capabilities)


VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor(
        id="openai",
        name="OpenAI",
        base_url="https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
        url_variable="OPENAI_BASE_URL",
        # Windows as on platform.openai.com/docs/models. The default streams at once: the wire carries no reasoning
        # text of OpenAI's models, so the others look dead while they think.
        models=(
            _openai("gpt-4.1-mini", "GPT-4.1 mini", 1_047_576),
            _openai("gpt-4.1", "GPT-4.1", 1_047_576),
            _openai("gpt-5.1", "GPT-5.1", 400_000, reasoning=True),
            _openai("gpt-5", "GPT-5", 400_000, reasoning=True),
            _openai("gpt-5-mini", "GPT-5 mini", 400_000, reasoning=True),
            _openai("gpt-5-nano", "GPT-5 nano", 400_000, reasoning=True),
            _openai("gpt-4o", "GPT-4o", 128_000),
            _openai("gpt-4o-mini", "GPT-4o mini", 128_000),
            _openai("o3", "o3", 200_000, reasoning=True),
            _openai("o4-mini", "o4-mini", 200_000, reasoning=True),
        ),
        quirks=Quirks(
            max_tokens_field="max_completion_tokens",
            # Its list also holds embeddings, speech, images and a dated copy of each model.
            chat_models=re.compile(r"(gpt-[4-9](\.\d+)?|gpt-4o|o\d)(-(mini|nano))?"),
        ),
    ),
    "ollama": Vendor(id="ollama", name="Ollama", base_url="http://127.0.0.1:11434/v1", key_variable=None),
}
"""The vendors that are known by name. A VendorConfig with another id and a base URL is an OpenAI-compatible server."""


class _Source:
    """One vendor as configured: its provider, and the newest list of its models."""

    def __init__(self, vendor: Vendor, config: VendorConfig, transport: Transport, timeouts: Timeouts) -> None:
        base_url = (config.base_url or "").strip().rstrip("/") or vendor.base_url
        # On another server, what is known of the vendor's models and habits does not hold.
        self.custom = base_url != vendor.base_url
        self.usable = self.custom or vendor.key_variable is None or bool((config.api_key or "").strip())
        self.provider = OpenAIProvider(
            id=vendor.id,
            name=f"{vendor.name}-compatible ({urlsplit(base_url).netloc})"
            if self.custom and vendor.key_variable
            else vendor.name,
            base_url=base_url,
            api_key=config.api_key,
            transport=transport,
            timeouts=timeouts,
            quirks=Quirks() if self.custom else vendor.quirks,
            default_models=vendor.models,
        )
        self.task: asyncio.Task[None] | None = None
        """The newest look at the server's list."""
        self.awaited = False
        """Whether a reader has waited for the first look: nobody does so again."""
        self.due = 0.0
        """When, on the catalogue's clock, the server is asked again."""
        self._curated = vendor.models
        self._listed: tuple[Model, ...] | None = None
        self._refused = False

    def models(self) -> tuple[Model, ...]:
        """Return what people can see: what the server lists, else what is known of it."""
        if self._listed is not None:
            return self._listed
        if self.custom:
            return ()
        usable = self.usable and not self._refused
        return self._curated if usable else tuple(replace(model, available=False) for model in self._curated)

    def default(self) -> str | None:
        """Return the model for those who choose none, or None when no model here can be asked."""
        models = [model.id for model in self.models() if model.available]
        curated = [model.id for model in self._curated]
        if models:
            return curated[0] if curated and curated[0] in models else models[0]
        # A server that was configured is not passed over because it is away: its error says more than a demo would.
        return curated[0] if curated and self.custom else None

    def find(self, model_id: str) -> Model:
        """Return the model of this id. One that nobody listed is taken at its word: the server knows best."""
        for model in (*self.models(), *self._curated):
            if model.id == model_id:
                return model
        name = model_id.partition("/")[2]
        return Model(id=model_id, name=name, provider=self.provider.id, available=self.usable)

    async def look(self, clock: Callable[[], float]) -> None:
        """Ask the server for its list. Without an answer it has none."""
        try:
            self._listed = self._sorted(await self.provider.models(_LIST_TIMEOUTS))
            self._refused = False
            self.due = clock() + LIST_SECONDS
        except ProviderError as error:
            logger.debug("No list of models: %s", error.message)
            self._listed = None
            # OpenAI answers 403 to a restricted key that may still chat, and 401 to one that may do nothing.
            self._refused = error.status == 401
            self.due = clock() + RETRY_SECONDS

    def _sorted(self, listed: Sequence[Model]) -> tuple[Model, ...]:
        """Return the curated models first, in our order; then the others, in the server's."""
        order = {model.id: place for place, model in enumerate(self._curated)}
        return tuple(sorted(listed, key=lambda model: order.get(model.id, len(order))))


class Catalog:
    """The models that this installation offers."""

    def __init__(
        self,
        configs: Sequence[VendorConfig],
        transport: Transport,
        tasks: TaskOwner,
        *,
        vendors: Mapping[str, Vendor] = VENDORS,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        demo: DemoProvider | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the vendors to offer, in order, what they share, and a clock in seconds. The demo comes last.

        `vendors` is what is known of them.

        Raises InvalidInput for a vendor that is not known and has no base URL, and for unusable keys and URLs.
        """
        self._sources = {each.id: _Source(_vendor(each, vendors), each, transport, timeouts) for each in configs}
        self._demo = demo or DemoProvider()
        self._tasks = tasks
        self._clock = clock

    async def models(self) -> Sequence[Group]:
        """Return the models grouped by provider; a provider without models is left out.

        The first call waits for the servers' lists, at most PATIENCE; later ones give what is known and look again in
        the background.
        """
        await self._look()
        providers = [(source.provider.id, source.provider.name, source.models()) for source in self._sources.values()]
        providers.append((self._demo.id, self._demo.name, MODELS))
        return [Group(provider=vendor, name=name, models=models) for vendor, name, models in providers if models]

    def resolve(self, model_id: str) -> tuple[Provider, Model]:
        """Return who answers for this model; see whether it is `available` before asking. Raises UnknownModel.

        A configured vendor's model that is not listed is accepted: its server may know more than it lists.
        """
        vendor, _, name = model_id.partition("/")
        for model in MODELS:
            if model.id == model_id:
                return self._demo, model
        source = self._sources.get(vendor)
        if source is None or not name:
            raise UnknownModel(model=model_id[:200])
        return source.provider, source.find(model_id)

    async def default(self) -> str:
        """Return the id of the model for those who choose none: the first vendor's that can be asked, else the demo's.

        Waits as `models` does.
        """
        await self._look()
        choices = (source.default() for source in self._sources.values())
        return next((choice for choice in choices if choice is not None), MODELS[0].id)

    async def _look(self) -> None:
        """Look again at lists that are due, and wait for those that nobody has waited for."""
        usable = [source for source in self._sources.values() if source.usable]
        for source in usable:
            if self._clock() >= source.due and (source.task is None or source.task.done()):
                source.task = self._tasks.spawn(source.look(self._clock), f"list models of {source.provider.id}")
        first = [source.task for source in usable if source.task is not None and not source.awaited]
        if first:
            await asyncio.wait(first, timeout=PATIENCE)
        for source in usable:
            source.awaited = True


def _vendor(config: VendorConfig, vendors: Mapping[str, Vendor]) -> Vendor:
    if vendor := vendors.get(config.id):
        return vendor
    if not config.base_url or not re.fullmatch(r"[a-z0-9-]+", config.id) or config.id == DemoProvider.id:
        raise InvalidInput(f"There is no vendor {config.id!r}. One of your own needs a base URL.")
    return Vendor(id=config.id, name=config.id, base_url=config.base_url.strip().rstrip("/"), key_variable=None)
