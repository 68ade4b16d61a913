"""Images that other processes decode: the same weights, errors with names, and an end."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.testing.tiny import Perceptron
from genlab.training import settings_of

TINY = 1e-9  # GiB: nothing stays in memory


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two classes and of several sizes."""
    path = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (path / kind).mkdir()
        for i in range(12):
            pixels = rng.integers(0, 256, (6 + i % 3, 7, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / kind / f"{i}.png")
    return path


def of(folder: Path, **params: Any) -> genlab.Dataset:
    found: genlab.Dataset = genlab.build("dataset", "image-folder", path=folder, size=4, **params)
    return found


def trained(data: genlab.Dataset) -> dict[str, torch.Tensor]:
    """Train a small network through more than one epoch, and return its weights."""
    examples = data.load("train")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Perceptron(data.spec)
    objective = genlab.Denoising(genlab.Restorer(network, genlab.build("degradation", "gaussian")))
    training = genlab.Training(objective, examples, settings_of({"steps": 9, "batch": 5}))
    assert [record.step for record in training] == list(range(1, 10))
    return network.state_dict()


def children() -> set[int]:
    """Return the processes that decode for this one."""
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    numbers = {int(word) for file in found for word in file.read_text().split()}
    return {n for n in numbers if b"decoding_worker" in Path(f"/proc/{n}/cmdline").read_bytes()}


def soon(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + 30
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def test_weights_do_not_depend_on_who_decodes(folder: Path) -> None:
    resident, *lazy = (
        trained(of(folder, memory=memory, workers=workers))
        for memory, workers in ((1.0, 0), (TINY, 0), (TINY, 2))
    )
    for weights in lazy:
        assert all(torch.equal(value, weights[key]) for key, value in resident.items())


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are listed by Linux")
def test_workers_end_with_what_they_decode_for(folder: Path) -> None:
    before = children()
    examples = of(folder, memory=TINY, workers=2).load("train")
    assert children() == before, "they are started when they are needed"
    x, _ = examples.take(torch.arange(4))
    (worker,) = children() - before
    # what a shell begins in the background ignores it, and so would this process
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, kept)
    assert torch.equal(examples.take(torch.arange(4))[0], x), "it hears no Ctrl-C"
    del examples
    gc.collect()
    assert soon(lambda: worker not in children())


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are listed by Linux")
def test_a_worker_that_dies_is_told_and_replaced(folder: Path) -> None:
    before = children()
    examples = of(folder, memory=TINY, workers=1).load("train")
    x, _ = examples.take(torch.arange(4))
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(RequestError, match=r"has ended with -9.*dataset.workers=0"):
        examples.take(torch.arange(4))
    assert torch.equal(examples.take(torch.arange(4))[0], x)


def test_an_image_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    data = of(folder, memory=TINY, workers=1, channels=3, range=(0, 255), depth="8-bit")
    examples = data.load("train")
    file = folder / "cat" / "3.png"
    kept = file.read_bytes()
    file.write_bytes(kept[:60])
    try:
        with pytest.raises(RequestError, match=r"cat/3.png cannot be read"):
            examples.take(torch.arange(len(examples)))
    finally:
        file.write_bytes(kept)
    assert len(examples.take(torch.arange(len(examples)))[0]) == len(examples)
