"""Long JSON arrays are cut into their elements wherever they arrive in pieces (B9)."""

import io
import json

import pytest

from penstock.chats.transfer.model import ImportInvalid, ImportTooLarge
from penstock.chats.transfer.split import Splitter, elements

VALUES = [{"a": [1, {"b": "]},[{"}], "c": 'x"\\'}, "plain", 7, None, [], {}, [[1, 2], [3]], "\\", 'é"\\"[,', {"": ""}]
TEXT = json.dumps(VALUES, ensure_ascii=False).encode()


@pytest.mark.parametrize("size", range(1, 40))
def test_elements_are_found_wherever_the_text_is_cut(size: int) -> None:
    splitter = Splitter(1000)
    found = [each for at in range(0, len(TEXT), size) for each in splitter.feed(TEXT[at : at + size])]
    splitter.end()
    assert [json.loads(each) for each in found] == VALUES


@pytest.mark.parametrize("text", [b"[]", b" [ ] \n", b"\xef\xbb\xbf[\n]"])
def test_an_empty_list_has_no_elements(text: bytes) -> None:
    assert list(elements(io.BytesIO(text).read, 10)) == []


@pytest.mark.parametrize(
    "text", [b"", b"[", b"[1", b'["', b'["\\', b"[1] 2", b"[1][2]", b"]", b"{}", b"{", b"x[1]", b"[{]", b"[1}", b"7"]
)
def test_what_is_no_list_is_refused(text: bytes) -> None:
    with pytest.raises(ImportInvalid):
        list(elements(io.BytesIO(text).read, 1000))


def test_an_element_is_never_gathered_beyond_its_limit() -> None:
    assert len(list(elements(io.BytesIO(b'["' + b"x" * 90 + b'","b"]').read, 100))) == 2
    for text in (b'["' + b"x" * 200 + b'"]', b" " * 200 + b"[]", b"[[" + b"[" * 200):
        with pytest.raises(ImportTooLarge):
            list(elements(io.BytesIO(text).read, 100))
