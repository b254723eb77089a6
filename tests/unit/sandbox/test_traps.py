"""E9: what is easily lost has a test that names it, as the decision says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DECISION = ROOT / "docs/decisions/0008-own-sandbox.md"
PLACES = ("tests/harness/hostile.py", "tests/integration/test_sandbox.py", "tests/unit/sandbox/*.py")
NAMED = re.compile(r"\btraps? ((?:\d+(?:, | and )?)+)", re.IGNORECASE)


def test_every_trap_has_a_test_that_names_it() -> None:
    traps = set(re.findall(r"^(\d+)\. ", DECISION.read_text(), re.MULTILINE))
    texts = [path.read_text() for place in PLACES for path in ROOT.glob(place)]
    named = {number for text in texts for found in NAMED.finditer(text) for number in re.findall(r"\d+", found[1])}
    assert traps == named
