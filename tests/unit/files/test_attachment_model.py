"""Names, texts and addresses of attachments (B13, S10, S21)."""

import pytest

from harness.pictures import PDF
from penstock.files.model import (
    AddressRefused,
    AttachmentTooLarge,
    AttachmentUnsupported,
    Limits,
    decoded,
    disposition,
    id_in,
    read_text,
    safe_name,
)


@pytest.mark.parametrize(
    ("name", "media_type", "shown"),
    [
        ("cat.png", "image/png", "cat.png"),
        ("cat.JPEG", "image/jpeg", "cat.jpeg"),
        ("cat.heic", "image/jpeg", "cat.jpg"),
        ("../../etc/passwd", "image/png", "passwd.png"),
        ("C:\\pictures\\cat.gif", "image/png", "cat.png"),
        ("page.html", "text/plain", "page.html.txt"),
        ("notes.txt", "text/plain", "notes.txt"),
        ("", "image/webp", "picture.webp"),
        ("..", "text/plain", "text.txt"),
        ("gnp.\u202eexe", "image/png", "gnp.png"),
        ('a"b\r\nset-cookie: x.png', "image/png", "a b set-cookie: x.png"),
        ("x" * 500, "image/png", "x" * 120 + ".png"),
        ("猫.png", "image/png", "猫.png"),
    ],
)
def test_a_name_says_what_is_in_the_file_and_nothing_else(name: str, media_type: str, shown: str) -> None:
    assert safe_name(name, media_type) == shown


def test_a_header_holds_any_name() -> None:
    said = disposition('猫 "a".png', "inline")
    assert said.isascii()
    assert "\n" not in said
    assert said == "inline; filename=\"_ _a_.png\"; filename*=UTF-8''%E7%8C%AB%20%22a%22.png"


def test_a_text_is_utf_8_without_nul() -> None:
    assert read_text("\ufeffDäm".encode(), Limits()).data == "Däm".encode()
    for sent in (b"\xff\xfe", b"a\0b", b" \n", b"", PDF, "Däm".encode("latin-1")):
        with pytest.raises(AttachmentUnsupported):
            read_text(sent, Limits())
    with pytest.raises(AttachmentTooLarge):
        read_text(b"x" * 11, Limits(text_size=10))


def test_a_data_url_is_read_as_it_is_written() -> None:
    assert decoded("data:image/png;base64,aGk=") == ("image/png", b"hi")
    assert decoded("data:text/plain;charset=utf-8,D%C3%A4m") == ("text/plain", "Däm".encode())
    assert decoded("data:,x") == ("text/plain", b"x")
    for url in ("data:image/png;base64,@@", "data:image/png;base64", "file:///etc/passwd", "data:x,y", "/etc/passwd"):
        with pytest.raises(AddressRefused):
            decoded(url)


def test_only_our_own_addresses_name_attachments() -> None:
    assert id_in("/api/attachments/abc") == "abc"
    for url in ("https://x/api/attachments/abc", "/api/attachments/", "/api/attachments/a/b", "abc", "/api/chats/abc"):
        assert not id_in(url)
