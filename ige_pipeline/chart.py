"""Small charts for Dagster's pages: PNG pictures without a library, set into Markdown tables that hold the words."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "scheduled": (46, 125, 50),
    "sent": (46, 125, 50),
    "blocked": (198, 40, 40),
    "dead": (198, 40, 40),
    "rejected": (239, 108, 0),
    "failed": (106, 27, 154),
    "held": (249, 168, 37),
    "waiting": (249, 168, 37),
    "postponed": (2, 119, 189),
    "expired": (117, 117, 117),
    "outranked": (176, 190, 197),
    "cancelled": (176, 190, 197),
}
_OTHER: Colour = (84, 110, 122)
_PAPER: Colour = (236, 239, 241)
_WHITE: Colour = (255, 255, 255)


def stacked_bars(bars: Sequence[Mapping[str, int]], *, width: int = 360, height: int = 12, apart: int = 4) -> bytes:
    """Draw one bar below the other, of coloured parts by the names in COLOURS; the longest fills the width. A PNG."""
    whole = max((sum(parts.values()) for parts in bars), default=0)
    between = [[_WHITE] * width] * apart
    rows: list[list[Colour]] = []
    for parts in bars:
        rows += (between if rows else []) + [_bar(parts, whole=whole, width=width)] * height
    return png(rows or between)


def _bar(parts: Mapping[str, int], *, whole: int, width: int) -> list[Colour]:
    row: list[Colour] = []
    total = 0
    for name, count in parts.items():
        total += count
        end = min(width, round(width * total / whole)) if whole else 0
        row += [COLOURS.get(name, _OTHER)] * (end - len(row))
    return row + [_PAPER] * (width - len(row))


def columns(values: Sequence[float], *, width: int = 6, height: int = 40, colour: Colour = _OTHER) -> bytes:
    """Draw one column a value, the highest as high as the picture; return a PNG."""
    highest = max(values, default=0)
    filled = [round(height * value / highest) if highest else 0 for value in values]
    rows = [
        [colour if height - line <= level else _PAPER for level in filled for _ in range(width)]
        for line in range(height)
    ]
    return png([row or [_PAPER] for row in rows])


def png(rows: Sequence[Sequence[Colour]]) -> bytes:
    """Encode rows of equal length as a PNG of 24 bits a pixel (RFC 2083)."""
    raw = b"".join(b"\0" + bytes(value for colour in row for value in colour) for row in rows)
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(raw, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(image: bytes, about: str) -> str:
    """Return a PNG as Markdown; `about` is read by those who do not see it."""
    return f"![{about}](data:image/png;base64,{b64encode(image).decode()})"
