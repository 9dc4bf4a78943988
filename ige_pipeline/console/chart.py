"""Charts as SVG, made on the server of numbers alone: no script draws them, and no text gets into them unescaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

Values = Sequence[float | None]


def sparkline(values: Values, *, label: str) -> Markup:
    """Draw a small line; where a value is missing the line is broken."""
    width, height, edge = 160.0, 36.0, 4.0
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup("")
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (width - 2 * edge) / max(len(values) - 1, 1)
    points = [
        None if value is None else (edge + step * place, height - edge - (value - low) / span * (height - 2 * edge))
        for place, value in enumerate(values)
    ]
    last = next(point for point in reversed(points) if point is not None)
    return Markup(
        '<svg class="spark" viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}" preserveAspectRatio="none">'
        '<path class="line" d="{path}"/><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/></svg>'
    ).format(w=width, h=height, label=label, path=_path(points), x=last[0], y=last[1])


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Join points; a gap begins a new line."""
    drawn, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        drawn.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(drawn)


def bars(values: Sequence[float], labels: Sequence[str], *, kind: str, label: str) -> Markup:
    """Draw one strip of bars; each says its own value when it is pointed at. `kind` is a class of the style sheet."""
    said = [f"{name}: {value:,.0f}" for name, value in zip(labels, values, strict=True)]
    return _strip(values, said, most=max([*values, 1.0]), kind=kind, label=label)


def _strip(values: Sequence[float], said: Sequence[str], *, most: float, kind: str, label: str) -> Markup:
    width, height = 480.0, 44.0
    step = width / max(len(values), 1)
    drawn = Markup("").join(
        Markup(
            '<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="1.5">'
            "<title>{said}</title></rect>"
        ).format(
            kind=kind if value else "none",
            x=place * step + 1,
            y=height - _tall(value, most, height),
            w=step - 2,
            h=_tall(value, most, height),
            said=said[place],
        )
        for place, value in enumerate(values)
    )
    return Markup(
        '<svg class="bars" viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}" preserveAspectRatio="none">'
        "{drawn}</svg>"
    ).format(w=width, h=height, label=label, drawn=drawn)


def shares(parts: Sequence[float], wholes: Sequence[float], labels: Sequence[str], *, label: str) -> Markup:
    """Draw a share of each whole as a strip of bars; where there was no whole, there is no share."""
    values = [part / whole if whole else 0.0 for part, whole in zip(parts, wholes, strict=True)]
    said = [
        f"{name}: {value:.0%} ({part:,.0f} of {whole:,.0f})" if whole else f"{name}: none was sent"
        for name, value, part, whole in zip(labels, values, parts, wholes, strict=True)
    ]
    return _strip(values, said, most=max([*values, 0.01]), kind="accent", label=label)


def _tall(value: float, most: float, height: float) -> float:
    return 2.0 if not value else max(4.0, value / most * (height - 2))


@dataclass(frozen=True)
class Point:
    """One value of a line: when, how much, and what is said of it when it is pointed at."""

    at: datetime
    value: float
    said: str


def line(points: Sequence[Point], *, limit: float | None = None, label: str) -> Markup:
    """Draw values from 0 to 100 over time, with a dashed line where the `limit` is; at least one point is needed."""
    width, height, left, foot = 480.0, 210.0, 40.0, 26.0
    began, ended = points[0].at, points[-1].at
    span = (ended - began).total_seconds() or 1.0

    def x(at: datetime) -> float:
        return left + 8 + (at - began).total_seconds() / span * (width - left - 20)

    def y(value: float) -> float:
        return 10 + (100 - min(max(value, 0), 100)) / 100 * (height - foot - 18)

    grid = Markup("").join(
        Markup(
            '<line class="grid" x1="{a:.0f}" y1="{y:.1f}" x2="{b:.0f}" y2="{y:.1f}"/>'
            '<text class="tick" x="{t:.0f}" y="{ty:.1f}" text-anchor="end">{n}</text>'
        ).format(a=left, b=width, y=y(tick), t=left - 8, ty=y(tick) + 4, n=tick)
        for tick in (0, 25, 50, 75, 100)
    )
    mark = (
        Markup("")
        if limit is None
        else Markup('<line class="limit" x1="{a:.0f}" y1="{y:.1f}" x2="{b:.0f}" y2="{y:.1f}"/>').format(
            a=left, b=width, y=y(limit)
        )
    )
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{said}</title></circle>').format(
            x=x(point.at), y=y(point.value), said=point.said
        )
        for point in points
    )
    ends = Markup(
        '<text class="tick" x="{a:.0f}" y="{y:.0f}">{first}</text>'
        '<text class="tick" x="{b:.0f}" y="{y:.0f}" text-anchor="end">{last}</text>'
    ).format(a=left, b=width - 4, y=height - 4, first=f"{began:%Y-%m-%d}", last=f"{ended:%Y-%m-%d}")
    path = _path([(x(point.at), y(point.value)) for point in points])
    return Markup(
        '<svg class="chart" viewBox="0 0 {w:.0f} {h:.0f}" role="img" aria-label="{label}">'
        '{grid}{mark}<path class="line" d="{path}"/>{dots}{ends}</svg>'
    ).format(w=width, h=height, label=escape(label), grid=grid, mark=mark, path=path, dots=dots, ends=ends)
