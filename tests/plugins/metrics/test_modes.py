"""Modes found, on mixtures whose answer is known."""

from __future__ import annotations

import math

import pytest
import torch

import genlab
from genlab_plugins.metrics.modes import Modes


def score(name: str, x: torch.Tensor, **parameters: object) -> dict[str, float]:
    dataset = genlab.build("dataset", name, **parameters)
    metric = Modes()
    fitted = metric.fit(dataset.load("train"), dataset.spec, seed=0, dataset=dataset)
    return metric.score(fitted, x, x)


def drawn(name: str, n: int, **parameters: object) -> tuple[torch.Tensor, torch.Tensor]:
    dataset = genlab.build("dataset", name, **parameters)
    examples = dataset.draw(n, generator=torch.Generator().manual_seed(1))
    return examples.x, examples.y


@pytest.mark.parametrize(("name", "modes"), [("8-gaussians", 8), ("25-gaussians", 25)])
def test_own_points_find_all_modes_at_the_known_share(name: str, modes: int) -> None:
    found = score(name, drawn(name, 20_000)[0])
    assert found["found"] == modes
    assert found["high-quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert found["total-variation"] < 0.03


def test_one_mode_alone() -> None:
    x, y = drawn("8-gaussians", 4000)
    found = score("8-gaussians", x[y == 3])
    assert found["found"] == 1
    assert found["total-variation"] == pytest.approx(7 / 8, abs=0.01)


def test_points_between_the_modes_are_of_no_quality() -> None:
    found = score("8-gaussians", torch.zeros(10, 2))
    assert found == {"found": 0, "high-quality": 0, "total-variation": 0.5}


def test_knows_oblong_modes_and_weights() -> None:
    spreads = ((0.6, 0.1),) * 8
    weights = (4.0, *[1.0] * 7)
    own = {"covariances": spreads, "weights": weights}
    found = score("8-gaussians", drawn("8-gaussians", 20_000, **own)[0], **own)
    assert found["high-quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)
    assert found["total-variation"] < 0.02


def test_agrees_with_the_distances_by_hand() -> None:
    dataset = genlab.build("dataset", "25-gaussians")
    x = drawn("25-gaussians", 300)[0] + 0.05
    inverse = torch.linalg.inv(dataset.covs)
    good = 0
    for point in x.double():
        squares = [
            (point - m) @ p @ (point - m) for m, p in zip(dataset.means, inverse, strict=True)
        ]
        good += min(squares) <= 9
    assert score("25-gaussians", x)["high-quality"] == pytest.approx(good / 300)


def test_evaluate_hands_the_data_set_on_and_refuses_one_without_modes() -> None:
    for name in ("8-gaussians", "moons"):
        dataset = genlab.build("dataset", name, train=2000, test=2000)
        data = genlab.Data(dataset.spec, dataset.load("train"), dataset.load("test"), dataset)
        if name == "moons":
            with pytest.raises(genlab.RequestError, match="knows its modes, such as '8-gaussians'"):
                genlab.evaluate(data.test.x[:500], data, "modes")
        else:
            records = genlab.evaluate(data.test.x[:500], data, "modes")
            by_name = {record["name"]: record for record in records}
            assert by_name["modes/found"]["value"] == by_name["modes/found"]["baseline"] == 8


def test_fitting_without_a_data_set_is_refused() -> None:
    dataset = genlab.build("dataset", "moons", train=10, test=10)
    with pytest.raises(genlab.RequestError, match="knows its modes"):
        Modes().fit(dataset.load("train"), dataset.spec, seed=0)
