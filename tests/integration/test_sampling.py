"""What a run folder is good for: samples, classes, numbers, restorations and interpolations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import genlab
from genlab import DensityTags, RequestError
from genlab.report.figures.images import png_bytes, tile
from genlab.runs.start import start_run
from genlab.testing.tiny import AffineFlow


class Plain(AffineFlow):
    """A flow without classes."""

    tags = DensityTags(data=frozenset({"vector"}))


class Recorder(genlab.Sampler):
    """Restores at once, and writes down the times of its walks."""

    usual_steps = 3
    walks: list[list[float]] = []  # noqa: RUF012 - of all objects, some of which a command builds

    def grid(self, steps: int, degradation: genlab.Degradation) -> Tensor:
        return torch.linspace(1, 0, steps + 1)

    def init(
        self,
        restorer: genlab.Restores,
        x_t: Tensor,
        t: Tensor,
        z: Any,
        *,
        generator: torch.Generator,
    ) -> Any:
        self.walks.append([float(t[0])])
        return z

    def step(
        self, restorer: genlab.Restores, x_t: Tensor, t: Tensor, s: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        self.walks[-1].append(float(s[0]))
        return restorer(x_t, t), state


@pytest.fixture
def walks() -> list[list[float]]:
    """The times of the walks that the sampler ``recorder`` has done since."""
    genlab.register("sampler", "recorder", Recorder)
    Recorder.walks.clear()
    return Recorder.walks


@pytest.fixture(scope="module")
def digits_flow(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A flow of the digits that inverts exactly and knows their classes."""
    return start_run(
        {"density": {"class": "genlab.testing.tiny:AffineFlow"}, "dataset": "digits",
         "objective": {"cross_entropy": 1.0}, "optimiser": {"lr": 3e-2}, "metrics": [],
         "training": {"steps": 300, "batch": 128, "clip": 1.0, "ema": 0.9, "conditional": True},
         "sampling": {"count": 60}},
        out=tmp_path_factory.mktemp("runs") / "digits-flow", skip=["drawing", "page"],
    )  # fmt: skip


def arrays(file: Path) -> dict[str, Tensor]:
    with np.load(file) as found:
        return {name: torch.from_numpy(found[name]) for name in found}


def write_picture(file: Path, x: Tensor) -> Path:
    file.write_bytes(png_bytes(tile(x[None], scale=1)))
    return file


def read_picture(file: Path) -> Tensor:
    with Image.open(file) as picture:
        return torch.from_numpy(np.array(picture.convert("L"), dtype=np.float32))[None] / 127.5 - 1


# -- samples -------------------------------------------------------------------------------------


def test_sampling_needs_weights_and_configuration_alone(
    blur_run: genlab.Run, tmp_path: Path
) -> None:
    bare = tmp_path / "elsewhere"
    shutil.copytree(blur_run.path / "checkpoints", bare / "checkpoints")
    shutil.copy(blur_run.path / "run.toml", bare)
    torch.manual_seed(1)
    again = genlab.open_run(bare).sample(5, seed=3)
    torch.manual_seed(2)  # the global generator has no part in it
    assert torch.equal(again, blur_run.sample(5, seed=3))
    assert not torch.equal(again, blur_run.sample(5, seed=4))
    assert not torch.equal(again[0], again[1])


def test_another_batch_is_another_draw(digits_run: genlab.Run, moons_flow: genlab.Run) -> None:
    for run in (digits_run, moons_flow):
        x = run.model.sample(12, batch=4)
        parts = x.split(4)
        for a, b in ((0, 1), (1, 2), (0, 2)):
            assert not torch.isclose(parts[a], parts[b]).flatten(1).all(1).any()
        assert torch.equal(parts[0], run.sample(4))


def test_a_run_walks_in_its_own_steps(
    digits_run: genlab.Run, walks: list[list[float]], command: Callable[..., Any], tmp_path: Path
) -> None:
    assert digits_run.config.sampling.steps == 5
    assert len(list(digits_run.trajectory(2))) == 1 + 5
    assert torch.equal(digits_run.sample(4), digits_run.sample(4, steps=5))
    assert not torch.equal(digits_run.sample(4), digits_run.sample(4, steps=6))
    digits_run.sample(2, sampler="recorder", steps=7)
    digits_run.sample(2, sampler=Recorder())  # its usual steps
    assert [len(times) - 1 for times in walks] == [7, 3]
    for suffix, frames in ((".gif", 1 + 5), (".png", 1)):
        file = tmp_path / f"samples{suffix}"
        assert command("sample", digits_run.path, "-n", 9, "--out", file).status == 0
        with Image.open(file) as picture:
            assert getattr(picture, "n_frames", 1) == frames
    given = ("sample", digits_run.path, "-n", 3, "--seed", 8, "--sampler", "recorder", "--steps", 4)
    assert command(*given, "--out", tmp_path / "x.npz").status == 0
    assert len(walks[-1]) - 1 == 4
    found = arrays(tmp_path / "x.npz")
    assert torch.equal(found["x"], digits_run.sample(3, seed=8, sampler="recorder", steps=4))
    assert command(*given, "--out", tmp_path / "again.npz").status == 0
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()


# -- classes -------------------------------------------------------------------------------------


def test_samples_follow_their_class_and_class_0_is_one(
    circles_run: genlab.Run, command: Callable[..., Any], tmp_path: Path
) -> None:
    """The outer circle is class 0, the inner one class 1."""

    def radius(x: Tensor) -> float:
        return float(x.norm(dim=1).median())

    asked = {label: radius(circles_run.sample(300, label=label)) for label in (0, 1, "outer", "0")}
    assert asked[0] == asked["outer"] == asked["0"]
    assert asked[0] > 1.5 * asked[1]
    for label in (0, 1):
        file = tmp_path / f"{label}.npz"
        given = ("-n", 300, "--label", label, "--out", file)
        assert command("sample", circles_run.path, *given).status == 0
        found = arrays(file)
        assert (found["y"] == label).all()
        assert radius(found["x"]) == asked[label]
    mixed = circles_run.sample(300, label=[0, 1] * 150).norm(dim=1)
    assert mixed[::2].median() > 1.5 * mixed[1::2].median()
    x, y = circles_run.samples(400)
    assert y is not None
    assert set(y.tolist()) == {0, 1}
    assert x[y == 0].norm(dim=1).median() > 1.5 * x[y == 1].norm(dim=1).median()


def test_guidance_sharpens_what_the_label_says(circles_run: genlab.Run) -> None:
    """No guidance at all mixes both circles, and more of it gathers the samples on one."""
    spread = [
        circles_run.sample(300, label=0, guidance=scale).norm(dim=1).std()
        for scale in (0.0, 1.0, 2.0)
    ]
    assert spread[0] > 2 * spread[1]
    assert spread[1] > 1.5 * spread[2]
    assert torch.equal(circles_run.sample(5, guidance=1.0), circles_run.sample(5))


def test_the_prior_knows_the_classes(blur_run: genlab.Run, digits: genlab.Data) -> None:
    assert blur_run.density is not None
    x, y = digits.train.first(1500)
    c = blur_run.degradation.summarize(blur_run.degradation.degrade(x, torch.ones(len(x)), None))
    assert (blur_run.density.classify(c).argmax(1) == y).float().mean() > 0.8


def test_wrong_labels_are_refused(blur_run: genlab.Run, digits_run: genlab.Run) -> None:
    for label, wanted in (
        ("ten", r"unknown class 'ten'.*0, 1, 2"), (10, "unknown class '10'"),
        (True, "label True: a class is given by its number"),
        (1.0, "label 1.0: a class is given"), ([1, 2, 3], "3 labels for 2 samples"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=wanted):
            blur_run.sample(2, label=label)  # type: ignore[arg-type]
    for options in ({"label": 0}, {"guidance": 2.0}):
        with pytest.raises(RequestError, match=r"training\.conditional=true"):
            digits_run.sample(2, **options)
    with pytest.raises(RequestError, match="at least 0"):
        blur_run.sample(2, guidance=-1.0)


# -- numbers -------------------------------------------------------------------------------------


def test_a_trained_run_starts_from_another_prior(
    tmp_path: Path, blur_run: genlab.Run, moons_flow: genlab.Run, digits_run: genlab.Run,
    command: Callable[..., Any],
) -> None:  # fmt: skip
    """As if it had been given that prior before it was trained, which the training does not depend on."""
    request = {
        "degradation": "blur", "backbone": {"name": "unet", "channels": [8]}, "dataset": "digits",
        "training": {"steps": 3, "batch": 16}, "sampling": {"count": 8, "steps": 2}, "metrics": [],
    }  # fmt: skip
    one, other = (
        start_run({**request, "prior": name}, out=tmp_path / name, skip=["drawing", "page"])
        for name in ("normal", "parzen")
    )
    want = other.sample(8, seed=2)
    assert torch.equal(one.sample(8, seed=2, prior="parzen"), want)
    assert not torch.equal(one.sample(8, seed=2), want)
    fitted = genlab.fit_prior(one.degradation, one.data.train, one.spec, density="parzen")
    *_, last = one.trajectory(8, seed=2, prior=fitted)
    assert torch.equal(one.diffusion.in_range(last.x_t), want)
    given = ("evaluate", one.path, "-n", 30, "--metric", "sliced-wasserstein", "--json")
    records = json.loads(command(*given, "--prior", "parzen", "--prior", "normal").out)
    assert [record["prior"] for record in records] == ["parzen", "normal"]
    [own] = json.loads(command(*given).out)
    assert (own["value"], "prior" in own) == (records[1]["value"], False)
    assert len(genlab.open_run(one.path).records) == 3
    said = command("sample", one.path, "-n", 4, "--prior", "parzen")
    assert said.out.rstrip().endswith("sample-4-seed-0-prior-parzen.png"), said.out
    for run, name, message in (
        (digits_run, "gmm", "leaves nothing at t = 1"), (moons_flow, "gmm", "holds a density"),
        (one, "parzan", "parzen"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=message):
            run.sample(2, prior=name)
    blur, (x, _) = (
        genlab.build("degradation", "blur", ratio=2),
        genlab.load("digits").train.first(9),
    )
    others: tuple[Any, ...] = (
        genlab.fit_prior(blur, one.data.train, one.spec, density="normal"),
        genlab.fit_prior(one.degradation, genlab.Examples(x[..., :4, :4]), density="normal"),
    )
    for prior in others:
        with pytest.raises(RequestError, match=r"^the prior is of Blur.*, and the model of Blur"):
            one.sample(2, prior=prior)
    with pytest.raises(RequestError, match=r"such as genlab\.fit_prior returns"):
        one.sample(2, prior=others[0].density)
    without: tuple[dict[str, Any], ...] = (
        {"density": "normal"}, {"density": Plain, "spec": blur_run.spec, "steps": 1},
    )  # fmt: skip
    for options in without:
        prior = genlab.fit_prior(blur_run.degradation, blur_run.data.train, **options)
        with pytest.raises(RequestError, match="knows no classes, and the model does"):
            blur_run.sample(2, prior=prior)


def test_samples_are_measured_at_any_guidance(
    circles_run: genlab.Run, digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    """Each scale is a number of its own: without labels, as trained, and far beyond the labels."""
    path = Path(shutil.copytree(circles_run.path, tmp_path / "run"))
    given = ("evaluate", path, "-n", 400, "--metric", "sliced-wasserstein")
    scales = [part for scale in (0, 1, 30) for part in ("--guidance", scale)]
    records = json.loads(command(*given, *scales, "--json").out)
    assert [record["guidance"] for record in records] == [0, 1, 30]
    assert genlab.open_run(path).records[-3:] == records
    assert records[2]["value"] > 2 * records[1]["value"]
    [own] = json.loads(command(*given, "--json").out)
    assert own["value"] == records[1]["value"]
    assert "guidance" not in own
    assert command(*given, "--guidance", 30).out.count("guidance 30") == 1
    with pytest.raises(RequestError, match=r"guidance: .*training\.conditional=true"):
        digits_run.evaluate(n=4, guidance=2.0)


def test_evaluate_measures_what_it_was_asked_to_draw(
    digits_run: genlab.Run, tmp_path: Path, walks: list[list[float]], command: Callable[..., Any]
) -> None:
    shutil.copytree(digits_run.path, tmp_path / "copy")
    run = genlab.open_run(tmp_path / "copy")
    before = run.records
    found = run.evaluate(["frechet", "prdc"], n=64, steps=3, sampler="recorder", seed=2)
    assert [len(times) - 1 for times in walks] == [3]
    x = run.sample(64, steps=3, sampler="recorder", seed=2)
    want = genlab.evaluate(x, run.data, ["frechet", "prdc"], seed=2)
    told = {"sampler": "recorder", "sampling_steps": 3}
    assert found == [record | told for record in want]
    assert run.records == [*before, *found]
    frechet = next(r for r in found if r["name"] == "frechet")
    assert "2,048" in frechet["warning"]
    others = [run.evaluate("frechet", n=64, steps=steps)[0]["value"] for steps in (1, 9)]
    assert len({frechet["value"], *others}) == 3
    again = run.evaluate(
        "frechet", n=64, steps=3, sampler="recorder"
    )  # takes the place of the first
    assert len(run.records) == len(before) + len(found) + 2
    given = ("evaluate", run.path, "--metric", "frechet", "-n", 64, "--json")
    said = command(*given, "--sampler", "recorder", "--steps", 3, "--steps", 4)
    assert said.status == 0
    records = json.loads(said.out)
    assert records[0] == again[0]
    assert [record["sampling_steps"] for record in records] == [3, 4]
    assert [len(times) - 1 for times in walks[-2:]] == [3, 4]


def test_numbers_against_the_training_split_stand_beside_the_others(
    digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    shutil.copytree(digits_run.path, tmp_path / "copy")
    run = genlab.open_run(tmp_path / "copy")
    before, x = run.records, run.sample(40, steps=2)
    asked: dict[str, Any] = {"n": 40, "steps": 2}
    test, train = (
        run.evaluate("sliced-wasserstein", **asked, against=split) for split in ("test", "train")
    )
    assert run.records == [*before, *test, *train]
    want = genlab.evaluate(x, run.data, "sliced-wasserstein", against="train")
    assert train == [record | {"sampling_steps": 2, "against": "train"} for record in want]
    assert train[0]["value"] != test[0]["value"]
    given = (
        "evaluate",
        run.path,
        "--metric",
        "sliced-wasserstein",
        "-n",
        40,
        "--steps",
        2,
        "--json",
    )
    assert json.loads(command(*given, "--against-train").out) == train
    assert json.loads(command(*given).out) == test
    only = run.evaluate(n=40, against="train")
    assert not any(record["name"].startswith("bound") for record in only)


def test_wrong_evaluations_are_refused(
    digits_run: genlab.Run, moons_flow: genlab.Run, command: Callable[..., Any]
) -> None:
    for run, arguments, wanted in (
        (digits_run, ("--metric", "frechett"), "'frechet'"),
        (moons_flow, ("--metric", "frechet"), "image data"),
        (moons_flow, ("--metric", "modes"), "modes"),
        (moons_flow, ("--steps", "3"), "neither steps"),
    ):
        said = command("evaluate", run.path, *arguments)
        assert said.status == 2
        assert wanted in said.err


# -- restoration ---------------------------------------------------------------------------------


def test_restoring_starts_where_the_images_are(
    blur_run: genlab.Run, digits: genlab.Data, walks: list[list[float]], tmp_path: Path,
    command: Callable[..., Any],
) -> None:  # fmt: skip
    x = digits.test.first(2)[0]
    x_t = blur_run.degradation.degrade(x, torch.full((2,), 0.5), None)
    blur_run.restore(x_t, method=Recorder(), t=0.5, steps=4)
    blur_run.restore(x_t, method="recorder")
    given = (
        "restore",
        blur_run.path,
        "-n",
        2,
        "--method",
        "recorder",
        "--out",
        tmp_path,
        "--steps",
        2,
    )
    assert command(*given, "--t", "0.5").status == 0
    assert command(*given).status == 0
    assert [times[0] for times in walks] == [0.5, 1.0, 0.5, 1.0]
    assert [len(times) - 1 for times in walks] == [4, 3, 2, 2]
    assert all(times[-1] == 0 and times == sorted(times, reverse=True) for times in walks)


def test_restoring_the_test_images(
    blur_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    said = command("restore", blur_run.path, "-n", 100, "--t", 0.5, "--out", tmp_path, "--json")
    assert said.status == 0
    records = json.loads(said.out.splitlines()[-1])
    assert [r["method"] for r in records] == ["degraded", "direct", "naive", "cold"]
    assert {(r["n"], r["t"]) for r in records} == {(100, 0.5)}
    assert json.loads((tmp_path / "restoration.json").read_text()) == records
    assert records[1]["psnr"] > records[0]["psnr"]
    with Image.open(tmp_path / "restoration.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 10


def test_restoring_given_pictures(
    blur_run: genlab.Run, digits: genlab.Data, tmp_path: Path, command: Callable[..., Any]
) -> None:
    x = digits.test.first(2)[0]
    x_t = blur_run.degradation.degrade(x, torch.full((2,), 0.4), None)
    files = [write_picture(tmp_path / f"d{i}.png", x_t[i]) for i in range(2)]
    given = ("--t", 0.4, "--method", "direct", "--out", tmp_path / "out")
    assert command("restore", blur_run.path, *files, *given).status == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "d0-direct.png", "d1-direct.png", "restoration.png"
    }  # fmt: skip
    stored = torch.stack([read_picture(file) for file in files])
    want = blur_run.restore(stored, t=0.4)
    for i in range(2):
        found = read_picture(tmp_path / "out" / f"d{i}-direct.png")
        assert (found - want[i].clamp(-1, 1)).abs().max() < 1 / 127  # a grey level


@pytest.mark.parametrize(
    ("degradation", "settings"),
    [("blur", ["--set", "sigma_max=4"]), ("mask-dropout", []), ("pixelate", [])],
)
def test_a_gaussian_run_restores_what_any_linear_degradation_did(
    degradation: str, settings: list[str], digits_run: genlab.Run, tmp_path: Path,
    command: Callable[..., Any],
) -> None:  # fmt: skip
    """By posterior sampling; what is known of the image stays as it is."""
    given = (
        "restore",
        digits_run.path,
        "-n",
        60,
        "--t",
        0.5,
        "--out",
        tmp_path,
        "--json",
        "--steps",
        10,
    )
    said = command(*given, "--degradation", degradation, *settings, "--method", "ddnm")
    assert said.status == 0, said.err
    degraded, restored = json.loads(said.out.splitlines()[-1])
    assert (restored["method"], restored["n"]) == ("ddnm", 60)
    assert restored["psnr"] > degraded["psnr"]
    params = {"sigma_max": 4.0} if settings else {}
    operator = genlab.build("degradation", degradation, **params)
    x, t = digits_run.data.test.first(20)[0], torch.full((20,), 0.5)
    z = operator.draw(x, generator=torch.Generator().manual_seed(0))
    y = operator.degrade(x, t, z)
    found = digits_run.restore(y, method="ddnm", degradation=operator, t=0.5, z=z, steps=10)
    assert found.shape == x.shape
    error, before = ((operator.degrade(each, t, z) - y).square().mean() for each in (found, 0 * x))
    assert error < 0.01 * before


def test_wrong_restorations_are_refused(
    blur_run: genlab.Run, digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    picture = write_picture(tmp_path / "x.png", torch.zeros(1, 8, 8))
    for run, arguments, wanted in (
        (blur_run, (tmp_path / "missing.png",), "there is no such file"),
        (blur_run, (tmp_path / "text.png",), "no picture of a format that is read"),
        (blur_run, ("--t", "1.5"), "t = 1.5"),
        (blur_run, ("--t", "0"), "t = 0"),
        (
            blur_run,
            ("--method", "ddim"),
            "'ddim' needs a DiagonalDegradation, and 'blur' is none. These fit it: cold, ",
        ),
        (blur_run, ("--set", "sigma_max=3"), "--degradation"),
        (blur_run, ("--degradation", "pixelate"), "leaves something of the data"),
        (digits_run, ("--degradation", "blur", "--method", "cold"), "by the method 'ddnm'"),
        (digits_run, ("--degradation", "ink"), "is no LinearDegradation"),
        (digits_run, (picture, "--degradation", "mask-dropout"), "--degrade takes clean images"),
    ):
        said = command("restore", run.path, *arguments)
        assert said.status == 2, arguments
        assert wanted in said.err
        assert len(said.err.splitlines()) == 1


# -- interpolation -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["linear", "slerp"])
def test_interpolation_of_a_diffusion(
    digits_run: genlab.Run, digits: genlab.Data, path: Any
) -> None:
    a, b = digits.test.first(2)[0]
    found = digits_run.interpolate(a, b, points=5, t=0.1, path=path)
    assert found.shape == (5, 1, 8, 8)
    for end, near, far in ((found[0], a, b), (found[-1], b, a)):
        assert (end - near).square().mean() < 0.2 * (end - far).square().mean()
    assert torch.equal(found, digits_run.interpolate(a, b, points=5, t=0.1, path=path))


def test_the_ends_of_a_path_have_noise_of_their_own(
    digits_run: genlab.Run, digits: genlab.Data, walks: list[list[float]]
) -> None:
    """And every point walks back from the time that was asked for."""
    a = digits.test.first(1)[0][0]
    found = digits_run.interpolate(a, a, points=3, t=0.6, sampler=Recorder(), steps=2)
    assert not torch.allclose(found[0], found[-1])
    assert [times[0] for times in walks] == pytest.approx(
        [0.6] * 2
    )  # the first point, and the rest
    fewer = digits_run.interpolate(a, a, points=2, t=0.6, sampler=Recorder(), steps=2)
    torch.testing.assert_close(found[::2], fewer)


def test_interpolation_of_a_deterministic_degradation(
    blur_run: genlab.Run, digits: genlab.Data
) -> None:
    a, b = digits.test.first(2)[0]
    found = blur_run.interpolate(a, b, points=3, t=0.4, sampler=genlab.build("sampler", "cold"))
    state = blur_run.degradation.degrade(b[None], torch.tensor([0.4]), None)
    direct = blur_run.restore(state, t=0.4, method="cold")
    torch.testing.assert_close(found[-1], direct[0])


def test_a_diffusion_is_refused_a_temperature_in_every_format(
    circles_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    for name, what in (("a.npz", "a diffusion"), ("a.gif", "a trajectory")):
        given = ("-n", 2, "--temperature", 0.5, "--out", tmp_path / name)
        said = command("sample", circles_run.path, *given)
        assert said.status == 2
        assert f"{what} takes no temperature" in said.err


def test_latents_are_mixed_from_2_to_9(
    digits_flow: genlab.Run, digits: genlab.Data, tmp_path: Path, command: Callable[..., Any]
) -> None:
    y = digits.test.y
    assert y is not None
    x = digits.test.first(len(digits.test))[0]

    def is_one_of(label: int, found: Tensor) -> bool:
        return bool(((x[y == label] - found).flatten(1).abs().amax(1) < 1e-3).any())

    file = tmp_path / "path.npz"
    given = ("--points", 4, "--pairs", 2, "--out", file)
    assert command("interpolate", digits_flow.path, "--from", "2", "--to", "9", *given).status == 0
    found = arrays(file)["x"]
    assert found.shape == (4, 2, 1, 8, 8)
    assert all(is_one_of(2, each) for each in found[0])
    assert all(is_one_of(9, each) for each in found[-1])
    assert not any(is_one_of(label, each) for each in found[1] for label in (2, 9))
    a, b = found[0, 0], found[-1, 0]
    even = digits_flow.interpolate(a, b, points=4, even=True)
    torch.testing.assert_close(found[:, 0], even, atol=1e-3, rtol=0)
    ends = ("--from", "2", "--to", "9", "--uniform")
    assert command("interpolate", digits_flow.path, *ends, *given).status == 0
    found = arrays(file)["x"]
    torch.testing.assert_close(
        found[:, 0], digits_flow.interpolate(a, b, points=4), atol=1e-3, rtol=0
    )
    assert not torch.allclose(
        found[1, 0], digits_flow.interpolate(a, b, 4, path="linear")[1], atol=1e-3
    )
    picture = write_picture(tmp_path / "four.png", x[y == 4][0])
    assert (
        command("interpolate", digits_flow.path, "--from", picture, "--to", "9", *given).status == 0
    )
    assert is_one_of(4, arrays(file)["x"][0, 0])
    film = tmp_path / "path.gif"
    more = ("--from", "2", "--to", "9", "--means", "--points", 4)
    assert command("interpolate", digits_flow.path, *more, "--out", film).status == 0
    with Image.open(film) as frames:
        assert frames.n_frames > 3


def test_wrong_interpolations_are_refused(
    blur_run: genlab.Run, digits_flow: genlab.Run, command: Callable[..., Any]
) -> None:
    for run, arguments, wanted in (
        (blur_run, ("--to", "eleven"), "unknown class 'eleven'"),
        (blur_run, ("--to", "9", "--t", "0"), "t = 0"),
        (blur_run, ("--to", "9", "--means"), "density"),
        (blur_run, ("--to", "9", "--path", "curly"), "'curly'"),
        (blur_run, ("--to", "9", "--out", "path.txt"), ".gif"),
        (blur_run, ("--to", "9", "--points", "1"), "--points"),
        (blur_run, ("--to", "9", "--sampler", "ddim"), "'ddim'"),
        (digits_flow, ("--to", "9", "--path", "curly"), "'curly'"),
    ):
        said = command("interpolate", run.path, "--from", "2", *arguments)
        assert said.status == 2, arguments
        assert wanted in said.err
        assert len(said.err.splitlines()) == 1


# -- densities -----------------------------------------------------------------------------------


def test_classifying_by_bayes_rule(
    digits_flow: genlab.Run, digits_run: genlab.Run, digits: genlab.Data, tmp_path: Path,
    command: Callable[..., Any],
) -> None:  # fmt: skip
    x, y = digits.test.first(len(digits.test))
    posteriors = digits_flow.classify(x)
    torch.testing.assert_close(posteriors.exp().sum(1), torch.ones(len(x)))
    right = float((posteriors.argmax(1) == y).float().mean())
    assert right > 0.8
    said = command("classify", digits_flow.path, "--json")
    assert json.loads(said.out) == {"n": len(x), "accuracy": pytest.approx(right), "views": 1}
    record = next(r for r in digits_flow.records if r["name"] == "accuracy")
    assert record["value"] == pytest.approx(right, abs=0.03)
    assert y is not None
    picture = write_picture(tmp_path / "zero.png", x[y == 0][0])
    row = json.loads(command("classify", digits_flow.path, picture, "--json").out)
    assert sum(row[name] for name in digits_flow.spec.names) == pytest.approx(1, abs=1e-5)
    assert max("0123456789", key=lambda name: row[name]) == "0"
    said = command("classify", digits_run.path)
    assert said.status == 2
    assert "diffusion model" in said.err


def test_an_image_is_classified_by_several_views(
    digits_flow: genlab.Run,
    moons_flow: genlab.Run,
    digits: genlab.Data,
    command: Callable[..., Any],
) -> None:
    """The posterior is the mean of those of the image moved by up to a pixel, and mirrored."""
    x, _ = digits.test.first(20)
    wide = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    moved = [wide[:, :, i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
    each = torch.stack([digits_flow.classify(view) for view in moved]).exp()
    torch.testing.assert_close(digits_flow.classify(x, shift=1).exp(), each.mean(0))
    both = torch.cat([each, torch.stack([digits_flow.classify(v.flip(3)) for v in moved]).exp()])
    torch.testing.assert_close(digits_flow.classify(x, shift=1, flip=True).exp(), both.mean(0))
    mirrored = (digits_flow.classify(x).exp() + digits_flow.classify(x.flip(3)).exp()) / 2
    torch.testing.assert_close(digits_flow.classify(x, flip=True).exp(), mirrored)
    for wrong in ({"shift": 8}, {"shift": -1}, {"shift": 0.5}):
        with pytest.raises(RequestError, match=r"^shift = "):
            digits_flow.classify(x, **wrong)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="views of images"):
        moons_flow.classify(torch.zeros(1, 2), flip=True)
    told = json.loads(command("classify", digits_flow.path, "--shift", 1, "--json").out)
    test, labels = digits.test.first(len(digits.test))
    right = (digits_flow.classify(test, shift=1).argmax(1) == labels).float().mean()
    assert told == {"n": len(test), "accuracy": pytest.approx(float(right)), "views": 9}
