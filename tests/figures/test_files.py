"""Figures on disk: whole or not at all, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from genlab import DataSpec
from genlab.report.figures.files import figure_bytes, save_figure
from genlab.report.figures.samples import samples
from genlab.report.figures.style import PALETTE, STYLE, style, text_width


def points() -> Figure:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    return samples(x, DataSpec((2,), "vector"))


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_suffix_names_the_format(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = save_figure(points(), tmp_path / "figures" / f"points.{suffix}")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in path.parent.iterdir()] == [f"points.{suffix}"]


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_figure_is_the_same_bytes(format: str) -> None:
    assert figure_bytes(points(), format) == figure_bytes(points(), format)


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_figure(points(), tmp_path / "a.png")
    before = path.read_bytes()

    def broken(*args: object) -> None:
        raise OSError("no space left on device")

    for owner, name in ((Path, "write_bytes"), (Figure, "savefig")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken if owner is Path else lambda *a, **k: broken())
            with pytest.raises(OSError, match="no space"):
                save_figure(points(), path)
        assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
        assert path.read_bytes() == before


def test_a_png_has_the_size_of_the_figure(tmp_path: Path) -> None:
    figure = points()
    with Image.open(save_figure(figure, tmp_path / "a.png")) as image:
        assert image.size == tuple(round(side * figure.dpi) for side in figure.get_size_inches())


def test_drawing_leaves_the_callers_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    figure_bytes(points())
    with pytest.raises(KeyError), style():
        raise KeyError
    assert dict(matplotlib.rcParams) == before


def test_the_first_colours_differ_in_grey_print() -> None:
    def grey(colour: str) -> float:
        r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.299 * r + 0.587 * g + 0.114 * b

    assert len(set(PALETTE)) == len(PALETTE) == 8
    assert abs(grey(PALETTE[0]) - grey(PALETTE[1])) > 0.05


def test_the_style_is_made_of_known_settings() -> None:
    assert set(STYLE) <= set(matplotlib.rcParams)


def test_longer_text_is_wider() -> None:
    assert text_width("") == 0
    assert 0 < text_width("t = 1") < text_width("t = 0.25") < text_width("t = 0.25", 14)
