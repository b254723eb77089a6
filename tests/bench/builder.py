"""What reading a reply costs, in processor time: a file of 200 KB in pieces of different lengths, and an edit of it."""

import time
from collections.abc import Callable, Iterator

from bench.report import Bench, Line, line_of
from penstock.projects.reply.edits import apply_blocks
from penstock.projects.reply.events import Block, Written
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths

ROUNDS = 7
SIZE = 200_000
NONCE = "k7f3q2"
LINE = "    return await session.scalars(select(Item).where(Item.id == item_id))  # {number}\n"


def run() -> Bench:
    """Measure the parser and the edits."""
    body = "".join(_lines())
    reply = f'<file-{NONCE} path="app/main.py">\n{body}</file-{NONCE}>\n<done-{NONCE} files="1"/>\n'
    lines = [_parsing(reply, size, bar=60 if size == 4 else None) for size in (4, 16, 64)]
    number = body.count("\n") // 2
    wanted = LINE.format(number=number).removesuffix("\n")
    block = Block([wanted.strip()], ["pass"])
    lines.append(
        line_of("one block of an edit, moved, in 200 KB", "ms CPU", _timed(lambda: apply_blocks(body, [block])))
    )
    return Bench(name="builder", about="Replies that build", peer="nobody: these are figures of our own", lines=lines)


def _lines() -> Iterator[str]:
    size = number = 0
    while size < SIZE:
        line = LINE.format(number=number)
        size, number = size + len(line), number + 1
        yield line


def _parsing(reply: str, size: int, bar: float | None) -> Line:
    pieces = [reply[at : at + size] for at in range(0, len(reply), size)]

    def parse() -> None:
        parser = Parser(NONCE, Paths())
        written = 0
        for piece in pieces:
            written += sum(isinstance(event, Written) for event in parser.feed(piece))
        assert written == 1

    return line_of(f"200 KB in pieces of {size} characters", "ms CPU", _timed(parse), bar=bar)


def _timed(work: Callable[[], object]) -> list[float]:
    times: list[float] = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return times
