"""Exported networks, opened by what they are for: torch, onnxruntime, safetensors and diffusers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import genlab
from genlab import DataSpec
from genlab.runs.start import start_run


def inputs(spec: DataSpec, n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(-1, max(spec.classes, 1), (n,), generator=generator)
    return torch.randn(n, *spec.shape, generator=generator), torch.rand(n, generator=generator), y


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(f"{path.name}.json").read_text("utf-8"))
    return found


def error(got: Tensor, want: Tensor) -> float:
    return float((got - want).abs().max() / want.abs().max())


def small(out: Path, **request: Any) -> genlab.Run:
    """A run of two steps: exporting asks for no more."""
    usual = {"dataset": {"name": "circles", "train": 100, "test": 10}, "training": {"steps": 2}}
    skipped = ["sampling", "measuring", "drawing", "page"]
    return start_run({**usual, **request}, out=out, skip=skipped)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A blur run on images without classes."""
    x = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return small(
        tmp_path_factory.mktemp("runs") / "images", dataset=x, degradation="blur",
        backbone={"name": "unet", "channels": [8], "patch": 2},
    )  # fmt: skip


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> genlab.Run:
    """A Gaussian run on points with classes."""
    return small(
        tmp_path_factory.mktemp("runs") / "points",
        backbone={"name": "mlp", "width": 8, "depth": 1},
        training={"steps": 2, "conditional": True},
    )


@torch.no_grad()
def test_a_program_gives_the_networks_outputs(
    images: genlab.Run, points: genlab.Run, tmp_path: Path
) -> None:
    for run, names in ((images, ["x", "t"]), (points, ["x", "t", "y"])):
        file = run.export(tmp_path / f"{run.path.name}.pt2")
        program = torch.export.load(file).module()
        assert list(told(file)["inputs"]) == names
        for n in (1, 7):
            given = inputs(run.spec, n)[: len(names)]
            assert error(program(*given), run.restorer.backbone(*given)) <= 1e-5


@torch.no_grad()
def test_onnx_gives_the_networks_outputs(points: genlab.Run, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    file = points.export(tmp_path / "network.onnx")
    session = runtime.InferenceSession(file)
    for n in (1, 7):
        given = inputs(points.spec, n)
        arrays = {name: value.numpy() for name, value in zip("xty", given, strict=True)}
        got = torch.from_numpy(session.run(["output"], arrays)[0])
        assert error(got, points.restorer.backbone(*given)) <= 1e-4


def test_the_density_of_a_flow_is_exported(tmp_path: Path) -> None:
    flow = {"name": "realnvp", "width": 8, "couplings": 2}
    run = small(tmp_path / "run", density=flow, training={"steps": 2, "conditional": True})
    program = torch.export.load(run.export(tmp_path / "flow.pt2")).module()
    x = inputs(run.spec, 5)[0]
    with torch.no_grad():
        torch.testing.assert_close(program(x).log_softmax(1), run.classify(x))


def test_weights_are_those_that_samples_come_from(images: genlab.Run, tmp_path: Path) -> None:
    file = images.export(tmp_path / "network.safetensors")
    weights, state = load_file(file), images.restorer.backbone.state_dict()
    assert weights.keys() == state.keys()
    kept = load_file(images.folder.checkpoints.last)
    for name, value in weights.items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
        assert any(torch.equal(value, v) for key, v in kept.items() if "ema" in key), name
    said = told(file)
    assert said["backbone"]["name"] == "unet"
    assert said["data"]["shape"] == [1, 8, 8]
    assert said["estimate"] == "x_0 = x_t + output"  # which is what a restorer does without noise
    assert "schedule" not in said


@pytest.mark.parametrize("prediction", ["x0", "eps", "v", "edm"])
def test_what_is_told_makes_the_estimate(prediction: str, tmp_path: Path) -> None:
    """The words of the description, carried out, give what the restorer gives."""
    images = 2 * torch.rand(20, 1, 2, 2, generator=torch.Generator().manual_seed(0)) - 1
    run = small(
        tmp_path / "run", backbone={"name": "mlp", "width": 8}, restorer={"prediction": prediction},
        dataset=images,  # whose deviation is not 1
        degradation={"name": "gaussian", "schedule": "edm"},
    )  # fmt: skip
    file = run.export(tmp_path / "network.safetensors")
    said = told(file)
    x_t, _, _ = inputs(run.spec, 6)
    k = 321
    t = torch.full((6,), k / 1000)
    names: dict[str, Any] = {
        "alpha": said["schedule"]["alpha"][k], "sigma": said["schedule"]["sigma"][k],
        "s": said["s"], "x_t": x_t, "sqrt": math.sqrt,
    }  # fmt: skip
    names["x"] = eval(said["network_sees"].removeprefix("x = "), names)
    with torch.no_grad():
        names["output"] = run.restorer.backbone(names["x"], t, None)
        want = run.restorer(x_t, t)
    estimate = eval(said["estimate"].removeprefix("x_0 = "), names)
    torch.testing.assert_close(estimate, want, rtol=1e-4, atol=1e-4)


def test_nothing_is_overwritten_in_silence(points: genlab.Run, tmp_path: Path) -> None:
    file, beside = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    points.export(file)
    before = file.read_bytes()
    file.write_bytes(b"mine")
    with pytest.raises(genlab.RequestError, match=r"a\.safetensors is there already"):
        points.export(file)
    assert file.read_bytes() == b"mine"
    points.export(file, overwrite=True)
    assert file.read_bytes() == before
    (tmp_path / "b.safetensors.json").write_text("mine")
    with pytest.raises(genlab.RequestError, match=r"b\.safetensors\.json is there already"):
        points.export(beside)
    assert not beside.exists()


class Twofold(torch.nn.Module):
    """A network that no program can follow: what it does depends on the numbers that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x * self.scale if float(x.sum()) > 0 else -x * self.scale


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    run = small(tmp_path / "run", backbone=Twofold())
    with pytest.raises(genlab.RequestError, match="cannot become a program of torch"):
        run.export(tmp_path / "out" / "network.pt2")
    assert not list((tmp_path / "out").iterdir())
    assert run.export(tmp_path / "out" / "network.safetensors").is_file()


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [("network.pth", {}, "exported to .safetensors, .pt2, .onnx, or to a folder for diffusers"),
     ("network.pt2", {"label": 1}, "label 1 is for a folder for diffusers"),
     ("pipeline", {}, "MLP is no network of diffusers")],
)  # fmt: skip
def test_refused(points: genlab.Run, tmp_path: Path, name: str, options: Any, said: str) -> None:
    with pytest.raises(genlab.RequestError, match=said):
        points.export(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())
