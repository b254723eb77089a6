"""Under which names a server is reached, and whether a request comes from the machine itself (D4)."""

from typing import Any

import pytest

from penstock.api.site import Site, host_name, is_loopback


def request(host: str = "127.0.0.1:8000", **changes: Any) -> dict[str, Any]:
    headers = {"host": host, **changes.pop("headers", {})}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "headers": raw,
        **changes,
    }


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Localhost:8000", "localhost"),
        ("localhost.", "localhost"),
        ("[::1]:80", "::1"),
        ("a.b:c", None),
        ("a b", None),
        ("user@localhost", None),
        ("localhost/x", None),
        ("localhost#x", None),
        ("[::1", None),
        ("", None),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str | None) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize("name", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_names_of_the_machine_itself(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name", ["localhost.evil.example", "notlocalhost", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.nip.io", "2130706433"]
)
def test_names_of_others(name: str) -> None:
    assert not is_loopback(name)


@pytest.mark.parametrize("bound", ["0.0.0.0", "::", "192.168.0.2", "chat.example.org"])
def test_a_server_that_others_can_reach_has_no_local_visitor(bound: str) -> None:
    """D4."""
    assert not Site(bound_host=bound).is_local(request())
    assert Site(bound_host="127.0.0.1").is_local(request())
    assert Site(bound_host="::1").is_local(request("[::1]", client=("::1", 1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"client": ("10.0.0.1", 1)},
        {"client": None},
        {"http_version": "1.0"},
        {"host": "evil.example"},
        {"headers": {"x-forwarded-anything": "x"}},
        {"headers": {"x-envoy-external-address": "x"}},
        {"headers": {"origin": "null"}},
        {"headers": {"referer": "https://chat.example.org/x"}},
    ],
)
def test_what_shows_that_somebody_else_is_asking(changes: dict[str, Any]) -> None:
    """D4."""
    assert not Site().is_local(request(**changes))
    assert not Site(has_local_owner=False).is_local(request())


def test_a_public_address_is_a_name_of_ours_and_says_how_browsers_come() -> None:
    """D1: cookies are `__Host-` there, and here they are not."""
    site = Site(public_url="https://chat.example.org")
    there, here = request("chat.example.org"), request()
    assert site.allows(there)
    assert (site.is_secure(there), site.is_secure(here)) == (True, False)
    assert site.base_url(there) == "https://chat.example.org"
    assert Site().is_secure(request(scheme="https"))
    assert Site().base_url(here) == "http://127.0.0.1:8000"


def test_names_are_allowed_one_by_one_below_one_or_all() -> None:
    """D4."""
    for allowed, host, is_ours in (
        (("a.org",), "A.org:1", True),
        (("a.org",), "b.a.org", False),
        (("*.a.org",), "b.a.org", True),
        (("*.a.org",), "a.org", False),
        (("*",), "anything", True),
    ):
        assert Site(allowed_hosts=allowed).allows(request(host)) is is_ours
    assert Site(bound_host="0.0.0.0").allows(request("10.1.2.3"))
    assert not Site(bound_host="127.0.0.1").allows(request("10.1.2.3"))
    assert not Site(bound_host="0.0.0.0").allows(request("rebound.example"))
