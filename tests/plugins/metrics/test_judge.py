"""The judge: its procedure repeats itself, its file says what it is, and the right one is found."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import genlab
from genlab import DataSpec, Examples
from genlab.registries import build
from genlab_plugins.metrics.judge import PROCEDURE, Judge, fingerprint, load_judge
from genlab_plugins.metrics.judge_finding import (
    cached_file,
    find_judge,
    shipped_judge,
    shipped_names,
)
from genlab_plugins.metrics.judge_training import train_judge

SPEC = DataSpec((1, 8, 8), "image", 2, ("dark", "bright"))


def accuracy(judge: Judge, examples: Examples) -> float:
    x, y = examples.first(len(examples))
    return float((judge.look(x).probabilities.argmax(1) == y).double().mean())


def stripes(n: int, seed: int = 0) -> Examples:
    """Images of two classes that are easy to tell apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=generator)
    x = torch.randint(0, 100, (n, 1, 8, 8), generator=generator)
    return Examples((x + 150 * y[:, None, None, None]).to(torch.uint8), y)


def trained(**options: Any) -> Judge:
    return train_judge(stripes(200), stripes(50, 1), SPEC, dataset="stripes", **options)


def same(a: Judge, b: Judge) -> bool:
    states = a.network.state_dict(), b.network.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_same_seed_gives_the_same_weights(digits: Any) -> None:
    dataset, train, test = digits
    few = Examples(train.x[:256], train.y[:256])
    judges = [
        train_judge(few, test, dataset.spec, dataset="digits", epochs=2, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert same(judges[0], judges[1])
    assert not same(judges[0], judges[2])


def test_training_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    trained(epochs=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_short_training_learns_an_easy_task() -> None:
    told: list[float] = []
    judge = trained(epochs=20, advance=told.append)
    assert judge.record.accuracy == accuracy(judge, stripes(50, 1)) > 0.95
    assert told == sorted(told)
    assert told[-1] == 1
    assert (judge.record.dataset, judge.record.seed, judge.record.procedure) == (
        "stripes",
        0,
        PROCEDURE,
    )
    assert (judge.record.examples, judge.record.accuracy_n) == (200, 50)


def test_a_budget_in_minutes_ends() -> None:
    judge = trained(minutes=0.002)
    assert 0 < judge.record.steps < 1000
    assert judge.record.seconds < 5


def test_unknown_labels_are_left_out() -> None:
    examples = stripes(100)
    assert examples.y is not None
    examples.y[:40] = -1
    judge = train_judge(examples, None, SPEC, dataset="", epochs=1)
    assert (judge.record.examples, judge.record.accuracy_n) == (54, 6)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_examples_are_refused(n: int) -> None:
    examples = Examples(stripes(5).x[:2], torch.tensor([0, -1]) if n else torch.tensor([-1, -1]))
    with pytest.raises(genlab.RequestError, match="two labelled examples"):
        train_judge(examples, None, SPEC, dataset="stripes")


def test_data_without_labels_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="labels"):
        train_judge(Examples(stripes(9).x), None, SPEC, dataset="stripes")


def test_a_file_gives_the_same_judge_back(tmp_path: Path) -> None:
    judge = trained(epochs=2)
    (tmp_path / "j.safetensors").write_bytes(judge.to_bytes())
    again = load_judge(tmp_path / "j.safetensors")
    assert again.record == judge.record
    assert same(again, judge)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(genlab.RequestError, match="genlab judge"):
        load_judge(tmp_path / "none.safetensors")
    (tmp_path / "noise.safetensors").write_bytes(b"noise" * 100)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("noise", "other"):
        with pytest.raises(genlab.RequestError, match="cannot be read as a judge"):
            load_judge(tmp_path / f"{name}.safetensors")


def test_looking_is_remembered_and_right() -> None:
    judge = trained(epochs=1)
    x = stripes(30, 2).first(30)[0]
    look = judge.look(x)
    assert judge.look(x.clone()) is look
    assert judge.look(x + 0.1) is not look
    assert look.features.shape == (30, 64)
    torch.testing.assert_close(look.probabilities.sum(1), torch.ones(30))
    torch.testing.assert_close(look.probabilities, judge.network(x).softmax(1))
    for shift in range(20):
        judge.look(x + shift)
    assert judge.look(x) is not look


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 8, 8\)"):
        trained(epochs=1).look(torch.zeros(2, 1, 9, 9))


def test_fingerprints_tell_splits_apart() -> None:
    examples = stripes(2000)
    assert examples.y is not None
    mark = fingerprint(examples, SPEC)
    assert mark == fingerprint(stripes(2000), SPEC)
    others = [
        fingerprint(stripes(2000, 1), SPEC),
        fingerprint(stripes(1999), SPEC),
        fingerprint(Examples(examples.x, 1 - examples.y), SPEC),
        fingerprint(examples, dataclasses.replace(SPEC, classes=3)),
    ]
    assert len({mark, *others}) == 5


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_shipped_weights_lie_in_the_package_and_are_small(name: str) -> None:
    entry = resources.files("genlab_plugins.metrics").joinpath("weights", f"{name}.safetensors")
    assert len(entry.read_bytes()) <= 1_000_000
    assert name in shipped_names()
    with resources.as_file(entry) as path, safe_open(path, framework="pt") as file:
        record = json.loads(file.metadata()["judge"])
    assert (record["dataset"], record["procedure"], record["seed"]) == (name, PROCEDURE, 0)
    assert record["accuracy_on"] == "test"
    assert {"genlab", "torch"} <= set(record["versions"])


def test_shipped_digits_are_as_good_as_stated(digits: Any) -> None:
    dataset, train, test = digits
    judge = find_judge(train, dataset.spec)
    assert judge is shipped_judge("digits")
    assert judge.record.accuracy == accuracy(judge, test) >= 0.985


@pytest.mark.data
def test_shipped_mnist_is_as_good_as_stated(data_root: Path) -> None:
    dataset = build("dataset", "mnist")
    judge = find_judge(dataset.load("train", data_root), dataset.spec)
    assert judge is shipped_judge("mnist")
    assert accuracy(judge, dataset.load("test", data_root)) == pytest.approx(
        judge.record.accuracy,
        abs=1e-4,  # one image that another processor sees otherwise
    )
    assert judge.record.accuracy >= 0.993


def test_one_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="there are digits, mnist"):
        shipped_judge("shoes")


def test_a_judge_that_is_not_shipped_is_trained_once_and_cached(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genlab_plugins.metrics.judge_training.USUAL_EXAMPLES", 2000)
    train = stripes(100)
    judge = find_judge(train, SPEC)
    assert find_judge(train, SPEC) is judge
    assert cached_file(fingerprint(train, SPEC)).parent == cache
    monkeypatch.setattr("genlab_plugins.metrics.judge_finding._FOUND", {})
    again = find_judge(train, SPEC)
    assert again.record == judge.record
    assert same(again, judge)
    assert judge.record.accuracy_on.startswith("a tenth")


def test_a_cache_that_cannot_be_written_does_no_harm(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("in the way")
    monkeypatch.setattr("genlab_plugins.metrics.judge_training.USUAL_EXAMPLES", 500)
    train = stripes(100)
    assert find_judge(train, SPEC) is find_judge(train, SPEC)


def test_a_named_file_comes_first(tmp_path: Path, digits: Any) -> None:
    dataset, train, test = digits
    own = train_judge(train, test, dataset.spec, dataset="digits", epochs=0.1, seed=3)
    file = tmp_path / "own.safetensors"
    file.write_bytes(own.to_bytes())
    assert find_judge(train, dataset.spec, file=str(file)).record.seed == 3
    with pytest.raises(genlab.RequestError, match="is for images"):
        find_judge(stripes(10), SPEC, file=str(file))
