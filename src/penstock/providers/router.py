"""Which model is asked with whose key, and what next when that fails before the first token. Policy without IO.

Router.journey(model or route) ──► begin()        the first way that can be gone: a model, a server, a key
└──► after(error)   the next: another key of the house, then the route's next model
"""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from penstock.errors import Conflict, InvalidInput
from penstock.providers.base import Capabilities, ErrorKind, KeySource, Model, Provider, ProviderError
from penstock.providers.catalog import Catalog, Group, Source

ROUTES: Final = "route"
"""The first part of the ids of routes, where models have their provider."""

FALLBACKS: Final = frozenset(
    {
        ErrorKind.CONNECT,
        ErrorKind.SERVER,
        ErrorKind.OVERLOADED,
        ErrorKind.RATE_LIMIT,
        ErrorKind.TIMEOUT_FIRST,
        ErrorKind.TRUNCATED,
    }
)
"""After these another model may do better; the other errors are about the request or the key."""
_OF_KEYS: Final = frozenset({ErrorKind.AUTH, ErrorKind.RATE_LIMIT})

NO_KEY: Final = "no_key"
RESTING: Final = "keys_resting"


class NoKey(Conflict):
    """This model cannot be asked: there is no API key for its provider. You can add one in the settings."""

    code = NO_KEY


@dataclass(frozen=True, kw_only=True)
class Route:
    """Models to be asked one after the other, under one name."""

    id: str
    """`route/name`."""
    name: str
    """What a person reads."""
    models: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to ask."""

    provider: Provider
    model: Model
    key_source: KeySource
    secret: str | None = field(default=None, repr=False)
    route: str | None = None
    """The route that it belongs to."""
    reason: str | None = None
    """Why it is not the first of its route: the code of what went wrong there."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A model on the way, with what is needed to ask it."""

    provider: Provider
    model: Model
    source: Source | None
    """None: it is the demo."""
    own: str | None = field(default=None, repr=False)
    """The person's own key."""

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be asked, or should not be just now."""
        if self.source is None or self.own is not None:
            return None
        if self.source.pool.secrets:
            return None if self.source.pool.is_free else RESTING
        return NO_KEY if self.source.needs_key else None


class Journey:
    """The ways of one answer, one after the other. Each key of each model is tried once."""

    def __init__(self, stops: Sequence[Stop], route: str | None = None) -> None:
        """Take the models in order."""
        self._stops = stops
        self._route = route
        self._at = 0
        self._tried: set[str] = set()
        self._way: Way | None = None

    def begin(self) -> Way:
        """Return the first way that can be gone. Raises NoKey."""
        way = self._from(0, None)
        if way is None:
            raise NoKey
        return way

    def after(self, error: ProviderError) -> Way | None:
        """Return the next way after this error on the last one, if there is one that may do better."""
        way, stop = self._way, self._stops[self._at]
        assert way is not None, "it has begun"
        goes_on = error.kind in FALLBACKS
        if way.key_source == "house" and way.secret is not None and stop.source is not None:
            stop.source.pool.note(way.secret, error)
            # A key of the house that is refused is the house's business. Of their own a person should hear.
            goes_on = goes_on or error.kind is ErrorKind.AUTH
            if error.kind in _OF_KEYS and (secret := stop.source.pool.take(self._tried, only_free=True)):
                return self._with(stop, "house", secret, way.reason)
        return self._from(self._at + 1, error.kind.value) if goes_on else None

    def _from(self, start: int, reason: str | None) -> Way | None:
        """Go on to the next model that can be asked at once; else to one whose keys rest, which is better than none."""
        obstacles = [(at, self._stops[at].obstacle) for at in range(start, len(self._stops))]
        for bearable in (None, RESTING):
            for at, obstacle in obstacles:
                if obstacle == bearable:
                    passed = next((each for before, each in obstacles if before < at), None)
                    return self._go(at, reason or passed)
        return None

    def _go(self, at: int, reason: str | None) -> Way:
        self._at, self._tried = at, set()
        stop = self._stops[at]
        if stop.own is not None:
            return self._with(stop, "own", stop.own, reason)
        secret = None if stop.source is None else stop.source.pool.take()
        return self._with(stop, "none" if secret is None else "house", secret, reason)

    def _with(self, stop: Stop, source: KeySource, secret: str | None, reason: str | None) -> Way:
        if secret is not None:
            self._tried.add(secret)
        provider = stop.provider if stop.source is None or secret is None else stop.source.with_key(secret)
        self._way = Way(
            provider=provider, model=stop.model, key_source=source, secret=secret, route=self._route, reason=reason
        )
        return self._way


class Router:
    """The models of the catalogue and the routes over them, as each person can use them."""

    def __init__(self, catalog: Catalog, routes: Sequence[Route] = ()) -> None:
        """Take the catalogue and the routes. Raises UnknownModel for a route over a model that nobody has."""
        self._catalog = catalog
        self._routes = {route.id: route for route in routes}
        for route in routes:
            for model in route.models:
                catalog.resolve(model)

    async def models(self, own: Collection[str] = ()) -> Sequence[Group]:
        """Return all that can be asked, grouped, for somebody with keys of their own for these providers."""
        groups = await self._catalog.models(own)
        if not self._routes:
            return groups
        routes = tuple(self.resolve(route, own) for route in self._routes)
        return [Group(provider=ROUTES, name="Routes", models=routes), *groups]

    async def default(self, own: Collection[str] = ()) -> str:
        """Return the id of the model for those who choose none."""
        return await self._catalog.default(own)

    def resolve(self, model_id: str, own: Collection[str] = ()) -> Model:
        """Return a model, or a route as if it were one, and whether this person can ask it. Raises UnknownModel."""
        if (route := self._routes.get(model_id)) is not None:
            members = [self.resolve(each, own) for each in route.models]
            return Model(
                id=route.id,
                name=route.name,
                provider=ROUTES,
                capabilities=_common([member.capabilities for member in members]),
                available=any(member.available for member in members),
            )
        _, model = self._catalog.resolve(model_id)
        return replace(model, available=self.key_source(model_id, own) is not None)

    def key_source(self, model_id: str, own: Collection[str] = ()) -> KeySource | None:
        """Return whose key a model or route would be asked with; None: none is there. Raises UnknownModel."""
        if (route := self._routes.get(model_id)) is not None:
            return next(filter(None, (self.key_source(each, own) for each in route.models)), None)
        provider, _ = self._catalog.resolve(model_id)
        source = self._catalog.source_of(provider.id)
        return "none" if source is None else source.key_source(is_own=provider.id in own)

    def providers(self, model_id: str) -> Sequence[str]:
        """Return the providers that may be asked for a model or route. Raises UnknownModel."""
        return [self._catalog.resolve(each)[0].id for each in self._members(model_id)]

    def journey(self, model_id: str, own: Mapping[str, str]) -> Journey:
        """Return the ways of one answer, for somebody with these keys by provider. Raises UnknownModel."""
        stops: list[Stop] = []
        for each in self._members(model_id):
            provider, model = self._catalog.resolve(each)
            source = self._catalog.source_of(provider.id)
            stops.append(Stop(provider=provider, model=model, source=source, own=own.get(provider.id)))
        return Journey(stops, model_id if model_id in self._routes else None)

    def _members(self, model_id: str) -> Sequence[str]:
        route = self._routes.get(model_id)
        return [model_id] if route is None else route.models


def _common(all_of_them: Sequence[Capabilities]) -> Capabilities:
    """Return what each of the models can do."""
    outputs = [each.max_output for each in all_of_them if each.max_output is not None]
    return Capabilities(
        context_window=min(each.context_window for each in all_of_them),
        max_output=min(outputs, default=None),
        reasoning=all(each.reasoning for each in all_of_them),
        images=all(each.images for each in all_of_them),
        tools=all(each.tools for each in all_of_them),
        sampling=all(each.sampling for each in all_of_them),
        continues_prefix=all(each.continues_prefix for each in all_of_them),
    )


class _Route(msgspec.Struct, forbid_unknown_fields=True):
    models: list[str]
    name: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    routes: dict[str, _Route]


def parse_routes(text: str) -> Sequence[Route]:
    """Return the routes of a file such as this. Raises InvalidInput with a sentence that says what is wrong.

    [routes.fast]
    name = "Fast"
    models = ["openai/gpt-4.1-mini", "anthropic/claude-haiku-5-5"]
    """
    try:
        found = msgspec.convert(tomllib.loads(text), _File).routes
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidInput(f"PENSTOCK_ROUTES: {error}.") from None
    for name, route in found.items():
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,60}", name):
            raise InvalidInput(f"PENSTOCK_ROUTES: {name!r} must be lower case letters, digits, dots and dashes.")
        if not route.models or any(each.startswith(f"{ROUTES}/") for each in route.models):
            raise InvalidInput(f"PENSTOCK_ROUTES: {name} needs models, and no routes, such as openai/gpt-4.1-mini.")
    return [
        Route(id=f"{ROUTES}/{name}", name=route.name or name, models=tuple(dict.fromkeys(route.models)))
        for name, route in found.items()
    ]
