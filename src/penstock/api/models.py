"""`/api/models`: which models can be asked."""

from fastapi import APIRouter

from penstock.api.services import Services
from penstock.api.shapes import Shape
from penstock.providers.catalog import Group


class CapabilitiesShape(Shape):
    """What a model can do."""

    context_window: int
    reasoning: bool


class ModelShape(Shape):
    """A model."""

    id: str
    name: str
    provider: str
    available: bool
    is_demo: bool
    capabilities: CapabilitiesShape


class ProviderShape(Shape):
    """A provider with its models."""

    id: str
    name: str
    models: list[ModelShape]


class CatalogShape(Shape):
    """All models, grouped by provider."""

    providers: list[ProviderShape]
    default: str


def _shape(group: Group) -> ProviderShape:
    models = [ModelShape.model_validate(model) for model in group.models]
    return ProviderShape(id=group.provider, name=group.name, models=models)


def routes(services: Services) -> APIRouter:
    """Return the routes of models."""
    router = APIRouter(prefix="/api/models", tags=["models"])

    @router.get("", operation_id="listModels")
    async def list_models() -> CatalogShape:
        """List the models; those without a usable key are not `available`."""
        groups = await services.catalog.models()
        return CatalogShape(providers=[_shape(group) for group in groups], default=await services.catalog.default())

    return router
