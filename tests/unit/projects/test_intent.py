"""E6: a question that asks for no change makes no version; in doubt a change is asked for."""

import pytest

from penstock.projects.intent import asks_for_words_only


@pytest.mark.parametrize(
    "prompt",
    [
        "What does this API do?",
        "Which routes are there?",
        "How do I call it with curl?",
        "Hi! Is there a route for deleting items?",
        "Please explain how the search works.",
        "Can you describe the data model?",
        "Why does DELETE answer 404 twice?\nAnd what is returned then?",
        "Should we use another database?",
        "What does app/main.py do?",
        "Does it need Python 3.12? Why is 3.11 not enough?",
        "What's the difference between PUT and PATCH here?",
    ],
)
def test_40_questions_are_answered_in_words(prompt: str) -> None:
    assert asks_for_words_only(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "?",
        "A todo API",
        "Add pagination",
        "Can you add a search route?",
        "Could we have tags?",
        "How about sorting by date?",
        "What if items had an owner?",
        "Why don't you use SQLite?",
        "Why is it slow? Fix it.",
        "What does app/main.py do?Rewrite it",
        "What does it return? Then make it a list.",
        "I want users to log in. Is that possible?",
        "Is it paginated? If not, add that please",
        "It answers 500",
        "Explain it, and add a comment to each route",
    ],
)
def test_40_what_may_ask_for_a_change_is_taken_for_one(prompt: str) -> None:
    assert not asks_for_words_only(prompt)
