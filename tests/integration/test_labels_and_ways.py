"""Runs that know classes; restoring and interpolating with a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import genlab
from genlab import RequestError
from genlab.cli.app import _status
from genlab.figures.images import png_bytes, tile

SHORT = {"sampling": {"count": 40, "steps": 4}, "training": {"batch": 64, "conditional": True}}


@pytest.fixture(scope="module")
def labelled_run(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A diffusion of two circles, one per class, which a small network learns in a moment."""
    return genlab.run(
        dataset="circles", steps=600, seed=1, out=tmp_path_factory.mktemp("runs") / "labelled",
        set={"sampling": {"count": 400, "steps": 10},
             "training": {"batch": 256, "conditional": True, "lr": 3e-3},
             "backbone": {"name": "mlp", "width": 64, "depth": 2}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def labelled_blur(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    return genlab.run(
        degradation="blur",
        steps=40,
        out=tmp_path_factory.mktemp("runs") / "labelled-blur",
        set=SHORT,
    )


def test_samples_follow_their_label(labelled_run: genlab.Run) -> None:
    radii = [
        labelled_run.sample(300, label=label).norm(dim=1).median() for label in (0, 1)
    ]  # the outer circle is class 0
    assert radii[0] > 1.5 * radii[1]


def test_guidance_sharpens_what_the_label_says(labelled_run: genlab.Run) -> None:
    """No guidance at all mixes both circles, and more of it gathers the samples on one."""
    spread = [
        labelled_run.sample(300, label=0, guidance=scale).norm(dim=1).std()
        for scale in (0.0, 1.0, 2.0)
    ]
    assert spread[0] > 2 * spread[1]
    assert spread[1] > 2 * spread[2]


def test_labels_by_number_name_and_list(labelled_blur: genlab.Run) -> None:
    assert labelled_blur.labels(3, "7").tolist() == [7, 7, 7]
    assert labelled_blur.labels(3, [1, "2", 3]).tolist() == [1, 2, 3]
    drawn = labelled_blur.labels(500, seed=3)
    assert drawn is not None
    assert len(drawn.unique()) == 10
    assert torch.equal(labelled_blur.sample(4, seed=2), labelled_blur.sample(4, seed=2))
    mixed = labelled_blur.sample(2, label=[0, 1], seed=4)
    assert mixed.shape == (2, 1, 8, 8)


def test_the_prior_knows_the_classes(labelled_blur: genlab.Run) -> None:
    density = labelled_blur.density
    assert density is not None
    x, y = labelled_blur.examples("train").first(1500)
    assert y is not None
    c = labelled_blur.degradation.summarize(
        labelled_blur.degradation.degrade(x, torch.ones(len(x)), None)
    )
    accuracy = (density.classify(c).argmax(1) == y).float().mean()
    assert accuracy > 0.8  # what is left of a digit tells it from the others


def test_arrays_carry_their_labels(labelled_blur: genlab.Run, tmp_path: Path) -> None:
    for name, arguments in {"five": ["--label", "5"], "any": []}.items():
        file = tmp_path / f"{name}.npz"
        command = ["sample", str(labelled_blur.path), "-n", "6", "--out", str(file), *arguments]
        assert _status(command) == 0
        with np.load(file) as arrays:
            assert arrays["x"].shape == (6, 1, 8, 8)
            assert arrays["y"].shape == (6,)
            if name == "five":
                assert (arrays["y"] == 5).all()
    with np.load(labelled_blur.folder.samples_file) as arrays:
        assert arrays["y"].shape == (40,)


def test_wrong_labels_are_refused(labelled_blur: genlab.Run, blur_run: genlab.Run) -> None:
    with pytest.raises(RequestError, match=r"unknown class 'ten'.*0, 1, 2"):
        labelled_blur.sample(2, label="ten")
    with pytest.raises(RequestError, match="3 labels for 2 samples"):
        labelled_blur.sample(2, label=[1, 2, 3])
    with pytest.raises(RequestError, match=r"training\.conditional=true"):
        blur_run.sample(2, label=3)
    with pytest.raises(RequestError, match=r"training\.conditional=true"):
        blur_run.sample(2, guidance=2.0)
    with pytest.raises(RequestError, match="no labels"):
        genlab.run(dataset="swiss-roll", set=["training.conditional=true"])


def test_restoring_the_test_images(
    blur_run: genlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "restored"
    arguments = ["restore", str(blur_run.path), "-n", "100", "--t", "0.5", "--out", str(out)]
    assert _status([*arguments, "--json"]) == 0
    records = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [r["method"] for r in records] == ["degraded", "direct", "naive", "cold"]
    assert json.loads((out / "restoration.json").read_text()) == records
    by_method = {r["method"]: r for r in records}
    assert by_method["direct"]["psnr"] > by_method["degraded"]["psnr"]
    with Image.open(out / "restoration.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10


def test_restoring_a_given_picture(blur_run: genlab.Run, tmp_path: Path) -> None:
    x = blur_run.examples("test").first(2)[0]
    x_t = blur_run.degradation.degrade(x, torch.full((2,), 0.4), None)
    for i in range(2):
        (tmp_path / f"d{i}.png").write_bytes(png_bytes(tile(x_t[i : i + 1], scale=1)))
    files = [str(tmp_path / f"d{i}.png") for i in range(2)]
    out = tmp_path / "out"
    command = ["restore", str(blur_run.path), *files, "--t", "0.4", "--out", str(out)]
    assert _status([*command, "--method", "direct"]) == 0
    assert {p.name for p in out.iterdir()} == {
        "d0-direct.png", "d1-direct.png", "restoration.png"
    }  # fmt: skip
    with Image.open(out / "d1-direct.png") as picture:
        pixels = torch.from_numpy(np.array(picture, dtype=np.float32)) / 127.5 - 1
    assert picture.size == (8, 8)
    before, after = (x_t[1, 0] - x[1, 0]).square().mean(), (pixels - x[1, 0]).square().mean()
    assert after < before


def test_wrong_restorations_are_refused(
    blur_run: genlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for arguments, wanted in (
        ([str(tmp_path / "missing.png")], "there is no such picture"),
        ([str(tmp_path / "text.png")], "no readable picture"),
        (["--t", "1.5"], "t = 1.5"),
        (["--method", "ddim"], "'ddim' needs a degradation that is diagonal"),
    ):
        assert _status(["restore", str(blur_run.path), *arguments]) == 2
        assert wanted in capsys.readouterr().err


@pytest.mark.parametrize("way", ["linear", "slerp"])
def test_interpolation_of_a_diffusion(digits_run: genlab.Run, way: str) -> None:
    a, b = digits_run.examples("test").first(2)[0]
    found = digits_run.interpolate(a, b, points=5, t=0.3, way=way)  # type: ignore[arg-type]
    assert found.shape == (5, 1, 8, 8)
    assert torch.equal(found, digits_run.interpolate(a, b, points=5, t=0.3, way=way))  # type: ignore[arg-type]
    ends = [(found[0] - a).square().mean(), (found[-1] - b).square().mean()]
    assert max(ends) < (a - b).square().mean()


def test_every_point_of_a_way_has_the_same_noise(digits_run: genlab.Run) -> None:
    a = digits_run.examples("test").first(1)[0][0]
    found = digits_run.interpolate(a, a, points=3, t=0.6, sampler="ddpm", steps=4)
    same = digits_run.interpolate(a, a, points=2, t=0.6, sampler="ddpm", steps=4)
    torch.testing.assert_close(found[0], same[0])
    blurred = digits_run.interpolate(torch.stack([a, a]), torch.stack([a, a]), points=2)
    assert blurred.shape == (2, 2, 1, 8, 8)


def test_interpolation_of_a_deterministic_degradation(blur_run: genlab.Run) -> None:
    a, b = blur_run.examples("test").first(2)[0]
    found = blur_run.interpolate(a, b, points=3, t=0.4, sampler="cold")
    state = blur_run.degradation.degrade(a[None], torch.tensor([0.4]), None)
    direct = blur_run.restore(state, t=0.4, method="cold", seed=1)  # the seed of the walks of a way
    torch.testing.assert_close(found[0], direct[0])


def test_interpolation_from_the_command_line(
    blur_run: genlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in (".png", ".gif", ".npz"):
        file = tmp_path / f"way{suffix}"
        command = ["interpolate", str(blur_run.path), "--from", "2", "--to", "9", "--points", "4"]
        assert _status([*command, "--pairs", "2", "--out", str(file)]) == 0
    with np.load(tmp_path / "way.npz") as arrays:
        assert arrays["x"].shape == (4, 2, 1, 8, 8)
    with Image.open(tmp_path / "way.gif") as film:
        assert film.n_frames > 3
    for arguments, wanted in (
        (["--from", "2", "--to", "eleven"], "unknown class 'eleven'"),
        (["--from", "2", "--to", "9", "--t", "0"], "t = 0"),
        (["--from", "2", "--to", "9", "--means"], "no density"),
        (["--from", "2", "--to", "9", "--way", "curly"], "'curly'"),
        (["--from", "2", "--to", "9", "--out", "way.txt"], ".gif"),
    ):
        capsys.readouterr()
        assert _status(["interpolate", str(blur_run.path), *arguments]) == 2
        assert wanted in capsys.readouterr().err
