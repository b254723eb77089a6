"""C1, E14: the demo model builds a small API and amends it, always by what the request shows, and says what it is."""

import ast
import json
from collections.abc import Mapping

import pytest

from harness.demo import asked, built, replied
from penstock.projects.context import choose_files
from penstock.projects.prompt import build_turns, repair_request, words_turns
from penstock.projects.reply.continuation import Ladder, correction
from penstock.projects.reply.events import Edited, Ending, Plan, Prose, Written
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths
from penstock.providers.base import ChatRequest, ChatTurn, Text
from penstock.providers.demo import DemoProvider, answer
from penstock.providers.demo_apps.draft import FEATURES, Draft, things_of, wished
from penstock.sandbox.base import StackName
from upstream.client import collect

STACKS: tuple[StackName, ...] = ("python", "node")
WISHES = ("A todo API", "Delete and edit", "pages", "Make it blue", "sort", "stats", "csv", "green", "red", "search")


@pytest.mark.parametrize("stack", STACKS)
def test_a_project_grows_over_any_number_of_prompts(stack: StackName) -> None:
    versions = list(built(stack, [*WISHES, *(f"Wish {number}" for number in range(5))]))
    assert len({json.dumps({name: content.decode() for name, content in each.items()}) for each in versions}) == 15
    for files in versions:
        for name, content in files.items():
            assert content == b"" or content.endswith(b"\n")
            if name.endswith(".py"):
                ast.parse(content)
            if name.endswith(".json"):
                json.loads(content)


@pytest.mark.parametrize("stack", STACKS)
def test_whole_files_and_edits_are_used(stack: StackName) -> None:
    events = [event for files in built(stack, WISHES[:3]) for event in replied(stack, files, "stats and a csv export")]
    assert any(isinstance(event, Written) for event in events)
    assert any(isinstance(event, Edited) for event in events)


def told(stack: StackName, files: Mapping[str, bytes], prompt: str) -> str:
    return "".join(event.text for event in replied(stack, files, prompt) if isinstance(event, Prose | Plan))


@pytest.mark.parametrize("stack", STACKS)
def test_it_says_that_it_is_scripted_and_what_it_has_understood(stack: StackName) -> None:
    assert "scripted demo model" in told(stack, {}, "An API of recipes that can be searched")
    assert "An API of recipes: health, a list, one by its id, creating, a search by title" in told(
        stack, {}, "An API of recipes that can be searched"
    )
    *_, files = built(stack, ["An API of recipes"])
    assert "Add pages (limit and offset)." in told(stack, files, "Please add pagination")
    assert "I do not understand that, so I add a route that deletes one instead." in told(stack, files, "Be blue")


@pytest.mark.parametrize("stack", STACKS)
def test_what_somebody_else_has_changed_stays(stack: StackName) -> None:
    *_, files = built(stack, ["An API of books"])
    main = "app/main.py" if stack == "python" else "src/app.js"
    mine = files[main] + (b"# mine\n" if stack == "python" else b"// mine\n")
    events = replied(stack, {**files, main: mine}, "stats")
    assert [event.path for event in events if isinstance(event, Edited)] == [main]


@pytest.mark.parametrize("stack", STACKS)
def test_a_project_of_somebody_else_is_left_alone(stack: StackName) -> None:
    for files in ({"app/main.py": b"x = 1\n", "src/app.js": b"x\n"}, {"app/main.py": b'app = FastAPI(title="X")\n'}):
        events = replied(stack, files, "Add pages")
        assert "not one of mine" in told(stack, files, "Add pages")
        assert isinstance(events[-1], Ending)
        assert events[-1].status == "answer"


def test_questions_repairs_and_corrections_are_answered_in_words() -> None:
    question = words_turns("What is this?", choose_files({}, ""), nonce="k7f3q2")
    assert "I cannot answer questions" in answer(ChatRequest(model="tour", turns=question))
    *_, files = built("python", ["An API of books"])
    repair = build_turns(repair_request("e", paths=[]), choose_files(files, ""), stack="python", nonce="k7f3q2")
    assert "cannot mend" in answer(ChatRequest(model="long", turns=repair))
    _, request = asked("python", {}, "An API of books")
    first = ChatTurn(role="assistant", text=answer(request))
    more = ChatTurn(role="user", text=correction("x", signs=["patch"]))
    assert 'files="0"' in answer(ChatRequest(model="tour", turns=[*request.turns, first, more]))


@pytest.mark.parametrize("stack", STACKS)
def test_a_reply_that_was_cut_off_anywhere_is_gone_on_with_to_the_same_files(stack: StackName) -> None:
    nonce, request = asked(stack, {}, "An API of books")
    whole = answer(request)
    (expected,) = built(stack, ["An API of books"])
    for size in range(0, len(whole), 500):
        parser, ladder, files = Parser(nonce, Paths()), Ladder(nonce), dict[str, bytes]()
        turns, said = list(request.turns), whole[:size]
        for _ in range(4):
            events = [*parser.feed(said), *parser.finish("length" if len(turns) == 2 else "stop")]
            files |= {event.path: event.content for event in events if isinstance(event, Written)}
            end = events[-1]
            assert isinstance(end, Ending)
            more = ladder.after(end, list(files))
            if more is None:
                break
            turns += [ChatTurn(role="assistant", text=said or "(nothing)"), ChatTurn(role="user", text=more)]
            said = answer(ChatRequest(model="tour", turns=turns))
        assert files == expected


async def test_it_goes_on_exactly_after_any_prefix_and_is_the_same_for_the_same_request() -> None:
    provider = DemoProvider(tokens_per_second=0)
    _, request = asked("node", {}, "An API of books")
    whole = answer(request)
    for at in (0, 1, len(whole) // 2, len(whole)):
        got = await collect(provider, ChatRequest(model="tour", turns=request.turns, prefix=whole[:at]))
        assert whole[:at] + got.text == whole
        assert any(isinstance(delta, Text) for delta in got.deltas) == (at < len(whole))


@pytest.mark.parametrize(
    ("prompt", "things"),
    [
        ("An API for books with title and author", "books"),
        ("Build a todo API", "todos"),
        ("Manage my recipes", "recipes"),
        ("A REST API with tests for movies", "movies"),
        ("An API about nothing in particular", "items"),
        ("For my business", "items"),
        ("An API with routes for managing customers", "customers"),
        ("", "items"),
    ],
)
def test_what_an_app_is_about_is_read_from_the_prompt(prompt: str, things: str) -> None:
    assert things_of(prompt) == things


def test_wishes_are_understood_by_their_words() -> None:
    assert wished("Delete, update, search, paginate, sort, count and export them") == list(FEATURES)
    assert wished("Something else") == []


@pytest.mark.parametrize(
    ("things", "thing"),
    [("books", "book"), ("entries", "entry"), ("classes", "class"), ("boxes", "box"), ("notes", "note")],
)
def test_names_are_made_of_the_plural(things: str, thing: str) -> None:
    draft = Draft(things=things)
    assert draft.named("things thing_id Things ThingIn") == f"{things} {thing}_id {things.title()} {thing.title()}In"
