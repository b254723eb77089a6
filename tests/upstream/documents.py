"""Long Markdown documents, each of one kind: what a page has to keep up with."""

from collections.abc import Callable, Mapping

_SENTENCE = (
    "The water falls *once*, and what it gave on its way is **kept**; see `head` and [flow](https://example.org/)."
)


def prose(size: int) -> str:
    """Return paragraphs under headings."""
    return _filled(
        size, "", lambda index: ("" if index % 6 else f"## Part {index // 6}\n\n") + f"{_SENTENCE} " * 3 + "\n\n"
    )


def code(size: int) -> str:
    """Return one block of code."""
    opening = "```python\n"
    return _filled(
        size,
        opening,
        lambda index: f'def step_{index}(level: float) -> float:\n    """Fall."""\n    return level * {index}\n\n',
    )


def items(size: int) -> str:
    """Return one list."""
    return _filled(size, "", lambda index: f"- Item {index}: {_SENTENCE}\n")


def table(size: int) -> str:
    """Return one table."""
    return _filled(
        size,
        "| number | name | head in m | remark |\n| --: | --- | --: | --- |\n",
        lambda index: f"| {index} | Station **{index}** | {index * 7 % 90} | falls `once`, is kept |\n",
    )


DOCUMENTS: Mapping[str, Callable[[int], str]] = {"prose": prose, "code": code, "list": items, "table": table}
"""By kind: gives so many characters."""


def _filled(size: int, text: str, part: Callable[[int], str]) -> str:
    index = 0
    while len(text) < size:
        text += part(index)
        index += 1
    return text[:size]
