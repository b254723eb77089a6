"""What an answer took is kept with it (B6)."""

import pytest

from penstock.chats.answer import record_of
from penstock.kit.clock import Millis
from penstock.providers.base import Model, Price
from penstock.providers.demo import DemoProvider
from penstock.providers.router import Way
from penstock.runs.events import End, TokenCount
from penstock.runs.execute import Outcome

DEAR = Model(id="acme/dear", name="Dear", provider="acme", price=Price(input=2, output=10))
"""Dollars for a million tokens."""
GIVEN = Model(id="acme/given", name="Given", provider="acme")


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        (DEAR, TokenCount(input_tokens=1000, output_tokens=50), 0.0025),
        (DEAR, None, None),
        (GIVEN, TokenCount(input_tokens=1000, output_tokens=50), None),
    ],
)
def test_the_cost_is_that_of_the_tokens_at_the_list_price(
    model: Model, usage: TokenCount | None, cost: float | None
) -> None:
    way = Way(provider=DemoProvider(), model=model, key_source="own", route="route/fast", reason="provider_server")
    end = End(status="completed", usage=usage)
    outcome = Outcome(end=end, parts=(), begun_at=Millis(100), first_token_at=Millis(130), way=way)
    assert record_of(outcome, Millis(400)) == {
        "model": model.id,
        "provider": "demo",
        "keySource": "own",
        "route": "route/fast",
        "reason": "provider_server",
        "firstTokenMs": 30,
        "totalMs": 300,
        "cost": cost,
    }
