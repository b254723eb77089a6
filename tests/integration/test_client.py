"""The Python client against real installations, over whole and over broken networks (A5, A7 to A10, G4)."""

import asyncio
import itertools
import json
import random
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, openai_at
from harness.postgres import Postgres
from harness.proxy import Proxy
from penstock.client import (
    Answer,
    AsyncAnswer,
    AsyncClient,
    Batch,
    Client,
    Problem,
    Restart,
    RunFailed,
    TextDelta,
)
from upstream.process import Upstream
from upstream.script import expected_text


def database_of(request: pytest.FixtureRequest) -> str:
    """Return the address of a fresh database for the scaled shape, and none for the embedded one."""
    if request.param == "embedded":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.create(request.getfixturevalue("template"))


LONG_SEEDS = [pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2)]


@pytest.fixture(params=["embedded", "scaled"])
def mortal(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Penstock]:
    """An installation of its own, to be killed."""
    installation = Penstock(folder=tmp_path, database_url=database_of(request), environment=openai_at(upstream)).start()
    yield installation
    installation.kill()


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An installation whose streams are open to everybody."""
    installation = Penstock(folder=tmp_path_factory.mktemp("open"), database_url=database_of(request))
    installation.spawn("web", "serve", "--open-streams")
    installation.wait_ready()
    yield installation
    installation.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An installation as it comes, with the demo models alone."""
    installation = Penstock(folder=tmp_path_factory.mktemp("demo")).start()
    yield installation
    installation.kill()


@pytest.fixture
def client(penstock: Penstock) -> Iterator[Client]:
    """A new visitor."""
    with Client(penstock.url) as client:
        yield client


def read_until_text(answer: Answer) -> None:
    next(event for event in answer if isinstance(event, TextDelta))


async def read_until_text_async(answer: AsyncAnswer) -> None:
    async for event in answer:
        if isinstance(event, TextDelta):
            return


def chats_of(client: Client | AsyncClient, url: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.get(f"{url}/api/chats", cookies=client.cookies).json()["items"]
    return items


def random_cuts(seed: int, most: int = 30_000) -> Iterator[int]:
    """Some in the headers, most in a frame. What is there already comes in one piece: some have to let it through."""
    dice = random.Random(seed)
    while True:
        yield dice.choice([dice.randint(0, 900), dice.randint(900, 3000), dice.randint(3000, most)])


def test_an_answer_is_the_providers_text(client: Client) -> None:
    """A1, A3."""
    answer = client.send("Tell me", model="openai/reasoning-20-1")
    deltas = [event.delta for event in answer if isinstance(event, TextDelta)]
    message = answer.result()
    assert "".join(deltas) == answer.text() == message.text == expected_text("reasoning-20-1")
    assert message.reasoning.startswith("hmm0 ")
    assert message.id == answer.message_id
    assert message.end
    assert (message.end.status, message.end.finish_reason) == ("completed", "stop")
    assert message.end.usage
    assert client.answer(answer.run_id).result() == message


async def test_many_answers_at_once_belong_to_one_visitor(penstock: Penstock) -> None:
    """A3, A10: also when nobody was known before."""
    async with AsyncClient(penstock.url) as client:

        async def ask(number: int) -> str:
            return await (await client.send(f"Tell me {number}", model="openai/utf-20-1")).text()

        assert await asyncio.gather(*map(ask, range(8))) == [expected_text("utf-20-1")] * 8
        chats = await asyncio.to_thread(chats_of, client, penstock.url)
    assert [chat["messageCount"] for chat in chats] == [2] * 8


def test_threads_share_a_client(penstock: Penstock) -> None:
    """A10."""
    with Client(penstock.url) as client, ThreadPoolExecutor(8) as threads:

        def ask(number: int) -> str:
            return client.send(f"Tell me {number}", model="openai/echo-5-1").text()

        texts = list(threads.map(ask, range(8)))
        assert texts == [expected_text("echo-5-1")] * 8
        assert len(chats_of(client, penstock.url)) == 8


@pytest.mark.parametrize("seed", [0, *LONG_SEEDS])
def test_cuts_anywhere_lose_nothing_and_repeat_nothing(penstock: Penstock, seed: int) -> None:
    """A5, A10, CF6: in the headers, in a frame, in a character; one run, exact text."""
    with Proxy([penstock.port], random_cuts(seed)) as proxy, Client(proxy.url) as client:
        answer = client.send("Cut me", model="openai/utf-200-10")
        deltas = "".join(event.delta for event in answer if isinstance(event, TextDelta))
        assert deltas == answer.text() == expected_text("utf-200-10")
        assert client.answer(answer.run_id).text() == deltas
    assert proxy.cut >= 3
    assert [chat["messageCount"] for chat in chats_of(client, penstock.url)] == [2]


@pytest.mark.parametrize("seed", [3, *LONG_SEEDS])
async def test_cuts_anywhere_lose_nothing_and_repeat_nothing_async(penstock: Penstock, seed: int) -> None:
    """A5, A10, CF6: three answers at once."""
    with Proxy([penstock.port], random_cuts(seed)) as proxy:
        async with AsyncClient(proxy.url) as client:

            async def ask(number: int) -> str:
                answer = await client.send(f"Cut me {number}", model="openai/utf-100-20")
                return "".join([event.delta async for event in answer if isinstance(event, TextDelta)])

            texts = await asyncio.gather(*map(ask, range(3)))
    assert texts == [expected_text("utf-100-20")] * 3
    assert proxy.cut >= 3
    chats = await asyncio.to_thread(chats_of, client, penstock.url)
    assert [chat["messageCount"] for chat in chats] == [2, 2, 2]


def test_a_send_whose_reply_is_lost_starts_one_run(penstock: Penstock) -> None:
    """A10: the request arrives, not one byte of the reply does."""
    with Client(penstock.url) as first:
        first.send("Hello", model="openai/echo-1-1").text()
        cuts = itertools.chain([0, 0, 0], itertools.repeat(sys.maxsize))
        with Proxy([penstock.port], cuts) as proxy, Client(proxy.url, cookies=first.cookies) as client:
            answer = client.send("Once", model="openai/echo-20-1", client_message_id="mine")
            assert answer.text() == expected_text("echo-20-1")
            assert client.send("Once", client_message_id="mine").run_id == answer.run_id
        assert proxy.cut == 3
        assert [chat["messageCount"] for chat in chats_of(first, penstock.url)] == [2, 2]


def test_a_continuation_whose_reply_is_lost_starts_one_run(penstock: Penstock) -> None:
    """A8."""
    with Client(penstock.url) as first:
        cut_short = first.send("x", model="demo/tour", max_tokens=10)
        begin = cut_short.text()
        cuts = itertools.chain([0], itertools.repeat(sys.maxsize))
        with Proxy([penstock.port], cuts) as proxy, Client(proxy.url, cookies=first.cookies) as client:
            answer = client.continue_(cut_short.chat_id, model="openai/echo-100-10")
            assert answer.text() == begin + expected_text("echo-100-10")
        assert proxy.cut == 1
        assert answer.message_id == cut_short.message_id
        assert answer.run_id != cut_short.run_id


def test_a_server_that_is_killed_and_started_again_gives_the_rest(mortal: Penstock) -> None:
    """A7, EV7: by the model that goes on, and by the one that begins again."""
    with Client(mortal.url) as client:
        undisturbed = client.send("Tell me", model="demo/tour").text()
        going_on = client.send("Tell me", model="demo/tour")
        beginning_again = client.send("x", model="openai/echo-150-10")
        for answer in (going_on, beginning_again):
            read_until_text(answer)
        mortal.kill()
        mortal.start()
        assert going_on.text() == undisturbed
        assert any(isinstance(event, Restart) for event in beginning_again)
        assert beginning_again.text() == expected_text("echo-150-10")
        assert client.answer(beginning_again.run_id).text() == beginning_again.text()


async def test_a_server_that_is_away_is_waited_for_async(mortal: Penstock) -> None:
    """A7: the reader waits while the server is not there, and so does the next who asks."""
    async with AsyncClient(mortal.url) as client:
        answer = await client.send("x", model="openai/echo-150-10")
        await read_until_text_async(answer)
        await asyncio.to_thread(mortal.kill)

        async def ask_the_absent() -> str:
            return await (await client.send("y", model="openai/echo-10-1")).text()

        starting = asyncio.to_thread(mortal.start)
        text, other, _ = await asyncio.gather(answer.text(), ask_the_absent(), starting)
    assert text == expected_text("echo-150-10")
    assert other == expected_text("echo-10-1")


async def test_waiting_may_be_cancelled_and_taken_up_again(penstock: Penstock) -> None:
    """Each wait ends before the next token comes, some of them in the middle of a reconnect."""
    async with AsyncClient(penstock.url) as client:
        answer = await client.send("x", model="openai/echo-6-300")
        cancelled = 0
        while answer.so_far.end is None:
            try:
                async with asyncio.timeout(0.1 if cancelled < 4 else None):
                    await answer.text()
            except TimeoutError:
                cancelled += 1
        assert cancelled == 4
        assert await answer.text() == expected_text("echo-6-300")


def test_another_client_stops_and_the_partial_text_stays(penstock: Penstock, client: Client) -> None:
    """A8, A9."""
    answer = client.send("x", model="openai/echo-300-10")
    read_until_text(answer)
    with Client(penstock.url, cookies=client.cookies) as other:
        run = other.stop(answer.run_id)
        assert (run.status, run.chat_id, run.message_id) == ("stopped", answer.chat_id, answer.message_id)
        assert other.stop(answer.run_id) == run
    partial = answer.result()
    assert partial.end
    assert partial.end.status == "stopped"
    assert partial.text
    assert expected_text("echo-300-10").startswith(partial.text)
    continued = client.continue_(answer.chat_id, answer.message_id, model="openai/echo-5-1")
    assert continued.text() == partial.text + expected_text("echo-5-1")


async def test_stop_and_continue_async(penstock: Penstock) -> None:
    """A8, A9: closing does not stop."""
    async with AsyncClient(penstock.url) as client:
        async with await client.send("x", model="openai/echo-300-10") as answer:
            await read_until_text_async(answer)
        again = await client.answer(answer.run_id)
        await read_until_text_async(again)
        assert (await client.stop(answer.run_id)).status == "stopped"
        partial = await again.text()
        continued = await client.continue_(answer.chat_id, model="openai/echo-5-1")
        assert await continued.text() == partial + expected_text("echo-5-1")
        batches = [batch async for batch in client.follow(f"runs/{continued.run_id}")]
        assert batches[-1].messages[-1]["type"] == "data-run-end"
        assert [batch async for batch in client.follow(f"runs/{continued.run_id}", batches[-1].offset)] == []


def test_a_provider_that_fails_is_a_problem_with_what_there_is(client: Client) -> None:
    """EV4."""
    answer = client.send("x", model="openai/drop-10-1")
    with pytest.raises(RunFailed) as raised:
        answer.text()
    assert raised.value.answer.text == expected_text("drop-10-1")
    assert raised.value.message.endswith(".")
    with pytest.raises(RunFailed) as refused:
        client.send("x", model="openai/status-401").result()
    assert (refused.value.code, refused.value.retryable) == ("provider_auth", False)


def problem_of(call: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as raised:
        call()
    return raised.value


def test_refusals_are_problems_with_all_that_the_server_said(penstock: Penstock, client: Client) -> None:
    """D3, G6: somebody else's, forged, not there, not now, not usable."""
    answer = client.send("x", model="openai/echo-300-10")
    path = f"runs/{answer.run_id}"
    busy = problem_of(lambda: client.send("y", chat_id=answer.chat_id))
    assert (busy.code, busy.status, busy.details["runId"]) == ("run_live", 409, answer.run_id)
    assert busy.request_id
    assert problem_of(lambda: client.send("  ")).code == "message_empty"
    assert problem_of(lambda: client.send("x", chat_id="../../healthz")).status == 404
    assert problem_of(lambda: next(client.follow("runs/none"))).code == "stream_not_found"
    assert problem_of(lambda: next(client.follow(path, "9999999999999999"))).code == "offset_invalid"
    forged = {"penstock": client.cookies["penstock"][:-2]}
    for stranger in (Client(penstock.url), Client(penstock.url, cookies=forged), Client(penstock.url, token="forged")):
        with stranger:
            for refused in (stranger.answer, stranger.stop):
                assert problem_of(partial(refused, answer.run_id)).status in {401, 404}
            assert problem_of(partial(next, stranger.follow(path))).status in {401, 404}
    client.stop(answer.run_id)


def test_giving_up_is_a_problem_and_never_an_end(penstock: Penstock) -> None:
    """CF6: and the answer is there for the next who asks."""
    with Client(penstock.url) as direct:
        direct.send("x", model="openai/echo-1-1").text()
        with Proxy([penstock.port]) as proxy:
            impatient = Client(proxy.url, cookies=direct.cookies, patience=0.5)
            answer = impatient.send("x", model="openai/echo-100-10")
            read_until_text(answer)
        with impatient:
            for _ in range(2):
                problem = problem_of(answer.text)
                assert (problem.code, problem.retryable) == ("unreachable", True)
        assert direct.answer(answer.run_id).text() == expected_text("echo-100-10")


def random_message(dice: random.Random, depth: int = 3) -> Any:
    """Return any JSON; most strings hold what line-based formats trip over."""
    kind = dice.randrange(7 if depth else 5)
    match kind:
        case 0:
            return dice.choice([None, True, False])
        case 1:
            return dice.choice([0, -1, 1e300, 0.1, 2**53, dice.random()])
        case 2 | 3 | 4:
            nasty = ["\r", "\n", "\r\n\r\n", "\0", "data:", "é", "漢字", "👩‍👩‍👧‍👦", "\u2028", '"', "\\", " "]
            return "".join(dice.choices(nasty, k=dice.randrange(12)))
        case 5:
            return [random_message(dice, depth - 1) for _ in range(dice.randrange(4))]
        case _:
            return {str(number): random_message(dice, depth - 1) for number in range(dice.randrange(4))}


@contextmanager
def writing(url: str, path: str, content_type: str, bodies: list[bytes]) -> Generator[None]:
    """Create a stream, and append to it while the block runs; then close it."""
    address = f"{url}/v1/stream/{path}"

    def append() -> None:
        with httpx.Client(timeout=60) as http:
            for body in bodies:
                http.post(address, content=body, headers={"content-type": content_type}).raise_for_status()
            http.post(address, headers={"stream-closed": "true"}).raise_for_status()

    httpx.put(address, headers={"content-type": content_type}).raise_for_status()
    thread = threading.Thread(target=append)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def joined(batches: list[Batch]) -> bytes:
    """Return the messages of JSON batches as one array, byte for byte."""
    return b"[" + b",".join(batch.data[1:-1] for batch in batches) + b"]"


def test_what_is_followed_is_byte_for_byte_what_was_appended(opened: Penstock) -> None:
    """A4, A5, RD2: random JSON, over a network that cuts, by both clients at once and from any offset again."""
    dice = random.Random(7)
    path = f"client/{dice.getrandbits(64):x}"
    bodies = [json.dumps([random_message(dice) for _ in range(dice.randint(1, 3))]).encode() for _ in range(200)]

    async def follow_async(url: str) -> list[Batch]:
        async with AsyncClient(url) as client:
            return [batch async for batch in client.follow(path)]

    with (
        Proxy([opened.port], random_cuts(8, 150_000)) as proxy,
        Client(proxy.url) as client,
        ThreadPoolExecutor(1) as threads,
        writing(opened.url, path, "application/json", bodies),
    ):
        asynchronous = threads.submit(asyncio.run, follow_async(proxy.url))
        batches = list(client.follow(path))
        read = [joined(batches), joined(asynchronous.result(60))]
    stored = httpx.get(f"{opened.url}/v1/stream/{path}").content
    assert read == [stored, stored]
    assert json.loads(stored) == [message for body in bodies for message in json.loads(body)]
    assert proxy.cut >= 3
    with Client(opened.url) as direct:
        for number in range(0, len(batches), 7):
            assert joined([*batches[: number + 1], *direct.follow(path, batches[number].offset)]) == stored


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
def test_text_and_bytes_arrive_exactly_too(opened: Penstock, content_type: str) -> None:
    """A5: line breaks of all kinds, characters over two appends."""
    dice = random.Random(content_type)
    path = f"client/{dice.getrandbits(64):x}"
    text = "".join(dice.choices(["\r", "\n", "\r\n", "\0", "data:", "漢字", "\u2028", " ", "abc"], k=400)).encode()
    bodies = split(text, 7)
    with Client(opened.url) as client, writing(opened.url, path, content_type, bodies):
        assert b"".join(batch.data for batch in client.follow(path)) == text


def split(data: bytes, size: int) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


def test_now_gives_only_what_comes(opened: Penstock) -> None:
    path = f"client/{random.getrandbits(64):x}"
    with Client(opened.url) as client:
        with writing(opened.url, path, "application/json", [b"1", b"2"]):
            pass
        assert list(client.follow(path, "now")) == []


BLOCKS = re.findall(r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs/client.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_page_about_the_client_works_as_printed(demo: Penstock, block: str) -> None:
    """G4: each block is a program; only the address is ours."""
    program = block.replace("http://localhost:8000", demo.url)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
