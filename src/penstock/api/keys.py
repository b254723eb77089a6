"""`/api/keys`: one's own keys for providers. They go in and never come out."""

from fastapi import APIRouter, Request
from pydantic import Field

from penstock.actor import Visitor
from penstock.api.address import address
from penstock.api.limits import note
from penstock.api.problems import LIMITED
from penstock.api.services import Known, Services
from penstock.api.shapes import Body, Shape, Time


class NewKey(Body):
    """A key to keep."""

    key: str = Field(min_length=1, max_length=500)


class KeyShape(Shape):
    """A key, without its secret."""

    provider: str
    hint: str = Field(description="Its last four characters; nothing of a short one.")
    created_at: Time
    tested_at: Time = Field(description="When the provider last took it.")


class KeyTaker(Shape):
    """A provider that takes keys."""

    id: str
    name: str


class KeyPage(Shape):
    """One's own keys, and the providers that there can be keys for."""

    items: list[KeyShape]
    next_cursor: None = None
    providers: list[KeyTaker]


def routes(services: Services) -> APIRouter:
    """Return the routes of keys."""
    router = APIRouter(prefix="/api/keys", tags=["models"])
    keys = services.provider_keys

    async def count_attempt(request: Request, sender: Visitor) -> None:
        """Count what asks a provider: keys of others could be tried out through us."""
        note(request, await services.limits.hit_sign_in(address(request), sender.identity))

    @router.get("", operation_id="listKeys")
    async def list_keys(sender: Known) -> KeyPage:
        """List your own keys: whose they are, their last characters, and since when."""
        found = await keys.list(sender.identity)
        takers = services.catalog.key_takers()
        return KeyPage(
            items=[KeyShape.model_validate(key) for key in found],
            providers=[KeyTaker(id=provider, name=name) for provider, name in takers.items()],
        )

    @router.put("/{provider}", responses=LIMITED, operation_id="saveKey")
    async def save_key(provider: str, body: NewKey, sender: Known, request: Request) -> KeyShape:
        """Keep a key, in the place of the one before. The provider is asked first; one that it refuses is not kept."""
        await count_attempt(request, sender)
        return KeyShape.model_validate(await keys.save(sender.identity, provider, body.key))

    @router.post("/{provider}/test", responses=LIMITED, operation_id="testKey")
    async def test_key(provider: str, sender: Known, request: Request) -> KeyShape:
        """Ask the provider whether it still takes your key."""
        await count_attempt(request, sender)
        return KeyShape.model_validate(await keys.test(sender.identity, provider))

    @router.delete("/{provider}", status_code=204, operation_id="removeKey")
    async def remove_key(provider: str, sender: Known) -> None:
        """Forget your key."""
        await keys.remove(sender.identity, provider)

    return router
