"""Models out: the network of a run for other programs, with a description of what it is.

The averaged network is written alone: what it sees and what its output means stands in the description.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from genlab.components.backbone import Backbone, DiffusersBackbone
from genlab.components.dataset import DataSpec
from genlab.components.degradation import DiagonalDegradation, GaussianDegradation
from genlab.components.extras import extra
from genlab.diffusion import DensityModel, DiffusionModel, Label, Restorer
from genlab.errors import GenlabError, RequestError, RunError
from genlab.files import draft, draft_folder, write_text
from genlab.runs.opened import OpenedRun
from genlab.seeds import sub_seed

__all__ = ["export", "taken"]

_TIMESTEPS = 1000  # of a schedule that is written down, and of pipelines
_NEAR = {".pt2": 1e-5, ".onnx": 1e-4}  # relative error that a program may have


def export(
    run: OpenedRun, path: str | Path, *, label: Label | None = None, overwrite: bool = False
) -> Path:
    """Write the averaged network of a run for other programs; see :meth:`genlab.Run.export`."""
    path = Path(path)
    writers: dict[str, Callable[[OpenedRun, Path], None]] = {
        ".safetensors": _write_weights, ".pt2": _write_program, ".onnx": _write_onnx,
    }  # fmt: skip
    if path.suffix and path.suffix not in writers:
        raise RequestError(
            f"{path}: a model is exported to {', '.join(writers)}, or to a folder for diffusers"
        )
    if not path.suffix:
        return _export_pipeline(run, path, label, overwrite)
    if label is not None:
        raise RequestError(
            f"label {label!r} is for a folder for diffusers, whose pipeline knows no classes; the "
            f"network in {path} takes labels as it always did"
        )
    told = path.with_name(f"{path.name}.json")
    for file in (path, told):
        if file.exists() and not (overwrite and file.is_file()):
            raise taken(file)
    with _placed(path), draft(path) as file:
        writers[path.suffix](run, file)
        write_text(told, _described(run, path))
    return path


def _write_weights(run: OpenedRun, file: Path) -> None:
    weights = {name: value.cpu().contiguous() for name, value in _module(run).state_dict().items()}
    save_file({name: value.clone() for name, value in weights.items()}, file)


def _write_program(run: OpenedRun, file: Path) -> None:
    network = _Alone.of(run)
    program = _program(network)
    torch.export.save(program, file)
    _require_same(network, torch.export.load(file).module(), ".pt2")


def _write_onnx(run: OpenedRun, file: Path) -> None:
    for module in ("onnx", "onnxscript"):
        extra(module, "onnx", "an .onnx file")
    runtime = extra("onnxruntime", "onnx", "an .onnx file")
    network = _Alone.of(run)
    names = list(network.example(2))
    with _refused("ONNX"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(
            _program(network), dynamo=True, input_names=names, output_names=["output"],
            verbose=False,
        )  # fmt: skip
        assert made is not None
        made.save(file, external_data=False)
    session = runtime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])

    def call(*given: Tensor) -> Tensor:
        arrays = {name: value.numpy() for name, value in zip(names, given, strict=True)}
        return torch.from_numpy(session.run(None, arrays)[0])

    _require_same(network, call, ".onnx")


class _Alone(nn.Module):
    """A network with as many inputs as it looks at, on the CPU.

    Args:
        module: A backbone or a density.
        spec: What the data is.
        inputs: The names of the inputs.
    """

    def __init__(self, module: nn.Module, spec: DataSpec, inputs: tuple[str, ...]) -> None:
        super().__init__()
        alone = copy.deepcopy(module).cpu().to(memory_format=torch.contiguous_format)
        self.module = alone.eval().requires_grad_(False)
        self.spec, self.inputs = spec, inputs

    @classmethod
    def of(cls, run: OpenedRun) -> _Alone:
        """Return the averaged network of a run."""
        return cls(_module(run), run.spec, _inputs(run))

    def forward(self, *given: Tensor) -> Tensor:
        """Call the network."""
        out: Tensor = self.module(*given)
        return out

    def example(self, n: int) -> dict[str, Tensor]:
        """Return inputs for ``n`` examples by name."""
        generator = torch.Generator().manual_seed(sub_seed(n, "example of an export"))
        every = {
            "x": torch.randn(n, *self.spec.shape, generator=generator),
            "t": torch.rand(n, generator=generator),
            "y": torch.arange(n) % (self.spec.classes + 1) - 1,
        }
        return {name: every[name] for name in self.inputs}


def _program(network: _Alone) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in network.inputs)
    with _refused("a program of torch.export"):
        return torch.export.export(
            network, tuple(network.example(2).values()), dynamic_shapes=(shapes,)
        )


@torch.no_grad()
def _require_same(network: _Alone, call: Callable[..., Tensor], suffix: str) -> None:
    """Require that what was exported gives the network's outputs, for other batches than it was traced with.

    Raises:
        RunError: It does not.
    """
    for n in (1, 5):
        given = tuple(network.example(n).values())
        want, got = network(*given), call(*given)
        error = float((got - want).abs().max() / want.abs().max().clamp_min(1.0))
        if not error <= _NEAR[suffix]:
            raise RunError(
                f"the {suffix} file would give other outputs than the network: off by {error:.1e} for a "
                f"batch of {n}. A .safetensors file holds the weights"
            )


def _export_pipeline(run: OpenedRun, folder: Path, label: Label | None, overwrite: bool) -> Path:
    """Write a folder that ``diffusers.DDIMPipeline.from_pretrained`` opens."""
    ours = (folder / "genlab.json").is_file()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if not ours:
            raise RequestError(f"{folder} is there already and is none of ours: choose another")
        if not overwrite:
            raise taken(folder)
    restorer, backbone, betas = _fit_for_pipelines(run, folder)
    diffusers = extra("diffusers", "diffusers", f"the folder {folder} for diffusers")
    labels = None if label is None else run.model.labels(1, label)
    number = None if labels is None else int(labels[0])
    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=_TIMESTEPS, trained_betas=betas.tolist(), set_alpha_to_one=True,
        clip_sample=run.spec.bounded, timestep_spacing="trailing",
        prediction_type=_THEIR_WORDS[restorer.prediction],
    )  # fmt: skip
    pipeline = diffusers.DDIMPipeline(unet=backbone.pipeline_model(number), scheduler=scheduler)
    with _placed(folder), draft_folder(folder) as made:
        pipeline.save_pretrained(made)
        write_text(made / "genlab.json", _described(run, folder, number))
    return folder


_THEIR_WORDS = {"x0": "sample", "eps": "epsilon", "v": "v_prediction"}


def _fit_for_pipelines(run: OpenedRun, folder: Path) -> tuple[Restorer, DiffusersBackbone, Tensor]:
    """Return what a pipeline of diffusers is made of: the network, and the schedule as betas, float64.

    Raises:
        RequestError: The run is nothing that a pipeline can hold.
    """
    others = (
        f"{folder} names a folder for diffusers, and .safetensors, .pt2 and .onnx files take any"
    )
    restorer = run.diffusion.restorer
    backbone, degradation = restorer.backbone, restorer.degradation
    if not isinstance(backbone, DiffusersBackbone):
        raise RequestError(
            f"{type(backbone).__name__} is no network of diffusers, as the backbone 'diffusers-unet' has "
            f"one: {others} network"
        )
    if not isinstance(degradation, GaussianDegradation):
        raise RequestError(
            f"{type(degradation).__name__} is no Gaussian noise, which diffusers walks back: {others} run"
        )
    if restorer.prediction not in _THEIR_WORDS:
        raise RequestError(
            f"restorer.prediction = {restorer.prediction!r} is none of {', '.join(_THEIR_WORDS)}, which "
            f"diffusers knows: {others} run"
        )
    t = torch.arange(_TIMESTEPS + 1, dtype=torch.float64) / _TIMESTEPS
    power = degradation.alpha(t).square()
    if not torch.allclose(power + degradation.sigma(t).square(), torch.ones_like(t), atol=1e-6):
        raise RequestError(
            f"{degradation!r} does not preserve variance, as diffusers' DDIM does: {others} run"
        )
    return restorer, backbone, 1 - power[1:] / power[:-1]


def _module(run: OpenedRun) -> nn.Module:
    """Return what was learned: the backbone of a diffusion, or the density."""
    model = run.model
    return model.density if isinstance(model, DensityModel) else run.restorer.backbone


def _inputs(run: OpenedRun) -> tuple[str, ...]:
    module = _module(run)
    if not isinstance(module, Backbone):
        return ("x",)
    return ("x", "t", "y") if run.model.conditional and module.takes_labels else ("x", "t")


def _described(run: OpenedRun, path: Path, label: int | None = None) -> str:
    """Return what is said about an exported network, as JSON."""
    from genlab import __version__

    spec, made_of = run.spec, dict(run.config.components())
    learned = "backbone" if "backbone" in made_of else "density"
    told: dict[str, Any] = {
        "format": 1,
        "genlab": __version__,
        "file": path.name,
        "run": run.config.title,
        "weights": f"{'moving average of' if run.model.averaged else 'fitted'} "
                   f"weights, checkpoint {run.checkpoint!r}",
        "data": {
            "shape": list(spec.shape), "kind": spec.kind, "classes": spec.classes,
            "names": list(spec.names), "levels": spec.levels,
            "range": [-1, 1] if spec.bounded else None,
        },
        learned: made_of[learned].flat(),
        "inputs": {name: _MEANINGS[name] for name in _inputs(run)},
    }  # fmt: skip
    if isinstance(run.model, DiffusionModel):
        told |= _walk(run.model.restorer, made_of["degradation"].flat())
    else:
        told["output"] = "float32 (batch, K): log p(x, y = k) in nats; K = 1 without classes"
    if label is not None:
        told["label"] = label
    return json.dumps(told, indent=1) + "\n"


_MEANINGS = {
    "x": "float32 (batch, *shape); images are (batch, channels, height, width) in [-1, 1]",
    "t": "float32 (batch,): times in [0, 1]; 0 is clean data, 1 fully degraded",
    "y": "int64 (batch,): classes from 0 on; -1 is no label",
}
_SEEN = {
    "edm": "x = x_t / sqrt((s * alpha)**2 + sigma**2)",
    None: "x = x_t / sqrt(alpha**2 + sigma**2)",
}
_ESTIMATES = {
    "x0": "x_0 = output",
    "eps": "x_0 = (x_t - sigma * output) / alpha",
    "v": "x_0 = (alpha * x_t - sigma * sqrt(alpha**2 + sigma**2) * output) / (alpha**2 + sigma**2)",
    "edm": "x_0 = s * (s * alpha * x_t + sigma * sqrt((s * alpha)**2 + sigma**2) * output) "
    "/ ((s * alpha)**2 + sigma**2)",
}


def _walk(restorer: Restorer, degradation: dict[str, Any]) -> dict[str, Any]:
    """Return how the network of a restorer is used."""
    noise = restorer.degradation
    told: dict[str, Any] = {
        "output": "float32, of the shape of x",
        "degradation": degradation,
        "prediction": restorer.prediction,
        "jitter": restorer.jitter,
    }
    if isinstance(noise, GaussianDegradation):
        t = torch.arange(_TIMESTEPS + 1, dtype=torch.float64) / _TIMESTEPS
        amplitudes = {"alpha": noise.alpha(t).tolist(), "sigma": noise.sigma(t).tolist()}
        return told | {
            "s": restorer.deviation,
            "network_sees": _SEEN.get(restorer.prediction, _SEEN[None]),
            "estimate": _ESTIMATES[restorer.prediction],
            "schedule": {"x_t": "alpha x_0 + sigma z, z normal", "t": "k / 1000", **amplitudes},
        }
    if restorer.prediction == "x0" or not isinstance(noise, DiagonalDegradation):
        return told | {"network_sees": "x = x_t", "estimate": "x_0 = x_t + output"}
    basis = " in the basis in which the degradation is diagonal"
    return told | {
        "s": restorer.deviation,
        "network_sees": _SEEN.get(restorer.prediction, _SEEN[None]) + basis,
        "estimate": _ESTIMATES[restorer.prediction] + basis,
    }


def taken(path: Path) -> RequestError:
    """Return the error of a path at which there is something already."""
    return RequestError(f"{path} is there already: choose another, or overwrite it (--overwrite)")


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """Turn what PyTorch says of a network that it cannot trace into one line."""
    try:
        yield
    except GenlabError:
        raise
    except Exception as error:
        first = " ".join(str(error).split())[:300]
        raise RequestError(
            f"this network cannot become {what} ({type(error).__name__}: {first}). A .safetensors file "
            f"always holds the weights"
        ) from error


@contextmanager
def _placed(path: Path) -> Iterator[None]:
    """Say in one line that a place cannot be written to."""
    try:
        yield
    except OSError as error:
        raise RequestError(f"{path} cannot be written: {error.strerror or error}") from error
