"""What is known of a vendor's models before its server is asked, by name and by family of names. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from penstock.providers.base import Capabilities, Model, Price


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models whose names are alike, for those that nobody has described."""

    names: re.Pattern[str]
    """Matched from the beginning of a name."""
    capabilities: Capabilities


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a server's list says of one of its models. None: it does not say."""

    name: str
    title: str | None = None
    context_window: int | None = None
    max_output: int | None = None
    images: bool | None = None
    tools: bool | None = None
    reasoning: bool | None = None
    price: Price | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """The models of one vendor, as far as they are known here."""

    provider: str
    """The vendor's id."""
    models: Sequence[Model] = ()
    families: Sequence[Family] = ()
    """The first that fits a name counts."""

    def find(self, name: str) -> Model:
        """Return the model of this name; one that nobody has described is like its family."""
        return self._described(name) or self._guessed(name)

    def listed(self, listed: Listed) -> Model:
        """Return the model as a server lists it. What we have described ourselves stands as it is."""
        if described := self._described(listed.name):
            return described
        guessed = self._guessed(listed.name)
        said = {
            field: value
            for field in ("context_window", "max_output", "images", "tools", "reasoning")
            if (value := getattr(listed, field)) is not None
        }
        capabilities = replace(guessed.capabilities, **said)
        return replace(guessed, name=listed.title or listed.name, capabilities=capabilities, price=listed.price)

    def _described(self, name: str) -> Model | None:
        identity = f"{self.provider}/{name}"
        return next((model for model in self.models if model.id == identity), None)

    def _guessed(self, name: str) -> Model:
        family = next((each for each in self.families if each.names.match(name)), None)
        return Model(
            id=f"{self.provider}/{name}",
            name=name,
            provider=self.provider,
            capabilities=family.capabilities if family else Capabilities(),
            is_known=family is not None,
        )
