"""Pictures are made anew: nothing but what can be seen of them is left (B13, S21)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pictures import HTML, PDF, PLACE, SCRIPT, SVG, bomb, moving, opened, picture, taken_sideways, talking
from penstock.files.model import AttachmentTooLarge, AttachmentUnsupported, Limits
from penstock.files.pictures import LONGEST_EDGE, make_anew

LIMITS = Limits()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/png")],
)
def test_a_picture_stays_what_it_is(kind: str, media_type: str) -> None:
    made = make_anew(picture(kind), LIMITS)
    shown = opened(made.data).convert("RGB")
    assert (made.media_type, made.width, made.height) == (media_type, 40, 30)
    assert shown.size == (40, 30)
    red, green = (shown.getchannel(each).getpixel((20, 25)) for each in ("R", "G"))
    assert isinstance(red, int)
    assert isinstance(green, int)
    assert red > 200
    assert green < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_depth_and_palette_can_be_shown(mode: str) -> None:
    made = make_anew(picture(mode=mode, colour="white"), LIMITS)
    assert opened(made.data).size == (40, 30)


def test_what_can_be_seen_through_stays_so() -> None:
    made = make_anew(picture(mode="RGBA", colour="#ff000000"), LIMITS)
    pixel = opened(made.data).convert("RGBA").getpixel((20, 25))
    assert isinstance(pixel, tuple)
    assert pixel[3] == 0


def test_a_photo_stands_upright_and_tells_nothing_of_where_it_was_taken() -> None:
    """S21."""
    sent = taken_sideways()
    assert PLACE in sent
    assert b"Exif" in sent
    made = make_anew(sent, LIMITS)
    shown = opened(made.data)
    assert (made.width, made.height) == shown.size == (30, 40)
    assert not shown.getexif()
    assert "comment" not in shown.info
    assert PLACE not in made.data
    assert b"Exif" not in made.data
    # What was the upper half is the right one.
    left, right = (shown.convert("L").getpixel((x, 20)) for x in (2, 27))
    assert isinstance(left, int)
    assert isinstance(right, int)
    assert left < right


@pytest.mark.parametrize("sent", [talking(), moving(), picture() + HTML, picture("JPEG") + SVG + SCRIPT])
def test_what_hides_in_a_picture_is_gone(sent: bytes) -> None:
    """S21: comments, further frames, a page behind the end."""
    made = make_anew(sent, LIMITS)
    shown = opened(made.data)
    assert getattr(shown, "n_frames", 1) == 1
    for hidden in (PLACE, SCRIPT, SVG, b"<html"):
        assert hidden not in made.data


@pytest.mark.parametrize(
    "sent",
    [
        SVG,
        HTML,
        PDF,
        b"",
        b"GIF89a/*" + SCRIPT + b"*/=1;",
        b"\x89PNG\r\n\x1a\n" + SVG,
        b"\xff\xd8\xff" + HTML,
        b"RIFF\0\0\0\0WEBP" + HTML,
        b"BM" + bytes(100),
        b"II*\0" + bytes(100),
        b"8BPS" + bytes(100),
        b"%!PS-Adobe-3.0 EPSF-3.0\n" + SCRIPT,
        picture("PNG")[:60],
        picture("JPEG", (400, 300))[:500],
        picture("BMP"),
        picture("TIFF"),
    ],
)
def test_what_is_no_picture_that_browsers_show_is_refused(sent: bytes) -> None:
    """S21, whatever it begins with."""
    with pytest.raises(AttachmentUnsupported):
        make_anew(sent, LIMITS)


def test_a_small_file_of_very_many_pixels_is_refused_before_it_is_unpacked() -> None:
    """S21: 30,000 by 30,000 pixels in a hundred kilobytes."""
    sent = bomb()
    assert len(sent) < 200_000
    with pytest.raises(AttachmentTooLarge) as raised:
        make_anew(sent, LIMITS)
    assert raised.value.details["limit"] == LIMITS.pixels


def test_a_file_of_many_bytes_is_refused() -> None:
    sent = picture()
    with pytest.raises(AttachmentTooLarge):
        make_anew(sent, Limits(size=len(sent) - 1))
    assert make_anew(sent, Limits(size=len(sent)))


def test_a_large_picture_is_made_as_small_as_models_look_at_it() -> None:
    made = make_anew(picture("JPEG", (6000, 1500)), LIMITS)
    assert (made.width, made.height) == (LONGEST_EDGE, LONGEST_EDGE // 4)


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), st.data())
def test_a_damaged_picture_is_shown_or_refused_and_never_fails(kind: str, data: st.DataObject) -> None:
    sent = bytearray(picture(kind))
    for _ in range(data.draw(st.integers(1, 8))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = make_anew(bytes(sent), Limits(pixels=100_000))
    except (AttachmentUnsupported, AttachmentTooLarge):
        return
    assert opened(made.data)
