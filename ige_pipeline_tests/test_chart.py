"""The small pictures: any reader of PNG must be able to read them."""

import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.chart import COLOURS, columns, png, stacked_bars

Colour = tuple[int, int, int]
SHADES = st.tuples(*[st.integers(0, 255)] * 3)


def pixels(image: bytes) -> list[list[Colour]]:
    """Decode what the standard (RFC 2083) says, and check every sum on the way."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        kind, body = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        assert struct.unpack(">I", image[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        chunks[kind], at = body, at + 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (8, 2, [0, 0, 0])
    raw = zlib.decompress(chunks[b"IDAT"])
    lines = [raw[line * (1 + 3 * width) : (line + 1) * (1 + 3 * width)] for line in range(height)]
    assert {line[0] for line in lines} == {0}
    return [[(line[3 * x + 1], line[3 * x + 2], line[3 * x + 3]) for x in range(width)] for line in lines]


@given(st.integers(1, 9).flatmap(lambda width: st.lists(st.lists(SHADES, min_size=width, max_size=width), min_size=1)))
def test_a_picture_is_read_as_it_was_drawn(rows: list[list[Colour]]) -> None:
    assert pixels(png(rows)) == rows


def test_each_bar_shows_its_parts_at_their_share_of_the_longest() -> None:
    drawn = pixels(stacked_bars([{"scheduled": 3, "blocked": 1}, {"blocked": 8}], width=80, height=2, apart=1))

    assert [row.count(COLOURS["scheduled"]) for row in drawn] == [30, 30, 0, 0, 0]
    assert [row.count(COLOURS["blocked"]) for row in drawn] == [10, 10, 0, 80, 80]


def test_nothing_is_drawn_of_nothing() -> None:
    assert len(pixels(stacked_bars([]))[0]) == len(pixels(stacked_bars([{}]))[0]) == 360
    assert len(pixels(columns([]))) == 40
    assert len(pixels(columns([0, 0]))[0]) == 12


def test_the_highest_column_fills_the_picture() -> None:
    drawn = pixels(columns([1, 4], width=1, height=8))

    assert [len({row[0] for row in drawn}), len({row[1] for row in drawn})] == [2, 1]
