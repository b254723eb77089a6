"""Where a request comes from: nothing that a client writes changes it (D7, S19)."""

import pytest

from penstock.api.address import UNKNOWN, client_address, normal_address

PEER = "198.51.100.9"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ([], 0, PEER),
        (["203.0.113.7"], 0, PEER),
        ([], 1, PEER),
        (["203.0.113.7"], 1, "203.0.113.7"),
        (["10.0.0.1, 203.0.113.7"], 1, "203.0.113.7"),
        (["10.0.0.1", "203.0.113.7"], 1, "203.0.113.7"),
        (["10.0.0.1, 203.0.113.7, 192.0.2.1"], 2, "203.0.113.7"),
        (["203.0.113.7"], 3, "203.0.113.7"),
        (["10.0.0.1,203.0.113.7:55555"], 1, "203.0.113.7"),
        (["[2001:db8::1]:443"], 1, "2001:db8::/64"),
        (["10.0.0.1, not an address"], 1, PEER),
        (["10.0.0.1, <script>"], 1, PEER),
        ([", ,"], 1, PEER),
        (["10.0.0.1, unknown, 192.0.2.1"], 2, "192.0.2.1"),
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_heard(
    forwarded: list[str], proxies: int, address: str
) -> None:
    """D7: proxies are counted from the right; what stands further left may be forged."""
    assert client_address(PEER, forwarded, proxies) == address


def test_a_hundred_forged_headers_are_one_address() -> None:
    """S19."""
    forged = [f"203.0.113.{number}" for number in range(100)]
    assert {client_address(PEER, [each], 0) for each in forged} == {PEER}
    assert {client_address("10.0.0.1", [f"{each}, {PEER}"], 1) for each in forged} == {PEER}
    assert {client_address("10.0.0.1", [each, PEER], 1) for each in forged} == {PEER}


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("2001:DB8:0:0:1:2:3:4", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("fe80::2%wlan0", "fe80::/64"),
        ("::1", "::/64"),
        ("[::1]", "::/64"),
        ("203.0.113.7:80", "203.0.113.7"),
        ("203.0.113", None),
        ("203.0.113.256", None),
        ("0203.0.113.7", None),
        ("203.0.113.7/8", None),
        ("127.1", None),
        ("0x7f.1", None),
        ("", None),
        ("unknown", None),
        ("[203.0.113.7", None),
        ("1" * 10_000, None),
    ],
)
def test_one_address_has_one_form(text: str, normal: str | None) -> None:
    """D7: IPv6 by /64; a mapped address is the IPv4 one; what is no address is none."""
    assert normal_address(text) == normal


def test_who_has_no_address_is_one_with_all_who_have_none() -> None:
    """D7: clients of a Unix socket."""
    assert client_address("", [], 0) == UNKNOWN
    assert client_address("", ["nonsense"], 1) == UNKNOWN
