"""Folders of a few images: the run ends whole, and says what it leaves out; restoring needs no classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab.components import ArrayDataset, loaded

METRICS = ["sliced-wasserstein", "nearest-neighbour", "frechet", "kernel", "prdc"]
SETTINGS = {"sampling.count": 4, "sampling.steps": 2, "training.batch": 4}


def folder(path: Path, classes: tuple[str, ...], each: int) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (path / name).mkdir(parents=True)
        for i in range(each):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(path / name / f"{i}.png")
    return path


@pytest.mark.parametrize(("classes", "each"), [(("",), 2), (("a", "b"), 2)])
def test_a_run_ends_whole_and_restores(
    tmp_path: Path, command: Callable[..., Any], classes: tuple[str, ...], each: int
) -> None:
    data = folder(tmp_path / "d", classes, each)
    labelled = len(classes) > 1
    run = genlab.run(
        dataset="image-folder", data=data, backbone={"name": "unet", "channels": [8]}, steps=2,
        metrics=METRICS if labelled else METRICS[:2], out=tmp_path / "run",
        set={**SETTINGS, "training.conditional": labelled},
    )  # fmt: skip
    assert (run.path / "report.html").is_file()
    assert run.status.outcome == "done"
    assert "sliced-wasserstein" in {record["name"] for record in run.records}
    assert "prdc/precision" not in {record["name"] for record in run.records}
    given = ("-n", 4, "--t", 0.5, "--method", "direct", "--out", tmp_path / "r")
    assert command("restore", run.path, *given).status == 0
    records = json.loads((tmp_path / "r" / "restoration.json").read_text())
    assert all("ssim" in record and "psnr" in record for record in records)


def test_a_metric_that_needs_more_examples_says_so() -> None:
    x = torch.rand(12, 2, generator=torch.Generator().manual_seed(0))
    data = loaded(ArrayDataset(x=x[:11], test=x[11:]))
    told: list[str] = []
    records = genlab.evaluate(x, data, ["mmd", "sliced-wasserstein"], warn=told.append)
    assert [record["name"] for record in records] == ["sliced-wasserstein"]
    assert told == [
        "the metric 'mmd' is left out: a kernel distance needs at least two samples on either side"
    ]
    with pytest.raises(genlab.RequestError, match="at least two samples"):
        genlab.evaluate(x, data, "mmd")
