"""The reference classifier: its training, its file, and that the right one is found."""

from __future__ import annotations

import dataclasses
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.ndimage import map_coordinates

import genlab
from genlab import DataSpec, Examples, LazyImages
from genlab_plugins.metrics.classifier import Classifier, fingerprint, load_classifier
from genlab_plugins.metrics.classifier_finding import (
    cached_file,
    find_classifier,
    shipped_classifier,
    shipped_names,
)
from genlab_plugins.metrics.classifier_network import ClassifierNetwork
from genlab_plugins.metrics.classifier_training import (
    PROCEDURE,
    Classification,
    distorted,
    train_classifier,
)
from genlab_plugins.metrics.frechet import Frechet
from genlab_plugins.metrics.kernel import Kernel

SPEC = DataSpec((1, 8, 8), "image", 2, ("dark", "bright"))
TRAINING = "genlab_plugins.metrics.classifier_training"


def brightness(n: int, seed: int = 0) -> Examples:
    """Images of two classes that are easy to tell apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (n,), generator=generator)
    x = torch.randint(0, 100, (n, 1, 8, 8), generator=generator)
    return Examples((x + 150 * y[:, None, None, None]).to(torch.uint8), y)


def trained(
    train: Examples | None = None, test: Examples | None = None, **options: Any
) -> Classifier:
    options = {"epochs": 1, **options}
    return train_classifier(train or brightness(200), test, SPEC, dataset="brightness", **options)


def accuracy(classifier: Classifier, examples: Examples) -> float:
    x, y = examples.first(len(examples))
    return float((classifier.outputs(x).probabilities.argmax(1) == y).double().mean())


def same(a: Classifier, b: Classifier) -> bool:
    one, other = a.network.state_dict(), b.network.state_dict()
    return all(torch.equal(one[key], other[key]) for key in one)


def test_the_loss_is_the_mean_over_known_labels_of_the_negative_log_likelihood(
    generator: torch.Generator,
) -> None:
    network = ClassifierNetwork(1, 3)
    objective = Classification(network)
    logits = torch.randn(6, 3, generator=generator)
    y = torch.tensor([0, 1, 2, 1, -1, -1])
    x = torch.zeros(6, 1, 8, 8)
    loss = objective(lambda x: logits, x, y, generator=generator)
    each = [math.log(logits[i].exp().sum()) - float(logits[i, y[i]]) for i in range(4)]
    assert float(loss) == pytest.approx(sum(each) / 4, rel=1e-5)
    assert objective.module is network
    assert objective.mixed_precision
    with pytest.raises(genlab.RequestError, match="labels"):
        objective(network, x, None, generator=generator)


def test_distorted_images_are_those_of_scipy() -> None:
    x = torch.rand(5, 2, 9, 9, generator=torch.Generator().manual_seed(0))
    found = distorted(x, torch.Generator().manual_seed(1)).numpy()
    u = (2 * torch.rand(5, 4, generator=torch.Generator().manual_seed(1)) - 1).double().numpy()
    place = (2 * np.arange(9) + 1) / 9 - 1  # from -1 to 1, from edge to edge
    down, right = np.meshgrid(place, place, indexing="ij")
    for image, (turn, grow, *shift), got in zip(x.double().numpy(), u, found, strict=True):
        angle, scale = math.radians(12) * turn, 1 + grow / 10
        to_right = scale * (math.cos(angle) * right - math.sin(angle) * down) + shift[0] / 7
        to_down = scale * (math.sin(angle) * right + math.cos(angle) * down) + shift[1] / 7
        where = [((each + 1) * 9 - 1) / 2 for each in (to_down, to_right)]
        want = [map_coordinates(channel, where, order=1, mode="nearest") for channel in image]
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_the_procedure_is_what_its_name_stands_for() -> None:
    with mock.patch(f"{TRAINING}.fit", side_effect=InterruptedError) as fit:
        for n, epochs in ((1000, None), (10_000, None), (50, 3)):
            with pytest.raises(InterruptedError):
                trained(brightness(n), brightness(9), epochs=epochs, seed=4)
    settings = [call.kwargs for call in fit.call_args_list]
    assert [s.pop("epochs") for s in settings] == [60, 20, 3]  # 200,000 images, 60 passes at most
    assert [s.pop("batch") for s in settings] == [128, 128, 50]
    assert settings[0].pop("optimiser") == genlab.AdamW(lr=4e-3, weight_decay=0.05)
    settings[0].pop("log")
    assert PROCEDURE == "classifier-2"
    assert settings[0] == {
        "seed": 4, "device": "cpu", "warmup": 0.2, "decay": "cosine", "clip": math.inf, "ema": 0.998,
        "precision": "auto",
    }  # fmt: skip


def test_a_short_training_learns_an_easy_task() -> None:
    shares: list[float] = []
    test = brightness(50, 1)
    assert test.y is not None
    classifier = trained(brightness(200), test, epochs=20, advance=shares.append)
    record = classifier.record
    assert record.accuracy == accuracy(classifier, test) > 0.95
    assert shares == sorted(shares)
    assert (len(shares) > 1, shares[-1]) == (True, 1)
    assert (record.dataset, record.seed, record.procedure) == ("brightness", 0, PROCEDURE)
    assert (record.examples, record.accuracy_n, record.steps) == (200, 50, 32)
    assert record.epochs == pytest.approx(32 * 128 / 200)
    assert record.accuracy_on == "test"
    assert trained(brightness(200), Examples(test.x, 1 - test.y), epochs=20).record.accuracy < 0.05


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (trained(seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, again)
    assert not same(first, other)


def test_examples_on_disk_give_the_same_weights() -> None:
    held = brightness(200)
    lazy = Examples(LazyImages(lambda index: held.x[index], 200, (1, 8, 8)), held.y)
    assert same(trained(lazy), trained(held))


def test_unknown_labels_are_left_out() -> None:
    examples = brightness(100)
    assert examples.y is not None
    known = trained(Examples(examples.x[40:], examples.y[40:]), brightness(50, 1))
    examples.y[:40] = -1
    classifier = trained(examples, brightness(50, 1))
    assert same(classifier, known)
    assert classifier.record.examples == 60


def test_without_a_test_split_a_tenth_is_not_learned_from() -> None:
    learned = []
    for seed in (0, 1):
        with mock.patch(f"{TRAINING}.fit", wraps=genlab.fit) as fit:
            record = trained(brightness(99), seed=seed).record
        learned.append({x.numpy().tobytes() for x in fit.call_args.args[1].x})
        assert (len(learned[-1]), record.examples, record.accuracy_n) == (90, 90, 9)
        assert record.accuracy_on.startswith("a tenth of train")
    assert learned[0] != learned[1]


def test_a_budget_in_minutes_ends() -> None:
    assert 0 < trained(epochs=None, minutes=0.002).record.steps < 1000


@pytest.mark.parametrize("labels", [[], [0], None])
def test_too_few_labels_are_refused(labels: list[int] | None) -> None:
    y = None if labels is None else torch.tensor([*labels, -1, -1])
    match = "has none" if labels is None else "two labelled examples"
    with pytest.raises(genlab.RequestError, match=match):
        trained(Examples(brightness(9).x[: 9 if y is None else len(y)], y))


def test_two_budgets_are_refused() -> None:
    with pytest.raises(genlab.RequestError, match="one budget"):
        trained(epochs=1, minutes=1)


def test_a_file_gives_the_same_classifier_back(tmp_path: Path) -> None:
    classifier = trained()
    (tmp_path / "c.safetensors").write_bytes(classifier.to_bytes())
    again = load_classifier(tmp_path / "c.safetensors")
    assert again.record == classifier.record
    x = brightness(30, 2).first(30)[0]
    for one, other in zip(again.outputs(x), classifier.outputs(x), strict=True):
        assert torch.equal(one, other)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(genlab.RequestError, match="genlab classifier"):
        load_classifier(tmp_path / "none.safetensors")
    (tmp_path / "noise.safetensors").write_bytes(b"noise" * 100)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name in ("noise", "other"):
        with pytest.raises(genlab.RequestError, match="cannot be read as a classifier"):
            load_classifier(tmp_path / f"{name}.safetensors")


def test_outputs_are_right_and_kept_for_a_while() -> None:
    classifier = trained()
    x = brightness(600, 2).first(600)[0]
    outputs = classifier.outputs(x)
    assert classifier.outputs(x.clone()) is outputs
    assert classifier.outputs(x + 0.1) is not outputs
    features = classifier.network.features(x)
    torch.testing.assert_close(outputs.features, features)
    torch.testing.assert_close(outputs.probabilities, classifier.network.head(features).softmax(1))
    assert features.shape == (600, 64)
    for shift in range(20):
        classifier.outputs(x[:5] + shift)
    assert classifier.outputs(x) is not outputs
    with pytest.raises(ValueError, match=r"\(1, 8, 8\)"):
        classifier.outputs(torch.zeros(2, 1, 9, 9))


def test_fingerprints_tell_splits_apart() -> None:
    examples = brightness(2000)
    assert examples.y is not None
    mark = fingerprint(examples, SPEC)
    assert mark == fingerprint(brightness(2000), SPEC)
    others = [
        fingerprint(brightness(2000, 1), SPEC),
        fingerprint(brightness(1999), SPEC),
        fingerprint(Examples(examples.x, 1 - examples.y), SPEC),
        fingerprint(Examples(examples.x), SPEC),
        fingerprint(examples, dataclasses.replace(SPEC, classes=3)),
    ]
    assert len({mark, *others}) == 6


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_shipped_weights_lie_in_the_package_and_are_small(name: str) -> None:
    entry = resources.files("genlab_plugins.metrics").joinpath("weights", f"{name}.safetensors")
    assert len(entry.read_bytes()) <= 1_000_000
    assert name in shipped_names()
    with resources.as_file(entry) as path, safe_open(path, framework="pt") as file:
        record = json.loads(file.metadata()["classifier"])
    # What published numbers were measured in, by the procedure before today's.
    assert (record["dataset"], record["procedure"], record["seed"]) == (name, "classifier-1", 0)
    assert record["accuracy_on"] == "test"
    assert {"genlab", "torch"} <= set(record["versions"])


def test_shipped_digits_are_as_good_as_stated(digits: genlab.Data) -> None:
    classifier = find_classifier(digits.train, digits.spec)
    assert classifier is shipped_classifier("digits")
    assert classifier.record.accuracy == accuracy(classifier, digits.test) >= 0.985


@pytest.mark.data
def test_shipped_mnist_is_as_good_as_stated(data_root: Path) -> None:
    dataset = genlab.build("dataset", "mnist")
    classifier = find_classifier(dataset.load("train", data_root), dataset.spec)
    assert classifier is shipped_classifier("mnist")
    assert accuracy(classifier, dataset.load("test", data_root)) == pytest.approx(
        classifier.record.accuracy,
        abs=1e-4,  # one image that another processor sees otherwise
    )
    assert classifier.record.accuracy >= 0.993


def test_one_that_is_not_shipped_is_refused() -> None:
    with pytest.raises(genlab.RequestError, match="there are digits, mnist"):
        shipped_classifier("shoes")


def test_one_that_is_not_shipped_is_trained_once_and_cached(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{TRAINING}.USUAL_EXAMPLES", 500)
    train, finding = brightness(100), "genlab_plugins.metrics.classifier_finding"
    classifier = find_classifier(train, SPEC)
    assert find_classifier(train, SPEC) is classifier
    assert list(cache.iterdir()) == [cached_file(fingerprint(train, SPEC))]
    monkeypatch.setattr(f"{finding}._FOUND", {})  # as in another process
    with mock.patch(f"{finding}.train_classifier", side_effect=AssertionError):
        again = find_classifier(train, SPEC)
    assert again.record == classifier.record
    assert same(again, classifier)


def test_a_cache_that_cannot_be_written_does_no_harm(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("in the way")
    monkeypatch.setattr(f"{TRAINING}.USUAL_EXAMPLES", 500)
    train = brightness(100)
    assert find_classifier(train, SPEC) is find_classifier(train, SPEC)


def test_a_named_file_comes_first_and_numbers_say_so(tmp_path: Path, digits: genlab.Data) -> None:
    own = train_classifier(
        digits.train, digits.test, digits.spec, dataset="digits", epochs=0.1, seed=3
    )
    file = tmp_path / "own.safetensors"
    file.write_bytes(own.to_bytes())
    assert find_classifier(digits.train, digits.spec, file=str(file)).record.seed == 3
    metrics = [Frechet(classifier=str(file)), Kernel(classifier=str(file))]
    for record in genlab.evaluate(digits.test.first(50)[0], digits, metrics):
        assert record["features"] == "classifier-2, 64 features"
    with pytest.raises(genlab.RequestError, match="is for images"):
        find_classifier(brightness(10), SPEC, file=str(file))
