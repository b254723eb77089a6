"""Projects that the demo model builds, by the same prompts, format, parser and staging as any other model's."""

from collections.abc import Iterator, Mapping, Sequence

from penstock.projects.context import choose_files
from penstock.projects.prompt import build_turns, nonce_of
from penstock.projects.reply.events import Deleted, Edited, Ending, Renamed, ReplyEvent, Written
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths
from penstock.projects.reply.staging import Effect, Staging
from penstock.providers.base import ChatRequest
from penstock.providers.demo import answer
from penstock.sandbox.base import StackName


def asked(stack: StackName, files: Mapping[str, bytes], prompt: str) -> tuple[str, ChatRequest]:
    """Return the nonce and the request of a prompt over these files."""
    nonce = nonce_of(prompt, [*files.values(), prompt])
    turns = build_turns(prompt, choose_files(files, prompt), stack=stack, nonce=nonce)
    return nonce, ChatRequest(model="tour", turns=turns)


def replied(stack: StackName, files: Mapping[str, bytes], prompt: str) -> list[ReplyEvent]:
    """Return what is in the demo model's reply."""
    nonce, request = asked(stack, files, prompt)
    parser = Parser(nonce, Paths(files))
    return parser.feed(answer(request)) + parser.finish("stop")


def built(stack: StackName, prompts: Sequence[str]) -> Iterator[Mapping[str, bytes]]:
    """Give the files after each prompt, after checking that the reply was whole and could be applied."""
    files: Mapping[str, bytes] = {}
    for prompt in prompts:
        staging = Staging(files)
        for event in replied(stack, files, prompt):
            if isinstance(event, Written | Edited | Deleted | Renamed):
                assert isinstance(staging.apply(event), Effect)
            if isinstance(event, Ending):
                assert event.status == "complete"
                assert not event.tolerances
        staged = staging.result()
        assert staged.effects
        assert not staged.suspicions
        files = staged.files
        yield files
