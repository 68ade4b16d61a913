"""Samples, trajectories, interpolation paths and pictures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genlab import DataSpec
from genlab.errors import RequestError
from genlab.report.arrays import npz_bytes
from genlab.report.figures.images import save_png, tile, to_uint8
from genlab.report.output import check_output, write_animation, write_samples
from genlab.report.pairs import example_pairs
from genlab.report.paths import Paths, check_path_output, paths_between, write_paths
from genlab.report.pictures import read_pictures

GREY = DataSpec((1, 8, 8), "image")


def pixels_of(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


# -- samples and trajectories ------------------------------------------------------------------


def test_samples_of_one_class_are_a_plain_grid(tmp_path: Path, make_run: Any) -> None:
    run = make_run("digits")
    x = run.samples(5)[0]
    write_samples(tmp_path / "a.png", x, torch.full((5,), 3), run.spec)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), tile(x))
    write_samples(tmp_path / "b.png", x, torch.arange(5), run.spec)
    assert pixels_of(tmp_path / "b.png").shape != tile(x).shape, "several classes have captions"


@pytest.mark.parametrize("data", ["moons", "series", "volumes"])
def test_samples_of_every_kind_become_a_picture(tmp_path: Path, make_run: Any, data: str) -> None:
    run = make_run(data)
    write_samples(tmp_path / "a.png", *run.samples(9), run.spec)
    assert len(np.unique(pixels_of(tmp_path / "a.png"))) > 10


def test_arrays_come_back_with_their_labels(tmp_path: Path) -> None:
    x, y = torch.randn(3, 1, 2, 2), torch.tensor([1, -1, 0])
    write_samples(tmp_path / "a.npz", x, y, GREY)
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], x.numpy())
        np.testing.assert_array_equal(arrays["y"], y.numpy())
    with np.load(io.BytesIO(npz_bytes(x, None))) as arrays:
        assert list(arrays) == ["x"]


def test_an_animation_has_a_frame_per_state(tmp_path: Path, make_run: Any) -> None:
    run = make_run("volumes")
    steps = list(run.model.trajectory(4, steps=3))
    write_animation(tmp_path / "a.gif", steps, run.spec)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 4
        image.seek(3)
        np.testing.assert_array_equal(np.asarray(image.convert("L")), tile(steps[-1].x_t[:, :, 3]))


def test_files_that_samples_do_not_go_to_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.png \(a grid\), \.npz \(arrays\) or \.gif"):
        check_output(Path("a.jpg"))
    (tmp_path / "a.png").mkdir()
    with pytest.raises(RequestError, match="is a folder"):
        check_output(tmp_path / "a.png")
    with pytest.raises(RequestError, match="ends alone"):
        write_samples(tmp_path / "a.gif", torch.zeros(1, 1, 8, 8), None, GREY)


# -- paths -------------------------------------------------------------------------------------


def test_paths_go_from_a_class_to_another(make_run: Any) -> None:
    run = make_run("digits", "flow")
    found = paths_between(run, "2", "9", pairs=3, points=5)
    y = run.data.test.y
    for x, label in ((found.a, 2), (found.b, 9)):
        where = (y == label).nonzero()[:3, 0]
        torch.testing.assert_close(x, run.data.test.take(where)[0])
    torch.testing.assert_close(found.between[0], found.a, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.between[-1], found.b, atol=1e-5, rtol=0)
    same = paths_between(run, "2", "2", pairs=3, points=2)
    assert not any(torch.equal(a, b) for a, b in zip(same.a, same.b, strict=True))


def test_a_picture_is_a_file_even_where_a_class_has_its_name(
    make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("digits", "flow")
    monkeypatch.chdir(tmp_path)
    picture = run.data.test.first(1)[0]
    save_png(tmp_path / "picture.png", to_uint8(picture)[0])
    (tmp_path / "picture.png").rename("3")
    found = paths_between(run, "3", "9", pairs=4, points=2)
    assert found.b.shape == found.a.shape == (4, 1, 8, 8)
    torch.testing.assert_close(found.a, picture.expand(4, 1, 8, 8), atol=1 / 255, rtol=0)
    both = paths_between(run, "3", "3", pairs=4, points=2)
    assert len(both.a) == 1


def test_the_path_between_means_comes_first(make_run: Any) -> None:
    run = make_run("digits", "flow")
    found = paths_between(run, "2", "9", pairs=2, means=True, points=3)
    train = run.data.train
    two = train.take((train.y == 2).nonzero()[:1000, 0])[0].mean(0)
    torch.testing.assert_close(found.a[0], two.clamp(-1, 1), atol=1e-4, rtol=0)
    assert found.between.shape == (3, 3, 1, 8, 8)
    torch.testing.assert_close(found.between[0, 0], found.a[0], atol=1e-4, rtol=0)


def test_words_that_name_nothing_are_refused(make_run: Any, tmp_path: Path) -> None:
    run = make_run("digits", "flow")
    with pytest.raises(
        RequestError, match=r"'cat': there is no such file, and unknown class 'cat'"
    ):
        paths_between(run, "cat", "3")
    with pytest.raises(RequestError, match=r"'a\.png': there is no such file, and the data has no"):
        paths_between(make_run("series"), "a.png", "b.png")
    save_png(tmp_path / "a.png", to_uint8(torch.zeros(1, 1, 8, 8))[0])
    with pytest.raises(RequestError, match="--means needs two classes"):
        paths_between(run, str(tmp_path / "a.png"), "3", means=True)


def test_pairs_are_of_two_classes_and_no_example_is_in_two(make_run: Any) -> None:
    test = make_run("digits").data.test
    a, b = example_pairs(test, 6)
    x, y = test.first(96)
    where = [[int((x == one).flatten(1).all(1).nonzero()[0]) for one in side] for side in (a, b)]
    assert all(y[i] != y[j] for i, j in zip(*where, strict=True))
    assert len({*where[0], *where[1]}) == 12
    a, b = example_pairs(make_run("series").data.test, 2)
    assert (len(a), len(b)) == (2, 2)
    assert not torch.equal(a, b)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".npz", ".gif"])
def test_paths_are_written_in_each_format(tmp_path: Path, suffix: str) -> None:
    a, b = -torch.ones(2, 1, 8, 8), torch.ones(2, 1, 8, 8)
    paths = Paths(a, b, torch.stack([a, 0 * a, b]))
    file = tmp_path / f"path{suffix}"
    write_paths(file, paths, GREY)
    if suffix == ".npz":
        with np.load(file) as arrays:
            np.testing.assert_array_equal(arrays["x"], paths.between.numpy())
    elif suffix == ".gif":
        with Image.open(file) as image:
            assert image.n_frames == 5, "there and back; the end is held"
    else:
        assert file.stat().st_size > 500


def test_files_that_paths_do_not_go_to_are_refused(tmp_path: Path) -> None:
    x = torch.zeros(1, 2)
    with pytest.raises(RequestError, match=r"\.npz \(arrays\) or \.gif \(an animation\)"):
        check_path_output(Path("a.jpg"))
    with pytest.raises(RequestError, match=r"'vector' goes into an \.npz file"):
        write_paths(tmp_path / "a.png", Paths(x, x, x[None]), DataSpec((2,), "vector"))


# -- pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_is_read_as_it_was_written(tmp_path: Path, channels: int) -> None:
    x = torch.randint(0, 256, (1, channels, 5, 7)) / 127.5 - 1
    save_png(tmp_path / "a.png", to_uint8(x)[0])
    back = read_pictures([tmp_path / "a.png"], DataSpec((channels, 5, 7), "image"))
    torch.testing.assert_close(back, x, atol=1e-6, rtol=0)


def test_pictures_are_fitted_to_the_data(tmp_path: Path) -> None:
    x = torch.full((1, 1, 16, 32), -1.0)
    x[..., 8:24] = 1  # the middle, which is left when the picture is cropped
    save_png(tmp_path / "a.png", to_uint8(x)[0])
    colour = read_pictures([tmp_path / "a.png"] * 2, DataSpec((3, 2, 2), "image"))
    assert colour.shape == (2, 3, 2, 2)
    assert float(colour.min()) > 0.8


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no such file"):
        read_pictures([tmp_path / "a.png"], GREY)
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(RequestError, match="it is no picture of a format that is read"):
        read_pictures([tmp_path / "a.png"], GREY)
    with pytest.raises(RequestError, match="do not fit data of shape"):
        read_pictures([tmp_path / "a.png"], DataSpec((2,), "vector"))
