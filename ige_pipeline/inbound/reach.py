"""How much of a reply is read: a phone writes 1,600 letters at most, and 64 kB would take a second. Pure."""

import unicodedata

_READ = 2_000


def as_far_as_read(text: str) -> tuple[str, bool]:
    """Return a text without its middle where it is too long, and whether that is so; it is kept whole.

    What is empty between its lines and words is squeezed, and one letter may stand for many (\ufdfa for eighteen): both
    would make a short text long to read.
    """
    squeezed = _squeezed(text)
    middle_left_out, cut = _ends(squeezed)
    spread = unicodedata.normalize("NFKD", middle_left_out)
    if len(spread) <= 2 * _READ:
        return middle_left_out, cut
    return _ends(spread)[0], True


def _ends(text: str) -> tuple[str, bool]:
    if len(text) <= 2 * _READ:
        return text, False
    return f"{text[:_READ]}\n{text[-_READ:]}", True


def _squeezed(text: str) -> str:
    """Leave one blank between words, and one empty line between lines: line by line, so that it is done in one pass."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(line for line, before in zip(lines, ["-", *lines], strict=False) if line or before)
