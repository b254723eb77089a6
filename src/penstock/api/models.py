"""`/api/models`: which models can be asked."""

from fastapi import APIRouter
from pydantic import Field

from penstock.api.services import Sender, Services
from penstock.api.shapes import Shape
from penstock.providers.base import KeySource, Model
from penstock.providers.catalog import Group, UnknownModel


class CapabilitiesShape(Shape):
    """What a model can do."""

    context_window: int
    max_output: int | None
    reasoning: bool
    images: bool
    tools: bool
    sampling: bool = Field(description="It takes a temperature.")
    max_temperature: int
    efforts: list[str] | None = Field(description="How long it can be told to reason. None: nobody knows.")


class PriceShape(Shape):
    """US dollars for a million tokens."""

    input: float
    output: float


class ModelShape(Shape):
    """A model."""

    id: str
    name: str
    provider: str
    available: bool
    is_demo: bool
    sees: bool = Field(description="It can be shown pictures, as far as anybody knows.")
    capabilities: CapabilitiesShape
    price: PriceShape | None


Key = KeySource | None


class ProviderShape(Shape):
    """A provider with its models."""

    id: str
    name: str
    key_source: Key = Field(description="Whose key you would use: your own, the server's, none where none is needed.")
    needs_key: bool
    models: list[ModelShape]


class CatalogShape(Shape):
    """All models, grouped by provider; routes are a group of their own."""

    providers: list[ProviderShape]
    default: str
    transcription: str | None = Field(description="Who would write down what you record; null: nobody.")


class Support(Shape):
    """Whether a model can be asked."""

    model: str
    supported: bool = Field(description="There is a provider for it here.")
    has_key: bool = Field(description="You could ask it now.")
    key_source: Key
    provider: str | None
    name: str | None
    capabilities: CapabilitiesShape | None


def _shape(group: Group) -> ProviderShape:
    return ProviderShape(
        id=group.provider,
        name=group.name,
        key_source=group.key_source,
        needs_key=group.needs_key,
        models=[ModelShape.model_validate(model) for model in group.models],
    )


def _support(model_id: str, model: Model | None, key_source: KeySource | None) -> Support:
    return Support(
        model=model_id,
        supported=model is not None,
        has_key=key_source is not None,
        key_source=key_source,
        provider=model and model.provider,
        name=model and model.name,
        capabilities=model and CapabilitiesShape.model_validate(model.capabilities),
    )


def routes(services: Services) -> APIRouter:
    """Return the routes of models."""
    router = APIRouter(prefix="/api/models", tags=["models"])

    @router.get("", operation_id="listModels")
    async def list_models(sender: Sender) -> CatalogShape:
        """List the models; those without a usable key are not `available`."""
        own = await services.provider_keys.providers(sender.identity)
        groups = await services.router.models(own)
        default = await services.router.default(own)
        return CatalogShape(
            providers=[_shape(group) for group in groups],
            default=default,
            transcription=await services.speech.model_for(sender.identity),
        )

    @router.get("/{model_id:path}/support", operation_id="supportOfModel")
    async def support_of_model(model_id: str, sender: Sender) -> Support:
        """Say whether a model can be asked, and with whose key. A model that nobody knows is not `supported`."""
        own = await services.provider_keys.providers(sender.identity)
        try:
            model = services.router.resolve(model_id, own)
        except UnknownModel:
            return _support(model_id, None, None)
        return _support(model_id, model, services.router.key_source(model_id, own))

    return router
