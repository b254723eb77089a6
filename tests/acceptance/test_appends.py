"""Serving processes and producers are killed while streams are appended to over HTTP."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from acceptance.crash.appends import OpenSite, open_embedded, open_pair, play_appends


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "opened", [open_embedded, pytest.param(open_pair, marks=pytest.mark.long)], ids=["sqlite", "two processes"]
)
async def test_what_was_acknowledged_is_in_the_log_once(
    tmp_path: Path, opened: Callable[..., AbstractContextManager[OpenSite]]
) -> None:
    """A4, A6, A7: serving processes and producers die in mid-append; nothing is lost, twice, or shown and not kept."""
    with opened(tmp_path, is_forked=True) as site:
        row = await play_appends("appends", site, kills=10, seed=1)
    assert row.is_clean, "\n".join(row.details)
    assert row.kills == 10
