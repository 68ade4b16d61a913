"""How things show themselves in a notebook: pieces of HTML that hold their pictures.

Text keeps the colours of the page around it, and what a picture leaves free is transparent, so that both
suit light and dark pages. Nothing here needs a script or the network.
"""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "card",
    "made_up_image",
    "made_up_points",
    "picture",
    "quiet",
    "shortened",
    "strip_png",
    "table",
    "tags_line",
]

SIDE = 112  # pixels of one picture of a strip, about
_GAP = 4
_INK = (86, 140, 190)  # of points: readable on white and on black
_REACH = 3.0  # of the square that points are drawn in; they are standardised
MOST_POINTS = 1000  # of a picture
_CELL = "text-align:left;padding:.15em 1em .15em 0"


def card(title: str, *parts: str) -> str:
    """Return a headline, and below it the parts that are not empty.

    Args:
        title: Plain text.
        parts: HTML.
    """
    lines = "".join(f'<div style="margin:.3em 0">{part}</div>' for part in parts if part)
    return f'<div style="margin:.5em 0"><b>{html.escape(title)}</b>{lines}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; nothing where it has no rows.

    Args:
        header: Names of the columns.
        rows: What stands in them, as plain values.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{html.escape(name)}</th>' for name in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{html.escape(str(v))}</td>' for v in row) + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    start = '<table style="border-collapse:collapse;margin:0">'
    return f"{start}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(png: bytes, alt: str) -> str:
    """Return a picture that lies within the page.

    Args:
        png: A PNG file.
        alt: What it shows, in words.
    """
    uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img src="{uri}" alt="{html.escape(alt)}" style="max-width:100%">'


def strip_png(pictures: Sequence[Tensor], side: int = SIDE) -> bytes:
    """Return pictures side by side, as a PNG file with transparent gaps.

    Args:
        pictures: Each ``(C, H, W)`` in [-1, 1], or points ``(N, D)``, of which the first two coordinates
            are drawn.
        side: Length of the longer side of each picture in pixels, about: small ones are enlarged by a
            whole number.
    """
    from PIL import Image

    tiles = [_tile(x, side) for x in pictures]
    whole = sum(tile.width + _GAP for tile in tiles) - _GAP
    strip = Image.new("RGBA", (whole, max(tile.height for tile in tiles)))
    left = 0
    for tile in tiles:
        strip.paste(tile, (left, 0))
        left += tile.width + _GAP
    buffer = io.BytesIO()
    strip.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def quiet(text: str) -> str:
    """Return a line of small importance; nothing where there is no text."""
    return f'<span style="opacity:.7">{html.escape(text)}</span>' if text else ""


def shortened(value: Any) -> str:
    """Write a value for reading: short, and without the address of an object."""
    if isinstance(value, frozenset):
        return " ".join(sorted(map(str, value)))
    if isinstance(value, str):
        return textwrap.shorten(value, 80)
    if isinstance(value, Tensor) and value.numel() > 1:
        return f"tensor of shape {tuple(value.shape)}"
    text = repr(value)
    return type(value).__name__ if " object at 0x" in text else textwrap.shorten(text, 80)


def tags_line(tags: object) -> str:
    """Name the tags that are true, and those that have a value."""
    shown = [
        key if value is True else f"{key}: {shortened(value)}"
        for key, value in vars(tags).items()
        if value is not False and value is not None and value != frozenset()
    ]
    return quiet(f"tags: {', '.join(shown)}") if shown else ""


def _tile(x: Tensor, side: int) -> Image:
    """Return a picture with about this longer side."""
    from PIL import Image

    pixels = _points(x, side) if x.ndim == 2 else _pixels(x)
    longest = max(pixels.shape[:2])
    scale = max(1, side // longest) if longest < 2 * side else side / longest
    height, width = (max(1, round(scale * n)) for n in pixels.shape[:2])
    image = Image.fromarray(pixels.byte().numpy()).convert("RGBA")
    return image.resize((width, height), Image.Resampling.NEAREST)


def _pixels(x: Tensor) -> Tensor:
    """Return an image ``(C, H, W)`` as grey ``(H, W)`` or colour ``(H, W, 3)``, in [0, 255]."""
    u = x.detach().cpu().float().nan_to_num().add(1).mul(127.5).round().clamp(0, 255)
    return u[:3].permute(1, 2, 0) if len(u) >= 3 else u[0]


def _points(x: Tensor, side: int) -> Tensor:
    """Return points ``(N, D)`` as a picture in colour and opacity, ``(side, side, 4)``."""
    x = x[:MOST_POINTS].detach().cpu().float().nan_to_num(_REACH)
    x = x[:, :2] if x.shape[1] > 1 else torch.cat([x, torch.zeros_like(x)], 1)
    inside = x[(x.abs() < _REACH).all(1)] * x.new_tensor([1, -1])
    column, row = ((inside / _REACH + 1) / 2 * (side - 2)).long().unbind(1)
    opacity = torch.zeros(side * side)
    for shift in (0, 1, side, side + 1):  # a point is four pixels
        opacity.index_add_(0, row * side + column + shift, torch.full((len(row),), 150.0))
    pixels = torch.tensor([*_INK, 0.0]).repeat(side, side, 1)
    pixels[..., 3] = opacity.clamp(max=255).reshape(side, side)
    return pixels


def made_up_image(side: int = 32) -> Tensor:
    """Return an image ``(1, side, side)`` with smooth shades, edges and fine lines."""
    grid = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    shade = 0.4 * y - 0.5
    disc = (x + 0.3).square() + (y + 0.3).square() < 0.22
    bars = (x.sub(0.45).abs() < 0.4) & (y.sub(0.5).abs() < 0.35) & (torch.arange(side) % 4 < 2)
    return torch.where(disc | bars, 0.9, shade)[None]


def made_up_points(generator: torch.Generator, n: int = 600) -> Tensor:
    """Return standardised points ``(n, 2)`` on a spiral, a little scattered."""
    angle = 3 * torch.pi * torch.rand(n, generator=generator).sqrt() + 1
    x = angle[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    return (x - x.mean(0)) / x.std(0)
