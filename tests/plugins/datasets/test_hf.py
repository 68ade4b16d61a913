"""Data sets of Hugging Face's library: made here, read back, and held against what they were made of."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.testing import check_dataset

datasets = pytest.importorskip("datasets", reason="nox -s engines has it")

NAMES = ("cat", "dog", "owl")


def of(**params: Any) -> genlab.Dataset:
    found: genlab.Dataset = genlab.build("dataset", "hf", **params)
    return found


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def pixels() -> Any:
    return np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, pixels: Any) -> Path:
    """Images with classes, in the splits train and validation."""
    path = tmp_path_factory.mktemp("saved")
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=list(NAMES))}
    )
    parts = {
        name: datasets.Dataset.from_dict(
            {
                "picture": [{"bytes": png(pixels[i]), "path": None} for i in rows],
                "kind": [i % 3 for i in rows],
            },
            features=features,
        )
        for name, rows in (("train", range(30)), ("validation", range(30, 40)))
    }  # fmt: skip
    datasets.DatasetDict(parts).save_to_disk(str(path))
    return path


@pytest.mark.parametrize("params", [{}, {"memory": 1e-9}, {"memory": 1e-9, "workers": 1}])
def test_images_and_labels_are_those_that_were_saved(
    saved: Path, pixels: Any, params: dict[str, Any]
) -> None:
    data = of(path=saved, **params)
    assert (data.spec.shape, data.spec.names) == ((3, 6, 5), NAMES)
    for split, rows in (("train", range(30)), ("test", range(30, 40))):
        examples = data.load(split)  # type: ignore[arg-type]
        assert examples.lazy is bool(params)
        x, y = examples.x[torch.arange(len(examples))], examples.y
        assert y is not None
        found = {(each.numpy().tobytes(), int(label)) for each, label in zip(x, y, strict=True)}
        assert found == {(pixels[i].transpose(2, 0, 1).tobytes(), i % 3) for i in rows}
        assert y.tolist() != sorted(y.tolist()), "they come in a mixed order"


def test_the_contract_holds(saved: Path, tmp_path: Path) -> None:
    check_dataset(of(path=saved, size=4, channels=1))
    rows = np.random.default_rng(0).normal(5, 2, (300, 2))
    table = {"a": rows[:, 0], "b": rows[:, 1], "kind": ["xy"[k % 2] for k in range(300)]}
    datasets.Dataset.from_dict(table).to_parquet(str(tmp_path / "rows.parquet"))
    check_dataset(of(path=tmp_path / "rows.parquet", label="kind"))


def test_columns_are_standardised(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs, single = rng.normal(3, 2, (200, 2)), rng.integers(0, 9, 200)
    for name, rows in (("train", slice(0, 150)), ("test", slice(150, 200))):
        table = {
            "pair": list(pairs[rows]),
            "single": single[rows],
            "text": ["x"] * len(pairs[rows]),
        }
        datasets.Dataset.from_dict(table).to_parquet(str(tmp_path / f"{name}.parquet"))
    data = of(path=tmp_path, columns=("pair", "single"))
    assert data.spec.shape == (3,)
    x = np.column_stack([pairs, single])
    wanted = (x[150:] - x[:150].mean(0)) / x[:150].std(0)
    assert np.allclose(data.load("test").x, wanted, atol=1e-5)
    with pytest.raises(RequestError, match="'text' has other than finite numbers"):
        of(path=tmp_path)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "dataset.path .* or dataset.hub"),
        ({"path": "nowhere"}, "there is no file or folder nowhere"),
        ({"label": "kinds"}, "unknown column 'kinds'"),
        ({"image": "kind"}, "unknown column of images 'kind'"),
        ({"train": "trian"}, "unknown split 'trian'"),
    ],
)
def test_what_is_wrong_is_told(saved: Path, params: dict[str, Any], said: str) -> None:
    given = {"path": saved} | params if params else {}
    with pytest.raises(RequestError, match=said):
        of(**given)


def test_a_run_learns_from_it(saved: Path, tmp_path: Path) -> None:
    run = genlab.run(
        dataset={"name": "hf", "size": 4}, data=saved, steps=2, metrics=[], figures=[], out=tmp_path / "run",
        backbone={"class": "genlab.testing.tiny:Perceptron"},
        set={"training.batch": 8, "sampling": {"count": 4, "steps": 2}},
    )  # fmt: skip
    assert run.config.dataset.params["image"] == "picture"
    assert len(genlab.open_run(run.path).data.train) == 30
