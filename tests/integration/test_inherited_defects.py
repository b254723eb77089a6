"""What went wrong in the two programs that this one is modelled on, and which test shows that it does not here.

Those were read in their source: an older template for building apps in a chat, and a chat template. What is named in
`SHOWN` is shown elsewhere; the rest is shown below.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.penstock import Penstock, ask, openai_at
from harness.people import sign_up
from upstream.process import Upstream

TESTS = Path(__file__).parents[1]
HERE = "integration/test_inherited_defects.py"
MATRIX = "integration/test_matrix.py::test_nobody_reaches_what_is_not_theirs"
SHOWN: Mapping[str, tuple[str, ...]] = {
    "limits counted chats, so follow-ups were free": (f"{HERE}::test_a_follow_up_costs_what_a_first_message_costs",),
    "usage was noted by the client afterwards, so nobody had to": (
        f"{HERE}::test_a_message_is_counted_and_owned_before_the_first_byte",
        "contract/test_quotas.py::test_deleting_chats_gives_nothing_back",
    ),
    "anybody could claim a chat that nobody owned yet": (
        f"{HERE}::test_there_is_no_way_to_claim_fork_or_delete_by_another_address",
        "integration/test_bad_input.py::test_what_cannot_be_asked_is_refused_with_a_code",
    ),
    "a message could be put into another's chat": (MATRIX,),
    "deleting and forking asked for nobody": (
        MATRIX,
        f"{HERE}::test_there_is_no_way_to_claim_fork_or_delete_by_another_address",
    ),
    "a stranger with an account got 403, one without the chat": (MATRIX,),
    "the address was what the client said it was": (
        "integration/test_limits.py::test_a_hundred_forged_headers_from_one_peer_are_one_visitor",
    ),
    "an answer 500 held the words of the exception": (
        "integration/test_telemetry.py::test_an_error_of_ours_is_told_to_the_operator_and_not_to_the_visitor",
        "integration/test_document.py::test_whatever_is_sent_the_answer_is_documented_and_tells_nothing_internal",
    ),
    "a reload on the way from the first page to the chat lost the answer": (
        "integration/test_chat.py::test_a_second_reader_gets_the_whole_answer_from_its_beginning",
        "acceptance/test_browser.py::test_an_answer_streams_survives_a_reload_and_shows_in_a_second_tab",
    ),
    "one more than the limit passed": (
        "contract/test_quotas.py::test_each_kind_has_its_own_number_and_the_owner_none",
    ),
    "counting and inserting were two steps, so that a race passed": (
        "integration/test_limits.py::test_of_a_hundred_sends_with_one_left_exactly_one_is_accepted",
        "contract/test_quotas.py::test_of_a_hundred_sends_with_one_left_exactly_one_is_accepted",
    ),
    "without its store the limiter was silently off": (
        "integration/test_limits.py::test_while_redis_is_away_who_has_no_account_is_refused",
    ),
    "an unknown chat was answered otherwise than another's": (
        MATRIX,
        "contract/test_absence.py::test_what_is_not_yours_takes_the_statements_of_what_is_not_there",
    ),
    "messages had no pages": ("integration/test_chats.py::test_messages_page_back_from_the_newest",),
    "editing destroyed what came after": ("integration/test_chat.py::test_a_new_answer_is_a_sibling_of_the_old_one",),
}
"""Public uploads of a type that the client declares join them with attachments."""


@pytest.mark.parametrize("defect", SHOWN)
def test_each_defect_has_its_test(defect: str) -> None:
    """The names above are of tests that are there."""
    for place in SHOWN[defect]:
        file, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / file).read_text(), place


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    """An installation with an owner, where others have two messages a day."""
    environment = {**openai_at(upstream), "PENSTOCK_DAILY_MESSAGES": "regular=2"}
    installation = Penstock(folder=tmp_path_factory.mktemp("limited"), environment=environment).start()
    with installation.client() as owner:
        sign_up(owner)
    yield installation
    installation.kill()


def test_a_follow_up_costs_what_a_first_message_costs(limited: Penstock) -> None:
    """D4."""
    with limited.client() as client:
        sign_up(client)
        chat_id = ask(client, message="first", model="openai/echo-1-1").start["chatId"]
        ask(client, message="second", chatId=chat_id, model="openai/echo-1-1")
        refused = client.post("/api/chat", json={"message": "third", "chatId": chat_id})
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_used_up")
        assert client.get(f"/api/chats/{chat_id}").json()["messageCount"] == 4


def test_a_message_is_counted_and_owned_before_the_first_byte(limited: Penstock) -> None:
    """D3, D4: whoever leaves at once has used it and owns it, and tells the server nothing afterwards."""
    with limited.client() as client, limited.client() as stranger:
        sign_up(client)
        start = ask(client, until=1, message="x", model="openai/stall-2-1").start
        (used,) = [each for each in client.get("/api/usage").json()["limits"] if each["name"] == "daily-messages"]
        assert used["used"] == 1
        assert client.get(f"/api/chats/{start['chatId']}").status_code == 200
        assert stranger.get(f"/api/chats/{start['chatId']}").status_code == 404
        client.post(f"/api/runs/{start['runId']}/stop")


@pytest.mark.parametrize("place", ["ownership", "delete", "fork", "claim"])
def test_there_is_no_way_to_claim_fork_or_delete_by_another_address(limited: Penstock, place: str) -> None:
    """D3: ids are made by the server, and nothing takes one over."""
    with limited.client() as client, limited.client() as stranger:
        sign_up(client)
        chat_id = client.post("/api/chats", json={"title": "mine"}).json()["id"]
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in (f"/api/chat/{place}", f"/api/chats/{chat_id}/{place}"):
                body = {"chatId": chat_id, "v0ChatId": chat_id, "id": chat_id}
                assert stranger.request(method, path, json=body).status_code in {404, 405}
        assert client.get(f"/api/chats/{chat_id}").json()["title"] == "mine"
