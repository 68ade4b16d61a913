"""How things show themselves in a notebook: pieces of HTML that hold their pictures.

Text keeps the colours of the page around it, and what a picture leaves free is transparent, so that both
suit light and dark pages. Nothing here needs a script or the network.
"""

from __future__ import annotations

import ast
import base64
import html
import inspect
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

    from genlab.protocols.dataset import Dataset
    from genlab.protocols.degradation import Degradation
    from genlab.protocols.sampler import Sampler

__all__ = [
    "card",
    "picture",
    "show_dataset",
    "show_degradation",
    "show_sampler",
    "state_pictures",
    "strip_png",
    "table",
    "values",
]

_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_SIDE = 112  # pixels of one picture of a strip, about
_GAP = 4
_INK = (86, 140, 190)  # of points: readable on white and on black
_REACH = 3.0  # of the square that points are drawn in; they are standardised
_MOST = 1000  # points of a picture
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


def strip_png(pictures: Sequence[Tensor], side: int = _SIDE) -> bytes:
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


def values(component: object) -> dict[str, Any]:
    """Return the parameters of a component with the values that it holds.

    A value is found under the parameter's name, under the name that the constructor stores it with
    (``self.spacing = grid``), or under the parameter's name in a part of the component
    (``self.blur.sigma_max``). Of one that is not kept, the value is an ellipsis.
    """
    own = getattr(component, "__dict__", {})
    parts = {k: v for part in own.values() for k, v in getattr(part, "__dict__", {}).items()}
    stored = {name: own[key] for name, key in _stored(component) if key in own}
    known = {**parts, **own, **stored}
    return {name: known.get(name, ...) for name in _defaults(component)}


def show_degradation(degradation: Degradation) -> str:
    """Return what a degradation is, its parameters and tags, and a made-up example on its way to t = 1."""
    times = ", ".join(f"{t:g}" for t in _TIMES)
    try:
        drawn = picture(strip_png(state_pictures(degradation)), f"an example at t = {times}")
    except Exception:  # it may be a sketch, or made for data of one size: then there is no picture
        drawn = ""
    return _component(degradation, drawn)


def show_sampler(sampler: Sampler) -> str:
    """Return what a sampler is, its parameters and tags."""
    return _component(sampler)


def show_dataset(dataset: Dataset) -> str:
    """Return what a data set is, and some of its test examples where they need no folder."""
    spec = dataset.spec
    size = " × ".join(map(str, spec.shape))
    about = f"{spec.kind}s of shape {size}"
    if spec.classes:
        about += f"; {spec.classes} classes"
        about += f": {textwrap.shorten(', '.join(spec.names), 100)}" if spec.names else ""
    return _component(dataset, html.escape(about), _examples(dataset))


@torch.no_grad()
def state_pictures(degradation: Degradation) -> list[Tensor]:
    """Return a made-up example at five times: images ``(1, 32, 32)``, or points ``(N, 2)``."""
    generator = torch.Generator().manual_seed(0)
    image = "image" in degradation.tags.data
    x_0 = _scene()[None] if image else _spiral(generator)
    z = degradation.draw(x_0, generator=generator)
    states = [degradation.degrade(x_0.clone(), torch.full((len(x_0),), t), z) for t in _TIMES]
    return [x_t[0] if image else x_t for x_t in states]


def _component(component: object, *parts: str) -> str:
    cls = type(component)
    document = inspect.getdoc(cls) or ""
    source = re.search(r"\bSources?: (.+?)(?:\n\s*\n|\Z)", document, re.DOTALL)
    defaults, kept = _defaults(component), values(component)
    rows = [(name, _written(kept[name]), _written(defaults[name])) for name in defaults]
    return card(
        cls.__name__,
        html.escape(document.split("\n")[0]),
        _quiet(" ".join(source[0].split()).replace("`", "")) if source else "",
        table(("parameter", "value", "default"), rows),
        _quiet(_tags(getattr(component, "tags", None))),
        *parts,
    )


def _tags(tags: object) -> str:
    """Name the tags that are true, and those that have a value."""
    if tags is None:
        return ""
    shown = [
        key if value is True else f"{key}: {_written(value)}"
        for key, value in vars(tags).items()
        if value is not False and value is not None and value != frozenset()
    ]
    return f"tags: {', '.join(shown)}" if shown else ""


def _quiet(text: str) -> str:
    return f'<span style="opacity:.7">{html.escape(text)}</span>' if text else ""


def _written(value: Any) -> str:
    """Write a value for reading: short, and without the address of an object."""
    if value is ...:
        return "–"
    if isinstance(value, frozenset):
        return " ".join(sorted(map(str, value)))
    if isinstance(value, str):
        return textwrap.shorten(value, 80)
    if isinstance(value, Tensor) and value.numel() > 1:
        return f"tensor of shape {tuple(value.shape)}"
    text = repr(value)
    return type(value).__name__ if " object at 0x" in text else textwrap.shorten(text, 80)


def _defaults(component: object) -> dict[str, Any]:
    """Return the keyword-only arguments of the constructor with their defaults; an ellipsis for none."""
    return {
        p.name: ... if p.default is inspect.Parameter.empty else p.default
        for p in inspect.signature(type(component).__init__).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _stored(component: object) -> list[tuple[str, str]]:
    """Return pairs of a parameter and the attribute that the constructor stores it in, unchanged."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type(component).__init__)))
    except (OSError, TypeError, SyntaxError):
        return []  # the source is not at hand
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            left, right = node.targets[0], node.value
            paired = isinstance(left, ast.Tuple) and isinstance(right, ast.Tuple)
            pairs = zip(left.elts, right.elts, strict=False) if paired else [(left, right)]  # type: ignore[attr-defined]
            found += [
                (value.id, target.attr)
                for target, value in pairs
                if isinstance(target, ast.Attribute) and isinstance(value, ast.Name)
            ]
    return found


def _examples(dataset: Dataset) -> str:
    """Return a picture of the first test examples; nothing where they cannot be had without a folder."""
    image = dataset.spec.kind == "image"
    if values(dataset).get("download") is True:
        return ""  # to look is no reason to fetch anything
    try:
        x, _ = dataset.load("test", None).first(16 if image else _MOST)
        strip = strip_png(list(x), _SIDE // 2) if image else strip_png([x], 2 * _SIDE)
        return picture(strip, "the first test examples")
    except Exception:  # no folder, no network, or no picture: the text says enough
        return ""


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
    x = x[:_MOST].detach().cpu().float().nan_to_num(_REACH)
    x = x[:, :2] if x.shape[1] > 1 else torch.cat([x, torch.zeros_like(x)], 1)
    inside = x[(x.abs() < _REACH).all(1)] * x.new_tensor([1, -1])
    column, row = ((inside / _REACH + 1) / 2 * (side - 2)).long().unbind(1)
    opacity = torch.zeros(side * side)
    for shift in (0, 1, side, side + 1):  # a point is four pixels
        opacity.index_add_(0, row * side + column + shift, torch.full((len(row),), 150.0))
    pixels = torch.tensor([*_INK, 0.0]).repeat(side, side, 1)
    pixels[..., 3] = opacity.clamp(max=255).reshape(side, side)
    return pixels


def _scene(side: int = 32) -> Tensor:
    """Return an image ``(1, side, side)`` with smooth shades, edges and fine lines."""
    grid = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    shade = 0.4 * y - 0.5
    disc = (x + 0.3).square() + (y + 0.3).square() < 0.22
    bars = (x.sub(0.45).abs() < 0.4) & (y.sub(0.5).abs() < 0.35) & (torch.arange(side) % 4 < 2)
    return torch.where(disc | bars, 0.9, shade)[None]


def _spiral(generator: torch.Generator, n: int = 600) -> Tensor:
    """Return standardised points ``(n, 2)`` on a spiral, a little scattered."""
    angle = 3 * torch.pi * torch.rand(n, generator=generator).sqrt() + 1
    x = angle[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    return (x - x.mean(0)) / x.std(0)
