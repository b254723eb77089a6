"""Whom to ask, with whose key, and whom next: policy where no server is asked (C3, C5)."""

import pytest

from penstock.errors import InvalidInput
from penstock.kit.tasks import TaskOwner
from penstock.providers.base import ErrorKind
from penstock.providers.catalog import Catalog, UnknownModel, VendorConfig
from penstock.providers.failures import failure
from penstock.providers.router import FALLBACKS, NoKey, Route, Router, Way, parse_routes
from penstock.providers.transport import Transport

NOWHERE = "http://127.0.0.1:1/v1"
MINI, HAIKU, OWN = "openai/gpt-4.1-mini", "anthropic/claude-haiku-5-5", "acme/x"
FAST = Route(id="route/fast", name="Fast", models=(MINI, HAIKU, OWN))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def router(
    openai: tuple[str, ...] = (), anthropic: tuple[str, ...] = (), routes: tuple[Route, ...] = (FAST,)
) -> Router:
    configs = [
        VendorConfig(id="openai", api_keys=openai),
        VendorConfig(id="anthropic", api_keys=anthropic),
        VendorConfig(id="acme", base_url=NOWHERE),
    ]
    return Router(Catalog(configs, Transport(), TaskOwner(), clock=Clock()), routes)


def shown(way: Way | None) -> tuple[str, str, str | None, str | None] | None:
    return way and (way.model.id, way.key_source, way.secret, way.reason)


def test_c3_a_person_s_own_key_comes_before_the_house_s() -> None:
    way = router(openai=("house",)).journey(MINI, {"openai": "mine"}).begin()
    assert shown(way) == (MINI, "own", "mine", None)
    assert way.route is None


def test_c3_without_any_key_nobody_is_asked() -> None:
    with pytest.raises(NoKey):
        router().journey(MINI, {"anthropic": "mine"}).begin()


def test_c3_the_keys_of_the_house_are_tried_one_after_the_other() -> None:
    journey = router(openai=("a", "b", "c")).journey(MINI, {})
    assert shown(journey.begin()) == (MINI, "house", "a", None)
    assert shown(journey.after(failure(ErrorKind.AUTH, "x"))) == (MINI, "house", "b", None)
    assert shown(journey.after(failure(ErrorKind.RATE_LIMIT, "x"))) == (MINI, "house", "c", None)
    assert journey.after(failure(ErrorKind.RATE_LIMIT, "x")) is None


def test_c3_a_key_that_rests_is_passed_over_by_the_next_answer() -> None:
    ours = router(openai=("a", "b"))
    first = ours.journey(MINI, {})
    first.begin()
    first.after(failure(ErrorKind.RATE_LIMIT, "x"))
    assert [ours.journey(MINI, {}).begin().secret for _ in range(3)] == ["b", "b", "b"]


def test_c3_a_key_of_one_s_own_that_is_refused_is_replaced_by_nobody_s() -> None:
    journey = router(openai=("house",)).journey("route/fast", {"openai": "mine"})
    journey.begin()
    assert journey.after(failure(ErrorKind.AUTH, "x")) is None


@pytest.mark.parametrize("kind", sorted(FALLBACKS))
def test_c5_a_route_goes_on_to_its_next_model(kind: ErrorKind) -> None:
    journey = router(openai=("a",), anthropic=("b",)).journey("route/fast", {})
    first = journey.begin()
    assert (shown(first), first.route) == ((MINI, "house", "a", None), "route/fast")
    second = journey.after(failure(kind, "x"))
    assert shown(second) == (HAIKU, "house", "b", kind.value)
    assert shown(journey.after(failure(ErrorKind.CONNECT, "x"))) == (OWN, "none", None, "provider_unreachable")
    assert journey.after(failure(ErrorKind.CONNECT, "x")) is None


@pytest.mark.parametrize("kind", sorted(set(ErrorKind) - FALLBACKS - {ErrorKind.AUTH}))
def test_c5_what_the_request_itself_is_to_blame_for_goes_nowhere_else(kind: ErrorKind) -> None:
    journey = router(openai=("a",), anthropic=("b",)).journey("route/fast", {})
    journey.begin()
    assert journey.after(failure(kind, "x")) is None


def test_c5_models_without_a_key_are_passed_over_and_the_reason_is_kept() -> None:
    assert shown(router().journey("route/fast", {}).begin()) == (OWN, "none", None, "no_key")
    assert shown(router().journey("route/fast", {"anthropic": "mine"}).begin()) == (HAIKU, "own", "mine", "no_key")


def test_c5_models_whose_keys_rest_come_last() -> None:
    ours = router(openai=("a",), routes=(Route(id="route/two", name="Two", models=(MINI, HAIKU)),))
    first = ours.journey("route/two", {})
    first.begin()
    first.after(failure(ErrorKind.RATE_LIMIT, "x"))
    assert shown(ours.journey("route/two", {"anthropic": "m"}).begin()) == (HAIKU, "own", "m", "keys_resting")
    assert shown(ours.journey("route/two", {}).begin()) == (MINI, "house", "a", None)


def test_c5_a_route_can_do_what_all_its_models_can() -> None:
    model = router(openai=("a",)).resolve("route/fast")
    assert (model.provider, model.name, model.available) == ("route", "Fast", True)
    assert model.capabilities.context_window == 8192
    assert not model.capabilities.images


def test_c5_a_route_over_models_that_nobody_has_is_refused_at_the_start() -> None:
    with pytest.raises(UnknownModel):
        router(routes=(Route(id="route/x", name="X", models=("nobody/x",)),))
    with pytest.raises(UnknownModel):
        router().resolve("route/nobody")


def test_c4_whether_a_model_can_be_asked_depends_on_who_asks() -> None:
    ours = router()
    assert not ours.resolve(MINI).available
    assert ours.resolve(MINI, {"openai"}).available
    assert ours.key_source(MINI, {"openai"}) == "own"
    assert ours.key_source("demo/tour") == "none"
    assert ours.key_source("route/fast") == "none"


def test_c5_a_file_of_routes_is_read() -> None:
    text = """
    [routes.fast]
    name = "Fast"
    models = ["openai/gpt-4.1-mini", "acme/x", "acme/x"]
    [routes."v1.5-b"]
    models = ["acme/x"]
    """
    assert parse_routes(text) == [
        Route(id="route/fast", name="Fast", models=(MINI, OWN)),
        Route(id="route/v1.5-b", name="v1.5-b", models=(OWN,)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "routes = 1",
        "[routes.x]\nmodels = []",
        "[routes.x]\nmodels = ['route/y']",
        "[routes.x]\nmodel = ['a/b']",
        "[routes.'A B']\nmodels = ['a/b']",
        "[route.x]\nmodels = ['a/b']",
        "oops",
    ],
)
def test_d8_a_file_of_routes_that_makes_no_sense_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="PENSTOCK_ROUTES: ") as caught:
        parse_routes(text)
    assert caught.value.message.endswith(".")


def test_keys_are_in_no_repr() -> None:
    journey = router(openai=("secret",)).journey(MINI, {"openai": "secret-of-mine"})
    assert "secret" not in repr(journey.begin())
