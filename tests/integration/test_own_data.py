"""A run on pictures of one's own: what it says and records, data that moves, single pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.config import merge, resolve
from genlab.report.pictures import read_pictures

RNG = np.random.default_rng(0)
TINY = {
    "backbone": {"name": "mlp", "width": 8, "depth": 1}, "training.batch": 8, "sampling.count": 4,
    "sampling.steps": 2, "metrics": [],
}  # fmt: skip


def deep_pictures(root: Path) -> Path:
    for kind in ("cat", "dog"):
        (root / kind).mkdir(parents=True)
        for k in range(10):
            values = RNG.integers(0, 4096, (6, 6)).astype(np.uint16)
            Image.fromarray(values).save(root / kind / f"{k}.png")
    return root


class Ears(genlab.Tracker):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def warned(self, message: str) -> None:
        self.heard.append(message)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[genlab.Run, Path, list[str]]:
    """A run whose data has moved since, the place where it is now, and what was heard."""
    root, ears = tmp_path_factory.mktemp("own"), Ears()
    run = genlab.run(
        dataset="image-folder", data=deep_pictures(root / "old"), steps=2, out=root / "run", device="cpu",
        set=TINY, trackers=[ears], measure=False, draw=False,
    )  # fmt: skip
    (root / "old").rename(root / "new")
    return run, root / "new", ears.heard


def test_a_run_says_what_it_read_and_records_it(made: tuple[genlab.Run, Path, list[str]]) -> None:
    run, _, heard = made
    line = "2 classes: cat, dog; 1x6x6; 18 train + 2 test; grey 0..4095 of more than 8 bits"
    assert heard[0] == line
    params = run.config.dataset.params
    assert params["range"] == [0, 4095]
    assert (params["channels"], params["depth"], params["splits"]) == (1, "integer", False)


def test_data_that_has_moved_is_found(made: tuple[genlab.Run, Path, list[str]]) -> None:
    run, place, _ = made
    with pytest.raises(
        RequestError, match=r"there is no folder or ZIP file.*; where .* moved, --data"
    ):
        _ = genlab.open_run(run.path).data
    opened = genlab.open_run(run.path, data=place)
    assert torch.equal(
        opened.data.test.take(torch.arange(2))[0], run.data.test.take(torch.arange(2))[0]
    )
    again = genlab.resume(run.path, steps=3, data=place)
    assert again.config.dataset.params["path"] == again.config.data == str(place)


def test_other_data_is_refused(made: tuple[genlab.Run, Path, list[str]], tmp_path: Path) -> None:
    run, _, _ = made
    for k in range(4):
        Image.new("L", (6, 6), 60 * k).save(tmp_path / f"{k}.png")
    with pytest.raises(RequestError, match="the data has changed since"):
        _ = genlab.open_run(run.path, data=tmp_path).data


def test_a_single_picture_is_read_by_the_range_of_the_run(
    made: tuple[genlab.Run, Path, list[str]], tmp_path: Path
) -> None:
    run, _, _ = made
    Image.fromarray(np.full((6, 6), 1000, np.uint16)).save(tmp_path / "a.png")  # alone: 10 bits
    x = read_pictures([tmp_path / "a.png"], run.spec, run.picture_rule)
    assert x.unique().tolist() == pytest.approx([round(1000 * 255 / 4095) / 127.5 - 1])


def test_what_looks_wrong_is_warned_of_where_no_tracker_listens(tmp_path: Path) -> None:
    for k in range(4):
        Image.fromarray(RNG.integers(0, 2, (6, 6)).astype(np.uint8)).save(tmp_path / f"{k}.png")
    with pytest.warns(UserWarning, match="image-folder: the images are dark: .* is 1 of 255"):
        genlab.run(
            dataset="image-folder", data=tmp_path, steps=1, out=tmp_path / "run", device="cpu", set=TINY,
            measure=False, draw=False,
        )  # fmt: skip


def test_the_place_that_is_given_last_is_that_of_the_data() -> None:
    stored: dict[str, Any] = {
        "dataset": {"name": "image-folder", "path": "old", "size": 8},
        "data": "old",
    }
    moved = merge(stored, {"data": "new"})
    assert moved == {"dataset": {"name": "image-folder", "size": 8}, "data": "new"}
    other = merge(stored, {"dataset": {"path": "new"}})
    assert other == {"dataset": {"name": "image-folder", "path": "new", "size": 8}}


def test_two_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="are two places: give one of them"):
        genlab.run(dataset="image-folder", data="a", set=["dataset.path=b"], out=tmp_path / "run")


def test_paths_that_are_no_utf8_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"data = .*\\udce9.* is no UTF-8") as refusal:
        resolve({"data": str(tmp_path / "caf\udce9")})
    str(refusal.value).encode()
