"""How made-up runs differ: settings, numbers, groups over a setting, and where a comparison is unfair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from scipy import stats

from genlab import RequestError
from genlab.evaluation.comparison import (
    Compared,
    Number,
    aggregated,
    differences,
    groups_over,
    numbers_of,
    unfair,
)

BLUR = {"name": "blur", "sigma_max": 8.0}
NOISE = {"name": "gaussian", "schedule": "cosine"}


def record(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "n": 500, "reference_n": 360, "features": "f", "baseline": 0.1,
            "reference": "test", "ema": True, **more}  # fmt: skip


def run(
    name: str,
    *records: Mapping[str, Any],
    degradation: Mapping[str, Any] = BLUR,
    dataset: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    seed: int = 0,
    metrics: Mapping[str, Any] | None = None,
    **tables: Any,
) -> Compared:
    whole = {
        "experiment": name, "dataset": dataset or {"name": "digits"}, "degradation": degradation,
        "metrics": [{"name": "frechet"}], "figures": [{"name": name}],
        "training": {"steps": 60, "batch": 64, **(training or {})}, "sampling": {"steps": 5},
        "seed": seed, "data": name, **tables,
    }  # fmt: skip
    found = {"steps": 60, "sampling_steps": 5, "device": "cpu", **(metrics or {})}
    return Compared(
        name, f"{degradation['name']} + unet", whole, {**found, "metrics": list(records)}
    )


# --- settings


def test_every_differing_setting_is_there_and_no_other() -> None:
    a = run("a", optimiser={"name": "adamw", "lr": 0.001, "betas": [0.9, 0.99]})
    b = run(
        "b",
        degradation=NOISE,
        seed=4,
        optimiser={"name": "adamw", "lr": 0.002, "betas": [0.9, 0.99]},
    )
    assert differences([a, b]) == {
        "degradation": ("blur", "gaussian"),
        "degradation.sigma_max": (8.0, None),
        "degradation.schedule": (None, "cosine"),
        "seed": (0, 4),
        "optimiser.lr": (0.001, 0.002),
    }  # fmt: skip
    assert list(differences([a, b]))[:3] == [
        "degradation", "degradation.sigma_max", "degradation.schedule"
    ]  # fmt: skip
    assert differences([a, a]) == {}
    third = run("c", degradation=BLUR, optimiser={"class": "mine:Own"})
    assert differences([a, third])["optimiser"] == ("adamw", "mine:Own")
    assert differences([a, b, a])["seed"] == (0, 4, 0)


def test_what_is_measured_is_told_in_words() -> None:
    a, b = run("a"), run("b", metrics=None)
    tables = {**b.tables, "metrics": [{"name": "kernel"}, {"name": "prdc", "neighbours": 3}]}
    other = Compared("b", "", tables)
    assert differences([a, other]) == {"metrics": (["frechet"], ["kernel", "prdc(neighbours=3)"])}


# --- numbers


def test_numbers_stand_side_by_side() -> None:
    a = run("a", record("frechet", 1.5), record("mmd", 0.25))
    numbers = numbers_of([a, run("b"), run("c", record("kid", 0), record("mmd", 1))])
    assert [number.name for number in numbers] == ["frechet", "mmd", "kid"]
    values = [[r and r["value"] for r in number.records] for number in numbers]
    assert values == [[1.5, None, None], [0.25, None, 1], [None, None, 0]]
    assert numbers_of([run("b")]) == []


def test_a_number_measured_in_another_way_is_another_number() -> None:
    a = run("a", record("f", 1.0, sampler="heun", sampling_steps=9), record("f", 2.0))
    b = run("b", record("f", 3.0), record("f", 4.0, sampling_steps=9),
            record("f", 5.0, checkpoint="best"))  # fmt: skip
    found = {n.label: [r and r["value"] for r in n.records] for n in numbers_of([a, b])}
    assert found == {
        "f": [2.0, 3.0], "f (heun, 9 steps)": [1.0, None], "f (9 steps)": [None, 4.0],
        "f (best)": [None, 5.0],
    }  # fmt: skip
    assert next(iter(found)) == "f", "the runs' own numbers stand first"


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        (((500, 2000), (2000, 500)), [2000, 2000]),
        (((500, 2000), (500,)), [500, 500]),
        (((500,), (2000, 900)), [500, 2000]),
    ],
)
def test_of_several_n_the_largest_that_all_have_is_taken(sizes: Any, taken: list[int]) -> None:
    runs = [
        run(str(i), *(record("f", float(n), n=n) for n in each)) for i, each in enumerate(sizes)
    ]
    (number,) = numbers_of(runs)
    assert [r and r["n"] for r in number.records] == taken


# --- groups


def seeds(kind: Mapping[str, Any], values: list[float], **options: Any) -> list[Compared]:
    return [
        run(f"{kind['name']}-{i}", record("f", v, **options), degradation=kind, seed=i)
        for i, v in enumerate(values)
    ]


def test_runs_that_differ_in_the_seed_alone_are_put_together() -> None:
    blur, noise = seeds(BLUR, [1.0, 2.0, 6.0]), seeds(NOISE, [5.0])
    wide = run("wide", record("f", 9.0), degradation={**BLUR, "sigma_max": 9.0})
    runs = [blur[0], noise[0], blur[1], wide, blur[2]]
    groups = groups_over(runs, "seed")
    assert [(g.members, g.values) for g in groups] == [
        ((0, 2, 4), (0, 1, 2)),
        ((1,), (0,)),
        ((3,), (0,)),
    ]
    assert [g.name for g in groups] == [
        "blur, degradation.sigma_max 8.0", "gaussian", "blur, degradation.sigma_max 9.0"
    ]  # fmt: skip
    number = aggregated(numbers_of(runs)[0], groups)
    mean, single, _ = number.records
    assert mean is not None
    assert single is not None
    low, high = stats.t.interval(0.95, 2, loc=3.0, scale=stats.sem([1.0, 2.0, 6.0]))
    assert mean["interval"] == pytest.approx([low, high])
    assert (mean["value"], mean["runs"], mean["range"]) == (3.0, 3, [1.0, 6.0])
    assert mean["values"] == [1.0, 2.0, 6.0]
    assert (mean["n"], mean["baseline"]) == (500, pytest.approx(0.1))
    assert (single["value"], single["runs"]) == (5.0, 1)
    assert "interval" not in single, "one seed says nothing of others"


def test_what_a_run_was_watched_by_does_not_matter() -> None:
    a = run("a", training={"log_every": 2}, evaluation={"times": 4})
    b = run("b", training={"log_every": 5}, evaluation={"times": 0}, seed=1)
    (group,) = groups_over([a, b], "seed")
    assert group.members == (0, 1)
    assert group.name == "blur + unet"


def test_a_component_takes_its_parameters_along() -> None:
    runs = [run("a", degradation=BLUR), run("b", degradation=NOISE), run("c", seed=1)]
    groups = groups_over(runs, "degradation")
    assert [(g.members, g.values) for g in groups] == [
        ((0, 1), ("blur", "gaussian")),
        ((2,), ("blur",)),
    ]
    assert [g.name for g in groups] == ["seed 0", "seed 1"]


def test_other_n_of_one_group_have_none() -> None:
    runs = [run("a", record("f", 1.0, n=100)), run("b", record("f", 2.0, n=200), seed=1)]
    (number,) = numbers_of(runs)
    (mean,) = aggregated(number, groups_over(runs, "seed")).records
    assert mean is not None
    assert "n" not in mean


def test_a_number_that_no_run_of_a_group_has_is_none() -> None:
    runs = [*seeds(BLUR, [1.0, 2.0]), run("c", degradation=NOISE)]
    assert aggregated(numbers_of(runs)[0], groups_over(runs, "seed")).records[1] is None


def test_a_setting_that_puts_nothing_together_is_refused() -> None:
    runs = [run("a"), run("b", degradation=NOISE, seed=1)]
    with pytest.raises(RequestError, match="nothing but seed: they differ in degradation, "):
        groups_over(runs, "seed")
    with pytest.raises(
        RequestError, match=r"unknown setting that differs 'sed'. Did you mean 'seed'"
    ):
        groups_over(runs, "sed")


# --- fairness


def warned(*runs: Compared, over: str | None = None) -> list[str]:
    return [
        line
        for line in unfair(runs, numbers_of(runs), over=over)
        if not line.startswith("one seed only")
    ]


def test_a_fair_comparison_has_no_warning() -> None:
    runs = [*seeds(BLUR, [1.0, 2.0]), *seeds(NOISE, [3.0, 4.0])]
    assert unfair(runs, numbers_of(runs)) == []


@pytest.mark.parametrize(
    ("one", "other", "line"),
    [
        ({}, {"dataset": {"name": "mnist"}}, "other data, and so other test data: digits (a), mnist (b)"),
        (
            {}, {"dataset": {"class": "m:Own", "unwritten": ["x"], "share": 0.1}},
            "other data, and so other test data: digits (a), m:Own, share = 0.1 (b)",
        ),
        (
            {"dataset": {"name": "digits", "train": 9}}, {"dataset": {"name": "digits", "train": 8}},
            "other data, and so other test data: train = 9 (a), train = 8 (b)",
        ),
        (
            {}, {"training": {"steps": 4200}},
            "other budget of training: 60 steps of 64 examples (a), 4,200 steps of 64 examples (b)",
        ),
        (
            {}, {"training": {"batch": 32}},
            "other budget of training: 60 steps of 64 examples (a), 60 steps of 32 examples (b)",
        ),
        (
            {}, {"training": {"steps": None, "minutes": 2.0}},
            "other budget of training: 60 steps of 64 examples (a), 2.0 minutes (b)",
        ),
        ({}, {"metrics": {"steps": 40}}, "trained for other numbers of steps: 60 (a), 40 (b)"),
        (
            {"training": {"steps": None, "minutes": 2.0}},
            {"training": {"steps": None, "minutes": 2.0}, "metrics": {"device": "H100", "steps": 99}},
            "as many minutes on other devices: cpu (a), H100 (b)",
        ),
        ({}, {"metrics": {"sampling_steps": 1000}}, "other steps of sampling: 5 (a), 1,000 (b)"),
    ],
)  # fmt: skip
def test_other_chances_are_told(one: dict[str, Any], other: dict[str, Any], line: str) -> None:
    number = record("f", 1.0)
    assert warned(run("a", number, **one), run("b", number, **other)) == [line]


@pytest.mark.parametrize(
    ("over", "options"),
    [
        ("dataset.train", {"dataset": {"name": "digits", "train": 8}}),
        ("training.steps", {"training": {"steps": 4200}, "metrics": {"steps": 4200}}),
        ("sampling.steps", {"metrics": {"sampling_steps": 9}}),
    ],
)
def test_what_is_varied_on_purpose_is_not(over: str, options: dict[str, Any]) -> None:
    runs = run("a", record("f", 1.0)), run("b", record("f", 1.0), **options)
    assert warned(*runs)
    assert unfair(runs, numbers_of(runs), over=over) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"n": 5000}, "f, g: other numbers of samples: 500 (a, b), 5,000 (c)"),
        ({"n": 200, "reference_n": 200}, "f, g: other numbers of samples: 500 (a, b), 200 (c)"),
        ({"reference_n": 90}, "f, g: other numbers of real examples: 360 (a, b), 90 (c)"),
        ({"features": "inception"}, "f, g: other features: f (a, b), inception (c)"),
        ({"ema": False}, "f, g: averaged weights: yes (a, b), no (c)"),
    ],
)
def test_numbers_that_were_measured_otherwise_are_told(change: dict[str, Any], line: str) -> None:
    same = [record("f", 1.0), record("g", 2.0), record("h", 3.0)]
    other = [record("f", 1.0, **change), record("g", 2.0, **change), record("h", 3.0)]
    assert warned(run("a", *same), run("b", *same), run("c", *other)) == [line]


def test_too_few_samples_are_told_once() -> None:
    few = {"warning": "f of 500 samples is biased"}
    runs = [run(name, record("f", 1.0, **few), record("g", 1.0)) for name in "abcdef"]
    assert warned(*runs) == ["f of 500 samples is biased (a, b, c, d and 2 more)"]


def test_runs_without_numbers_are_named() -> None:
    assert warned(run("a", record("f", 1.0)), run("b")) == [
        "no numbers yet: b; genlab evaluate RUN measures one"
    ]


def test_one_seed_is_told() -> None:
    blur, noise = seeds(BLUR, [1.0, 2.0]), seeds(NOISE, [3.0])
    wanted = "what another one would change is not known; genlab compare --over seed takes several"
    runs = [*blur, *noise]
    assert unfair(runs, numbers_of(runs)) == [f"one seed only (gaussian-0): {wanted}"]
    assert unfair(runs, numbers_of(runs), over="seed") == [f"one seed only (gaussian-0): {wanted}"]
    runs = [blur[0], noise[0]]
    assert unfair(runs, numbers_of(runs)) == [f"one seed only (each): {wanted}"]
    assert unfair(blur, numbers_of(blur)) == []


def test_a_number_has_a_label() -> None:
    assert Number("f", {}, ()).label == "f"
    assert Number("f", {"sampler": "ddim"}, ()).label == "f (ddim)"
    assert (
        Number("f", {"sampler": "ddim", "against": "train"}, ()).label == "f (ddim, against train)"
    )
    assert Number("f", {"temperature": 0.7}, ()).label == "f (temperature 0.7)"
