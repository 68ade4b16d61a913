"""Names of classes and runs appear in figures and pages as they are."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import torch
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text

from genlab import DataSpec
from genlab.evaluation.comparison import Number
from genlab.report.figures.comparison import Curves, bars, curves, side_by_side
from genlab.report.figures.confusion import confusion
from genlab.report.figures.files import figure_bytes
from genlab.report.figures.samples import samples
from genlab.report.text import as_it_is

NAMES = ("$x$", "a_b^c", "_hidden", "[red]", "<b>&", r"50% \$", "$\\frac$ {", "plain")


def told(drawing: Drawing) -> set[str]:
    """Return all texts of a figure as they are drawn, after matplotlib has read them."""
    figure_bytes(drawing, "png")
    found = set()
    for each in drawing.findobj(Text):
        shown, is_formula = each._preprocess_math(each.get_text())
        if not is_formula:  # as labels of a logarithmic axis are
            found.add(shown.replace("\N{WORD JOINER}", ""))
    return found


def test_names_are_no_formulas_and_stay_in_legends() -> None:
    spec = DataSpec((2,), "vector", len(NAMES), NAMES)
    x = torch.randn(80, 2, generator=torch.Generator().manual_seed(0))
    assert set(NAMES) <= told(samples(x, spec, y=torch.arange(80) % len(NAMES)))


def test_names_of_images_and_of_a_confusion_matrix() -> None:
    spec = DataSpec((1, 4, 4), "image", len(NAMES), NAMES)
    y = torch.arange(16) % len(NAMES)
    assert set(NAMES) <= told(samples(torch.zeros(16, 1, 4, 4), spec, y=y))
    posteriors = torch.eye(len(NAMES))[y].add(1e-3).log()
    assert set(NAMES) <= told(confusion(posteriors, y, spec))


def test_names_of_runs() -> None:
    number = Number("frechet", {}, tuple({"value": 1.0} for _ in NAMES))
    assert set(NAMES) <= told(bars(NAMES, [number]))
    history = [{"step": float(step), "loss": 1 / step} for step in range(1, 30)]
    drawing = curves([Curves(name, "l2", history) for name in NAMES])
    assert drawing
    assert set(NAMES) <= told(drawing)
    x = torch.zeros(4, 1, 4, 4)
    spec = DataSpec((1, 4, 4), "image")
    assert set(NAMES) <= told(side_by_side([(name, x) for name in NAMES], spec, columns=2))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_itself_in_a_picture_of_vectors(name: str) -> None:
    drawing = Drawing(figsize=(2, 1))
    drawing.text(0.1, 0.5, as_it_is(name))
    assert ElementTree.fromstring(figure_bytes(drawing, "svg")).tag.endswith("svg")
    assert as_it_is("plain") == "plain"
