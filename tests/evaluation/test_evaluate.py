"""Measuring samples: what each number stands beside, what is refused, and in which order things are drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import genlab
from genlab import (
    ArrayDataset,
    Data,
    DataSpec,
    Examples,
    Metric,
    MetricTags,
    RequestError,
    RunError,
    build,
    evaluate,
)
from genlab.components import loaded
from genlab.evaluation import built_metrics, misfit, require_metric_fits
from genlab.seeds import generator_of, sub_seed
from genlab.testing.tiny import TwoNormals


class Means(Metric):
    """The distance of the means, and what it was given.

    Args:
        scale: A factor.
    """

    tags = MetricTags(features="means", at_least=50, at_most=80)

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale
        self.given: list[tuple[Tensor, Tensor]] = []
        self.fitted: list[Any] = []

    def fit(self, train: Examples, spec: DataSpec, *, seed: int, **modes: Any) -> int:
        self.fitted.append((train, spec, seed, modes))
        return seed

    def score(self, fitted: Any, x: Tensor, real: Tensor) -> dict[str, float]:
        self.given.append((x, real))
        distance = self.scale * float((x.mean(0) - real.mean(0)).norm())
        return {"Means": distance, "seen": len(x) + len(real) / 1e4}


class TrainDistance(Means):
    """Is itself a distance to the training split."""

    tags = MetricTags(baseline="test")


def data(train: int = 300, test: int = 200) -> Data:
    """Points that tell their split and number: train from 0 on, test from 10000 on."""
    spec = DataSpec((2,), "vector")
    splits = [
        Examples(start + torch.arange(n, dtype=torch.float32)[:, None].repeat(1, 2))
        for start, n in ((0, train), (10_000, test))
    ]
    return Data(spec, *splits, dataset=TwoNormals())


def samples(n: int) -> Tensor:
    return -torch.arange(1.0, n + 1)[:, None].repeat(1, 2)


def ids(x: Tensor) -> list[int]:
    return x[:, 0].int().tolist()


# --- records


def test_a_record_holds_all_that_is_needed_to_trust_it() -> None:
    metric = Means()
    first, second = evaluate(samples(60), data(), metric, seed=5)
    (x, real), (stand_in, against) = metric.given
    distance, baseline = (
        float((a.mean(0) - b.mean(0)).norm()) for a, b in ((x, real), (stand_in, against))
    )
    assert first == {
        "name": "Means", "value": pytest.approx(distance), "n": 60, "features": "means",
        "reference": "test", "reference_n": 60, "seed": 5, "ema": True,
        "baseline": pytest.approx(baseline), "baseline_n": 60,
    }  # fmt: skip
    assert second["name"] == "Means/seen"
    assert second["value"] == second["baseline"] == 60 + 60 / 1e4
    ((train, spec, seed, modes),) = metric.fitted
    assert (len(train), spec.shape, seed, modes) == (300, (2,), sub_seed(5, "metric"), {})
    assert evaluate(samples(60), data(), Means(), ema=False)[0]["ema"] is False


def test_samples_are_held_against_the_test_split_and_so_is_the_baseline() -> None:
    """In place of the samples: as many examples of the test split, against as many of the training split."""
    metric = Means()
    evaluate(samples(60), data(), metric)
    (x, real), (stand_in, against) = metric.given
    assert ids(x) == [-i for i in range(1, 61)]
    assert len(set(ids(real))) == 60
    assert min(ids(real)) >= 10_000
    assert ids(real) != sorted(ids(real)), "they are chosen at random"
    assert torch.equal(stand_in, real)
    assert len(set(ids(against))) == 60
    assert max(ids(against)) < 10_000


@pytest.mark.parametrize(("n", "half"), [(60, 60), (150, 100)])
def test_a_distance_to_the_training_split_has_one_half_of_the_test_split_against_the_other(
    n: int, half: int
) -> None:
    metric = TrainDistance()
    record, _ = evaluate(samples(n), data(), metric)
    stand_in, against = metric.given[1]
    assert (len(stand_in), len(against), record["baseline_n"]) == (half, half, half)
    assert min(ids(stand_in) + ids(against)) >= 10_000
    assert not set(ids(stand_in)) & set(ids(against))


def test_against_the_training_split_real_examples_are_all_of_that() -> None:
    """By such numbers something is chosen, and no test example has a part in it."""
    metric = Means()
    record, _ = evaluate(samples(60), data(), metric, against="train")
    assert (record["reference"], record["reference_n"], record["baseline_n"]) == ("train", 60, 60)
    (_, real), (stand_in, others) = metric.given
    assert max(ids(real) + ids(stand_in) + ids(others)) < 10_000
    assert not set(ids(stand_in)) & set(ids(others))
    with pytest.raises(RequestError, match=r"^unknown split 'val'"):
        evaluate(samples(60), data(), metric, against="val")  # type: ignore[arg-type]
    halves = TrainDistance()
    evaluate(samples(60), data(), halves, against="train")
    assert min(ids(halves.given[1][0]) + ids(halves.given[1][1])) >= 10_000


def test_a_test_split_of_one_is_its_own_baseline() -> None:
    metric = TrainDistance()
    evaluate(samples(5), data(test=1), metric)
    assert [ids(part) for part in metric.given[1]] == [[10_000], [10_000]]


def test_fewer_real_examples_are_told() -> None:
    record, _ = evaluate(samples(60), data(test=20), Means())
    assert (record["n"], record["reference_n"], record["baseline_n"]) == (60, 20, 20)
    assert "60 samples against 20 real examples" in record["warning"]


def test_a_metric_is_given_at_most_what_it_looks_at() -> None:
    metric = Means()
    record, seen = evaluate(samples(150), data(), metric)
    assert (record["n"], record["reference_n"], seen["value"]) == (80, 80, 80 + 80 / 1e4)
    assert ids(metric.given[0][0]) == [-i for i in range(1, 81)], "the first ones"


def test_few_samples_carry_a_warning() -> None:
    assert "warning" not in evaluate(samples(50), data(), Means())[0]
    for record in evaluate(samples(49), data(), Means()):
        assert record["warning"] == (
            "Means of 49 samples against 49 real examples is biased: it takes 50 of each, and compares "
            "only with numbers of the same N"
        )


def test_the_same_seed_measures_the_same() -> None:
    found = []
    for seed in (0, 0, 1):
        metric = Means()
        evaluate(samples(60), data(), metric, seed=seed)
        found.append((ids(metric.given[0][1]), ids(metric.given[1][1])))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1] != found[2][1]


def test_what_is_done_is_told() -> None:
    told: list[int] = []
    evaluate(samples(60), data(), [Means(), TrainDistance()], advance=told.append)
    assert told == [1, 2]


class Bounded(Means):
    """Knows an interval of the one number, and none of the other."""

    def intervals(
        self, fitted: Any, x: Tensor, real: Tensor, values: Any, *, generator: torch.Generator
    ) -> dict[str, tuple[float, float] | None]:
        assert torch.equal(x, self.given[-1][0])
        assert torch.equal(real, self.given[-1][1])
        spread = float(torch.rand(1, generator=generator))
        return {"Means": (values["Means"] - spread, values["Means"] + 1), "seen": None}


def test_a_metric_that_knows_intervals_is_asked_for_them() -> None:
    record, seen = evaluate(samples(60), data(), {"Means": Bounded()}, seed=5)
    spread = float(torch.rand(1, generator=generator_of(5, "interval")))
    assert record["interval"] == pytest.approx([record["value"] - spread, record["value"] + 1])
    assert "interval" not in seen
    plain = evaluate(samples(60), data(), {"Means": Means()}, seed=5)
    unasked = evaluate(samples(60), data(), {"Means": Bounded()}, seed=5, intervals=False)
    assert plain == unasked
    assert plain[0] == {key: value for key, value in record.items() if key != "interval"}


# --- naming metrics


def test_metrics_by_name_or_as_objects() -> None:
    sliced = build("metric", "sliced-wasserstein", projections=7)
    means = Means()
    for given, names in (
        ("mmd", ["mmd"]),
        (means, ["Means"]),
        (sliced, ["sliced-wasserstein"]),
        (["mmd", sliced, means], ["mmd", "sliced-wasserstein", "Means"]),
        ({"mmd": {}, "my-name": means}, ["mmd", "my-name"]),
    ):
        assert list(built_metrics(given)) == names  # type: ignore[arg-type]
    assert built_metrics(sliced)["sliced-wasserstein"] is sliced
    assert built_metrics({"sliced-wasserstein": {"projections": 3}})[
        "sliced-wasserstein"
    ].params == {"projections": 3}
    with pytest.raises(RequestError, match=r"unknown metric 'mmdd'\. Did you mean 'mmd'"):
        built_metrics("mmdd")
    with pytest.raises(RequestError, match=r"metric\.projections"):
        built_metrics({"sliced-wasserstein": {"projections": 0}})


def test_a_name_of_its_own_stands_in_the_records() -> None:
    records = evaluate(samples(60), data(), {"mine": Means(scale=0)})
    assert [record["name"] for record in records] == ["mine/Means", "mine/seen"]


def test_a_real_metric_of_real_data_is_its_baseline() -> None:
    made = loaded(TwoNormals())
    x, _ = made.dataset.draw(500, generator=torch.Generator().manual_seed(9)).first(500)  # type: ignore[attr-defined]
    (same,) = evaluate(x, made, "sliced-wasserstein")
    (off,) = evaluate(x + 2, made, "sliced-wasserstein")
    assert same["value"] == pytest.approx(same["baseline"], abs=0.1)
    # moved by 2 in both coordinates, projected: 2 |cos a + sin a|, whose mean square is 4
    assert off["value"] == pytest.approx(2.0, abs=0.15)
    assert off["baseline"] == same["baseline"]


# --- refusals


def test_no_samples_are_refused() -> None:
    with pytest.raises(RequestError, match="x has no example"):
        evaluate(samples(0), data(), Means())


def test_samples_that_are_not_finite_are_counted() -> None:
    x = samples(20)
    x[3:5, 1] = torch.nan
    x[7] = torch.inf
    with pytest.raises(RunError, match="the metric 'Means': 3 of 20 samples are not finite"):
        evaluate(x, data(), Means())
    beyond = samples(100)
    beyond[99] = torch.nan
    assert evaluate(beyond, data(), Means()), "the metric looks at the first 80"


IMAGES = ArrayDataset(x=torch.zeros(4, 1, 2, 2), y=[0, 1, 0, 1])


@pytest.mark.parametrize(
    ("tags", "dataset", "message"),
    [
        (
            MetricTags(data=frozenset({"image"})),
            TwoNormals(),
            r"the metric 'm' is for image data, and this data is vector data of shape \(2,\)",
        ),
        (MetricTags(data=frozenset({"volume", "series"})), IMAGES, "is for series and volume data"),
        (
            MetricTags(labels=True),
            ArrayDataset(x=torch.zeros(4, 2)),
            "'m' needs labels, and this data has none",
        ),
        (
            MetricTags(modes=True),
            TwoNormals(),
            "such as '8-gaussians' or '25-gaussians', and TwoNormals does not",
        ),
        (MetricTags(modes=True), None, "and this data does not"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused(
    tags: MetricTags, dataset: Any, message: str
) -> None:
    metric = Means()
    metric.tags = tags
    spec = TwoNormals().spec if dataset is None else dataset.spec
    with pytest.raises(RequestError, match=message):
        require_metric_fits("m", metric, spec, dataset)
    if dataset is not None:
        with pytest.raises(RequestError, match=message):
            evaluate(samples(10), loaded(dataset), {"m": metric})


def test_a_metric_that_fits_is_not() -> None:
    metric = Means()
    assert misfit("m", metric, TwoNormals().spec, TwoNormals()) is None
    metric.tags = MetricTags(labels=True)
    assert misfit("m", metric, IMAGES.spec, IMAGES) is None


def test_a_metric_of_modes_is_given_the_data_set() -> None:
    modes = genlab.load("8-gaussians")

    class Knows(Means):
        """Looks at modes."""

        tags = MetricTags(modes=True)

    metric = Knows()
    evaluate(modes.test.first(60)[0], modes, metric)
    assert metric.fitted[0][3] == {"dataset": modes.dataset}
    found = {r["name"]: r["value"] for r in evaluate(modes.test.first(2000)[0], modes, "modes")}
    assert found["modes/found"] == 8
    assert found["modes/high-quality"] == pytest.approx(0.989, abs=0.01)
