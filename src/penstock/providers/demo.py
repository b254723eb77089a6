"""The demo provider: scripted answers, the same for the same request, without a key or a network.

It shows what a real model would look like here, and is what one tries Penstock with before connecting one. It never
pretends: its models are marked as demo and say so in their answers. Asked to build, either builds a small API.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from penstock.providers.base import (
    Capabilities,
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    Finish,
    Model,
    ProviderError,
    Text,
    Usage,
)
from penstock.providers.demo_apps import building
from penstock.providers.failures import failure

_CAPABILITIES = Capabilities(context_window=32_768, continues_prefix=True)

MODELS = tuple(
    Model(id=f"demo/{name}", name=title, provider="demo", capabilities=_CAPABILITIES, is_demo=True)
    for name, title in (("tour", "Tour of Penstock"), ("long", "Three thousand words"))
)
"""A short Markdown tour, and an answer long enough to watch it survive a reload."""

_BUILDING_PACE = 10
"""How much faster code comes: there are a thousand words of it."""
_PARAGRAPHS = 45
_QUOTE_LENGTH = 300
_WORD = re.compile(r"\S+\s*|\s+")
"""A word with the space after it: these joined are the text again."""


class DemoProvider:
    """Answers from a script, word by word."""

    id = "demo"
    name = "Demo"

    def __init__(self, tokens_per_second: float = 50) -> None:
        """Take the rate, one word being a token; 0 is as fast as the loop allows."""
        self._rate = tokens_per_second

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Give the scripted answer. See `Provider.stream`. A prefix that the script does not have is BAD_REQUEST."""
        words = _WORD.findall(_rest(answer(request), request.prefix))
        async with aclosing(self._deltas(words, request)) as deltas:
            yield deltas

    async def models(self) -> Sequence[Model]:
        """Return the demo models: always the same, always available."""
        return MODELS

    async def _deltas(self, words: list[str], request: ChatRequest) -> AsyncGenerator[Sequence[Delta]]:
        allowed = len(words) if request.max_tokens is None else request.max_tokens
        begun = asyncio.get_running_loop().time()
        pace = 1 if building.reply(request.turns) is None else _BUILDING_PACE
        for count, word in enumerate(words[:allowed]):
            await self._until(begun, count / pace)
            yield (Text(word),)
        counted = sum(len(turn.text.split()) for turn in request.turns)
        yield (
            Usage(input_tokens=counted, output_tokens=min(allowed, len(words))),
            Finish("length" if allowed < len(words) else "stop"),
        )

    async def _until(self, begun: float, count: float) -> None:
        """Wait until the word of this number is due. The times are absolute, so that delays do not add up."""
        due = begun + count / self._rate if self._rate > 0 else 0.0
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


def answer(request: ChatRequest) -> str:
    """Return the whole answer to this request, whatever its prefix. Raises ProviderError (NOT_FOUND)."""
    question = _question(request.turns)
    built = building.reply(request.turns)
    match request.model:
        case "tour" | "long" if built is not None:
            return built
        case "tour":
            return _TOUR.replace("{question}", question)
        case "long":
            return _LONG_HEAD.replace("{question}", question) + "".join(map(_paragraph, range(1, _PARAGRAPHS + 1)))
        case _:
            raise failure(ErrorKind.NOT_FOUND, DemoProvider.name)


def _rest(text: str, prefix: str) -> str:
    if not text.startswith(prefix):
        raise ProviderError(ErrorKind.BAD_REQUEST, "The demo model can go on only from its own words.")
    return text[len(prefix) :]


def _question(turns: Sequence[ChatTurn]) -> str:
    """Return the last thing the user said, on one line, short enough to be quoted."""
    said = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    line = " ".join(said.split()) or "(nothing)"
    return line if len(line) <= _QUOTE_LENGTH else line[: _QUOTE_LENGTH - 1] + "…"


def _paragraph(number: int) -> str:
    about = _SUBJECTS[number % len(_SUBJECTS)]
    return (
        f"**{number}.** This is paragraph {number} of {_PARAGRAPHS}, and its subject is {about}. The demo model wrote "
        f"the {number - 1} paragraphs before it in the same order for everybody, so you can compare two tabs, two "
        f"devices, or this answer before and after a reload, and you will find no word twice and no word missing. "
        f"Paragraph {number} ends here.\n\n"
    )


_SUBJECTS = (
    "the log that every answer is written to before anyone sees it",
    "the reader who closes the tab and comes back later",
    "the server that is killed in the middle of a sentence",
    "the second device that joins while the answer still runs",
    "the proxy that cuts every connection after a minute",
)

_LONG_HEAD = """\
# A long answer

> {question}

This is a **scripted demo model**: it does not understand the question above. It counts through numbered paragraphs, so
that you can reload the page, close it, or stop the server, and check that nothing is lost.

"""

_TOUR = """\
# Welcome to Penstock

You asked:

> {question}

I am a **scripted demo model**, not a language model: I cannot answer that. What I can do is show you how answers look
here, and tell you how to connect a model that can.

## What Penstock does

- **An answer is never lost.** It is written to a log before you see it. Reload this page now: the text goes on.
- **Any device.** Open this chat in a second tab: both show the same words.
- **Stop and continue.** Stop me in mid-sentence, then press *Continue*: I go on at the very word.
- **Your data stays here.** One process, one SQLite file, no other service needed.

## Connect a real model

Set a variable and start the server again:

```bash
# OpenAI
export OPENAI_API_KEY=sk-...

# or any server that speaks the OpenAI format: vLLM, LM Studio, llama.cpp
export OPENAI_BASE_URL=http://127.0.0.1:8000/v1

penstock serve
```

For models on your own machine, install [Ollama](https://ollama.com) and pull one with `ollama pull`. Penstock finds it
by itself at `http://127.0.0.1:11434`.

| You have | Set | Models appear as |
| --- | --- | --- |
| An OpenAI account | `OPENAI_API_KEY` | `openai/...` |
| A compatible server | `OPENAI_BASE_URL` | `openai/...` |
| Ollama | nothing | `ollama/...` |
| None of these | nothing | `demo/tour`, `demo/long` |

Then choose the model in the message box. Until then I am here, and I always say the same.
"""
