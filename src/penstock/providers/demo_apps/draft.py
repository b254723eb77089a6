"""What an app of the demo model is: of what it is, and what it can. The texts are written for things, and renamed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Feature = Literal["delete", "update", "search", "pages", "sort", "stats", "export"]
FEATURES: Final[tuple[Feature, ...]] = get_args(Feature)
"""In the order in which they are added for those who wish for what the demo model does not understand."""

_WISHES: Final[Mapping[Feature, re.Pattern[str]]] = {
    "delete": re.compile(r"\b(?:delet|remov|eras)", re.IGNORECASE),
    "update": re.compile(
        r"\b(?:updat|edit|patch|put\b|modif|chang(?:e|ing) (?:an?|one|the|existing)\b)", re.IGNORECASE
    ),
    "search": re.compile(r"\b(?:search|filter|find|quer)", re.IGNORECASE),
    "pages": re.compile(r"\b(?:pagin|pages?\b|paging|limit|offset)", re.IGNORECASE),
    "sort": re.compile(r"\b(?:sort|order(?:ed)? by|alphabet)", re.IGNORECASE),
    "stats": re.compile(r"\b(?:stat(?:s|istic)|count|total|summar|metric|how many)", re.IGNORECASE),
    "export": re.compile(r"\b(?:csv|export|download|spreadsheet|excel)", re.IGNORECASE),
}
ABOUT: Final[Mapping[Feature, str]] = {
    "delete": "a route that deletes one",
    "update": "a route that changes one",
    "search": "a search by title",
    "pages": "pages (limit and offset)",
    "sort": "sorting by title",
    "stats": "a route with figures",
    "export": "an export as CSV",
}

_NOUN = re.compile(
    r"\b(?:for|of|about|manag\w+|track\w*|stor\w+|keep\w*|with)\s+(?:an?|my|our|the|all|some)?\s*([a-z]{2,19}[a-rt-z]s)\b"
    r"|\b(todo|task|note|book|product|recipe|movie|contact|event|invoice|order|customer|article|song|plant|expense)s?\b",
    re.IGNORECASE,
)
_NO_NOUN = re.compile(
    "access|apis|apps|connections|databases|details|endpoints|exports|features|fields|files|iterators|literals|models|names"
    "|pages|paths|queries|routers|routes|statistics|stats|status|stores|tags|tests|things|this|titles|values|wishes"
)
"""Words that say what an API has, or that the texts have names of their own for."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One app."""

    things: str
    """What it is about: a plural, in lower case letters."""
    features: frozenset[Feature] = frozenset()
    wishes: Sequence[str] = ()
    """What people have asked for that the demo model does not understand."""

    def has(self, feature: Feature) -> bool:
        """Say whether the app can do this."""
        return feature in self.features

    def named(self, text: str) -> str:
        """Return a text about things as one about what this app is about."""
        thing = _singular(self.things)
        names = {"things": self.things, "Things": self.things.capitalize(), "thing": thing, "Thing": thing.capitalize()}
        return re.sub("Things|things|Thing|thing", lambda found: names[found[0]], text)


def things_of(prompt: str) -> str:
    """Return what an app is to be about, in the plural; items where the prompt does not say so in a way understood."""
    for found in _NOUN.finditer(prompt):
        noun = (found[1] or f"{found[2]}s").lower()
        if not _NO_NOUN.fullmatch(noun):
            return noun
    return "items"


def wished(prompt: str) -> list[Feature]:
    """Return the features that a prompt asks for, as far as it is understood."""
    return [feature for feature, pattern in _WISHES.items() if pattern.search(prompt)]


def _singular(plural: str) -> str:
    if plural.endswith("ies"):
        return f"{plural[:-3]}y"
    return plural[:-2] if plural.endswith(("sses", "ches", "shes", "xes")) else plural.removesuffix("s")
