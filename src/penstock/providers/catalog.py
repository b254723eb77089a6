"""Which models there are: vendors as data, what their servers list, and the way from a model's id to its provider.

VENDORS (data) + VendorConfig (keys, a base URL) ──► Catalog.models()   grouped, for people to choose from
                                                 └─► Catalog.resolve()  for a run
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, assert_never
from urllib.parse import urlsplit

from penstock.errors import InvalidInput, NotFound
from penstock.kit.tasks import TaskOwner
from penstock.providers.anthropic import AnthropicProvider
from penstock.providers.base import (
    ChatRequest,
    ChatTurn,
    ErrorKind,
    KeySource,
    Model,
    Provider,
    ProviderError,
    Timeouts,
)
from penstock.providers.demo import MODELS, DemoProvider
from penstock.providers.gemini import GeminiProvider
from penstock.providers.openai import OpenAIProvider, Quirks
from penstock.providers.pool import KeyPool
from penstock.providers.responses import ResponsesProvider
from penstock.providers.server import Where
from penstock.providers.transport import Transport
from penstock.providers.vendors import VENDORS, Vendor, Wire

logger = logging.getLogger(__name__)

LIST_SECONDS = 60.0
"""How long a server's list is used before it is asked again."""
RETRY_SECONDS = 5.0
"""How long a server that did not list its models is left alone."""
PATIENCE = 1.0
"""Seconds that a reader of the catalogue waits for servers that have not listed anything yet."""

_LIST_TIMEOUTS = Timeouts(connect=5, first_token=10, between_tokens=10)


class UnknownProvider(NotFound):
    """There is no provider of this name here that takes keys."""

    code = "provider_unknown"


class UnknownModel(InvalidInput):
    """There is no such model."""

    code = "model_unknown"


@dataclass(frozen=True, kw_only=True)
class VendorConfig:
    """What the settings say about a vendor."""

    id: str
    api_keys: Sequence[str] = field(default=(), repr=False)
    """The house's, which take turns."""
    base_url: str | None = None
    """None: the vendor's own."""
    wire: Wire | None = None
    """None: the vendor's at its own address, `chat` at another where it is known for a server of its own."""


class ListingProvider(Provider, Protocol):
    """A provider on a server, which can be asked for more than answers, with more or less patience."""

    base_url: str

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists. `timeouts` replace the usual ones."""
        ...

    async def check(self, path: str, timeouts: Timeouts) -> None:
        """Fetch what only a good key may. Raises ProviderError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Group:
    """The models of one provider, as the API lists them."""

    provider: str
    """Its id."""
    name: str
    """What a person reads."""
    models: tuple[Model, ...]
    key_source: KeySource | None = None
    """Whose key would be used; None: there is none that can be."""
    needs_key: bool = False


class Source:
    """One vendor as configured: its server, the house's keys for it, and the newest list of its models."""

    def __init__(
        self,
        vendor: Vendor,
        config: VendorConfig,
        transport: Transport,
        timeouts: Timeouts,
        clock: Callable[[], float],
    ) -> None:
        """Take what is known of the vendor, what the settings say, and a clock in seconds."""
        base_url = (config.base_url or "").strip().rstrip("/") or vendor.base_url
        # On another server, what is known of the vendor's models and habits does not hold. Another address of a vendor
        # whose format nobody else speaks is a way to the same models.
        self.custom = base_url != vendor.base_url and (vendor.is_own or vendor.key_variable is None)
        self.takes_keys = vendor.key_variable is not None
        self.pool = KeyPool(config.api_keys, clock)
        self.needs_key = self.takes_keys and not self.custom
        self.usable = not self.needs_key or bool(self.pool.secrets)
        if vendor.is_own and self.custom:
            vendor = replace(
                vendor,
                name=f"{vendor.name}-compatible ({urlsplit(base_url).netloc})",
                wire=config.wire or "chat",
                quirks=Quirks(think_tags=True),
            )
        elif config.wire is not None:
            vendor = replace(vendor, wire=config.wire)
        self._with_key = partial(_provider, vendor, base_url, transport=transport, timeouts=timeouts)
        self.provider = self.with_key(next(iter(self.pool.secrets), None))
        self.base_url = self.provider.base_url
        self._key_check = vendor.key_check
        self._known = vendor.known
        self.task: asyncio.Task[None] | None = None
        """The newest look at the server's list."""
        self.awaited = False
        """Whether a reader has waited for the first look: nobody does so again."""
        self.due = 0.0
        """When, on the catalogue's clock, the server is asked again."""
        self._curated = vendor.models
        self._listed: tuple[Model, ...] | None = None
        self._refused = False

    def with_key(self, secret: str | None) -> ListingProvider:
        """Return the way to the server with this key. Raises InvalidInput for what cannot be a key."""
        return self._with_key(api_key=secret)

    def key_source(self, *, is_own: bool) -> KeySource | None:
        """Return whose key would be used by somebody with a key of their own, or without; None: there is none."""
        if is_own:
            return "own"
        if not self.usable or (self.needs_key and self._refused):
            return None
        return "house" if self.pool.secrets else "none"

    def models(self, *, is_own: bool = False) -> tuple[Model, ...]:
        """Return what people can see: what the server lists, else what is known of it."""
        if self._listed is not None:
            return self._listed
        if self.custom:
            return ()
        usable = self.key_source(is_own=is_own) is not None
        return self._curated if usable else tuple(replace(model, available=False) for model in self._curated)

    async def check_key(self, secret: str) -> None:
        """Ask the server whether it takes this key. Raises ProviderError, and InvalidInput for what cannot be one."""
        provider = self.with_key(secret)
        try:
            if self._key_check is None:
                await self._ask_for_a_word(provider)
            else:
                await provider.check(self._key_check, _LIST_TIMEOUTS)
        except ProviderError as error:
            # OpenAI answers 403 to a restricted key that may chat but not see the list; and a key whose model is not
            # known any more was looked at first.
            is_good = error.status == 403 and self.provider.id == "openai"
            if not is_good and not (self._key_check is None and error.kind is ErrorKind.NOT_FOUND):
                raise

    async def _ask_for_a_word(self, provider: Provider) -> None:
        turns = (ChatTurn(role="user", text="Hi"),)
        name = self._curated[0].id.partition("/")[2]
        async with provider.stream(ChatRequest(model=name, turns=turns, max_tokens=1)):
            return

    def default(self, *, is_own: bool = False) -> str | None:
        """Return the model for those who choose none, or None when no model here can be asked."""
        models = [model.id for model in self.models(is_own=is_own) if model.available]
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
        return replace(self._known.find(model_id.partition("/")[2]), available=self.usable)

    async def look(self, clock: Callable[[], float]) -> None:
        """Ask the server for its list, with each key until one is taken. Without an answer it has none."""
        for secret in self.pool.secrets or (None,):
            try:
                self._listed = self._sorted(await self.with_key(secret).models(_LIST_TIMEOUTS))
            except ProviderError as error:
                logger.debug("No list of models: %s", error.message)
                # OpenAI answers 403 to a restricted key that may still chat, and 401 to one that may do nothing.
                self._refused = error.status == 401
                if secret is not None and self._refused:
                    self.pool.note(secret, error)
                    continue
            else:
                self._refused = False
                self.due = clock() + LIST_SECONDS
                return
            break
        self._listed = None
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
        self._sources = {each.id: Source(_vendor(each, vendors), each, transport, timeouts, clock) for each in configs}
        self._demo = demo or DemoProvider()
        self._tasks = tasks
        self._clock = clock

    async def models(self, own: Collection[str] = ()) -> Sequence[Group]:
        """Return the models grouped by provider, for somebody with keys of their own for these providers.

        A provider without models is left out.
        The first call waits for the servers' lists, at most PATIENCE; later ones give what is known and look again in
        the background.
        """
        await self._look()
        groups = [self._group(source, is_own=name in own) for name, source in self._sources.items()]
        groups.append(Group(provider=self._demo.id, name=self._demo.name, models=MODELS, key_source="none"))
        return [group for group in groups if group.models]

    @staticmethod
    def _group(source: Source, *, is_own: bool) -> Group:
        return Group(
            provider=source.provider.id,
            name=source.provider.name,
            models=source.models(is_own=is_own),
            key_source=source.key_source(is_own=is_own),
            needs_key=source.needs_key,
        )

    def key_takers(self) -> Mapping[str, str]:
        """Return the names of the providers that take keys, by id."""
        return {name: source.provider.name for name, source in self._sources.items() if source.takes_keys}

    def source_of(self, provider: str) -> Source | None:
        """Return where a provider's models come from; None for the demo."""
        return self._sources.get(provider)

    def server_of(self, provider: str) -> Source | None:
        """Return the server of a provider, if it is one that takes keys."""
        source = self._sources.get(provider)
        return source if source is not None and source.takes_keys else None

    async def check_key(self, provider: str, secret: str) -> None:
        """Ask a provider whether it takes this key. Raises ProviderError; UnknownProvider; InvalidInput for no key."""
        source = self.server_of(provider)
        if source is None:
            raise UnknownProvider
        await source.check_key(secret)

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

    async def default(self, own: Collection[str] = ()) -> str:
        """Return the id of the model for those who choose none: the first vendor's that can be asked, else the demo's.

        Waits as `models` does.
        """
        await self._look()
        choices = (source.default(is_own=name in own) for name, source in self._sources.items())
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


def _provider(
    vendor: Vendor, base_url: str, *, api_key: str | None, transport: Transport, timeouts: Timeouts
) -> ListingProvider:
    """Return the provider of the vendor's wire format."""
    quirks = vendor.quirks
    where = Where(
        id=vendor.id,
        name=vendor.name,
        base_url=base_url,
        api_key=api_key,
        transport=transport,
        timeouts=timeouts,
        known=vendor.known,
    )
    match vendor.wire:
        case "chat":
            return OpenAIProvider(**where, quirks=quirks)
        case "responses" | "background":
            is_background = vendor.wire == "background"
            return ResponsesProvider(**where, chat_models=quirks.chat_models, is_background=is_background)
        case "anthropic":
            return AnthropicProvider(**where)
        case "gemini":
            return GeminiProvider(**where, chat_models=quirks.chat_models)
        case _:
            assert_never(vendor.wire)


def _vendor(config: VendorConfig, vendors: Mapping[str, Vendor]) -> Vendor:
    if vendor := vendors.get(config.id):
        return vendor
    if not config.base_url or not re.fullmatch(r"[a-z0-9-]+", config.id) or config.id == DemoProvider.id:
        raise InvalidInput(f"There is no vendor {config.id!r}. One of your own needs a base URL.")
    return Vendor(
        id=config.id,
        name=config.id,
        base_url=config.base_url.strip().rstrip("/"),
        key_variable=None,
        quirks=Quirks(think_tags=True),
    )
