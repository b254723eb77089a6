"""What holds for the decoders of all wire formats, whatever their bytes (C2)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.base import Delta, ErrorKind, Finish, ProviderError
from penstock.providers.decoder import Decoder

Result = tuple[list[Delta], ErrorKind | None]
Case = tuple[bytes, Sequence[Delta], ErrorKind | None]
"""The bytes of one answer, and what they become."""


class Decode(Protocol):
    """Decodes the bytes of one answer, cut into these pieces."""

    def __call__(self, *chunks: bytes) -> Result: ...


def drain(decoder: Decoder, chunks: Sequence[bytes], cause: ProviderError | None = None) -> Result:
    """Return all that the decoder makes of the pieces, to the end."""
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    deltas += decoder.end(cause)
    assert decoder.done
    assert (decoder.error is None) == (bool(deltas) and isinstance(deltas[-1], Finish))
    return deltas, decoder.error.kind if decoder.error else None


def check_framing(decode: Decode, streams: Mapping[str, Case]) -> None:
    """Check that line ends and places of cuts make no difference: every single cut, and any number of them."""
    for name, (stream, deltas, error) in streams.items():
        lines = stream.replace(b"\r\n", b"\n")
        assert decode(lines) == (deltas, error), name
        assert decode(lines.replace(b"\n", b"\r\n")) == (deltas, error), name
        for at in range(len(stream) + 1):
            assert decode(stream[:at], stream[at:]) == (deltas, error), (name, at)

    @given(name=st.sampled_from(sorted(streams)), cuts=st.lists(st.integers(0, 3000)))
    def check(name: str, cuts: list[int]) -> None:
        stream, deltas, error = streams[name]
        places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
        assert decode(*(stream[first:last] for first, last in pairwise(places))) == (deltas, error)

    check()


def check_noise(decode: Decode) -> None:
    """Check that no bytes make the decoder raise."""

    @given(st.binary())
    def check(noise: bytes) -> None:
        decode(noise)
        decode(b"data: " + noise + b"\n\n")

    check()
