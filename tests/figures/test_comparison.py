"""Degradations side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genlab.errors import RequestError
from genlab.report.figures.comparison import Degraded, degradations


def test_a_row_is_an_example_on_its_way_and_samples() -> None:
    path = torch.linspace(-1, 1, 3).reshape(3, 1, 1, 1).expand(3, 1, 8, 8)
    rows = [Degraded(name, path, -torch.ones(2, 1, 8, 8)) for name in ("blur", "ink")]
    figure = degradations(rows, (0.0, 0.5, 1.0))
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["blur", "ink"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["t = 0", "t = 0.5", "t = 1"]
    pixels = np.asarray(left.images[0].get_array())[..., 0]
    assert pixels[5, 5] == 0
    assert pixels[5, -5] == 255
    assert np.asarray(right.images[0].get_array())[5, 5, 0] == 0
    with pytest.raises(RequestError):
        degradations([], (0.0, 1.0))
