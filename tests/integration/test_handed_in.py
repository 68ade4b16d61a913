"""An object is as good as a name: components of one's own, which nobody can import."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pytest
import tomli_w
import torch
from torch import Tensor, nn

import genlab
from genlab import RequestError
from genlab.runs.start import start_run
from genlab.seeds import generator_of
from genlab.training import read_checkpoint


def of_ones_own() -> dict[str, Any]:
    """Return a component of every role, whose classes only this function knows."""

    class Dim(genlab.Degradation):
        """Fade to grey."""

        tags = genlab.DegradationTags()

        def __init__(self, *, rest: float = 0.1) -> None:
            self.rest = rest

        def draw(self, x_0: Tensor, *, generator: torch.Generator) -> None:
            return None

        def degrade(self, x_0: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
            return x_0 * (1 - (1 - self.rest) * genlab.right_expand(t, x_0))

        def summarize(self, x_1: Tensor) -> Tensor:
            return x_1.mean((1, 2, 3))[:, None] / self.rest

        def expand(
            self, c: Tensor, shape: tuple[int, ...], *, generator: torch.Generator
        ) -> Tensor:
            return genlab.right_expand(c[:, 0] * self.rest, torch.empty(1, *shape)).expand(
                -1, *shape
            )

    class Blobs(genlab.Dataset):
        """Bright spots."""

        def __init__(self, *, side: int = 6) -> None:
            self.spec = genlab.DataSpec((1, side, side), "image", levels=0)

        def load(self, split: str, root: Path | None = None) -> genlab.Examples:
            generator = torch.Generator().manual_seed(len(split))
            return genlab.Examples(0.5 * torch.rand(200, *self.spec.shape, generator=generator))

    class Grey(genlab.Metric):
        """The distance of the means."""

        tags = genlab.MetricTags(features="grey")

        def __init__(self, *, factor: float = 2.0) -> None:
            self.factor = factor

        def fit(self, train: genlab.Examples, spec: genlab.DataSpec, *, seed: int) -> None:
            return None

        def score(self, fitted: None, x: Tensor, real: Tensor) -> dict[str, float]:
            return {"Grey": self.factor * float((x.mean() - real.mean()).abs())}

    class Descent(genlab.Optimiser):
        """Plain descent."""

        def __init__(self, *, lr: float = 0.01) -> None:
            self.lr = lr

        def build(self, parameters: Any) -> torch.optim.Optimizer:
            return torch.optim.SGD(list(parameters), lr=self.lr)

    class Late(genlab.Denoising):
        """Learn from what is nearly gone."""

        def draw_times(self, n: int, *, generator: torch.Generator) -> Tensor:
            return 0.5 + 0.5 * super().draw_times(n, generator=generator)

    class Halves(genlab.Sampler):
        """Restore, and degrade by half."""

        usual_steps = 3

        def grid(self, steps: int, degradation: genlab.Degradation) -> Tensor:
            return torch.cat([0.5 ** torch.arange(steps), torch.zeros(1)])

        def init(
            self, restorer: Any, x_t: Tensor, t: Tensor, z: Any, *, generator: torch.Generator
        ) -> Any:
            return z

        def step(
            self, restorer: Any, x_t: Tensor, t: Tensor, s: Tensor, state: Any
        ) -> tuple[Tensor, Any]:
            return restorer.degradation.degrade(restorer(x_t, t), s, state), state

    class Net(nn.Module):
        """A convolution."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
            return self.layer(x) * (1 + t[:, None, None, None])  # type: ignore[no-any-return]

    return {
        "degradation": Dim(rest=0.2), "dataset": Blobs(side=5), "metrics": [Grey(factor=3.0)],
        "optimiser": Descent(lr=0.02), "objective": Late, "sampler": Halves(), "backbone": Net(),
    }  # fmt: skip


PLAIN: dict[str, Any] = {
    "dataset": "digits", "degradation": "blur", "prior": "normal", "sampler": "cold",
    "backbone": {"class": "genlab.testing.tiny:Perceptron"}, "metrics": ["sliced-wasserstein"],
    "figures": [], "training": {"steps": 12, "batch": 16}, "sampling": {"count": 20, "steps": 2},
}  # fmt: skip

NEEDED = {"degradation": "sample", "backbone": "sample", "sampler": "sample", "dataset": "data",
          "metrics": "built_metrics", "optimiser": "resume", "objective": "resume"}  # fmt: skip
"""What can not be done without each component."""


def do(run: genlab.Run, what: str, **components: Any) -> object:
    if what == "sample":
        return run.sample(2)
    if what == "resume":
        return genlab.resume(run.path, steps=14, **components)
    return getattr(run, what)


@pytest.mark.parametrize("slot", NEEDED)
def test_one_component_of_ones_own(slot: str, tmp_path: Path) -> None:
    """It runs; the folder says what it is; opened again, it is asked for only where it is needed."""
    mine = of_ones_own()[slot]
    run = start_run(PLAIN | {slot: mine}, out=tmp_path / "run", skip=["drawing", "page"])
    x = run.sample(3, seed=1)
    written = tomllib.loads((run.path / "run.toml").read_text())[slot]
    (written,) = written if isinstance(written, list) else [written]
    (given,) = mine if isinstance(mine, list) else [mine]
    name = getattr(given, "__name__", type(given).__name__)
    assert written.pop("class").endswith(f"of_ones_own.<locals>.{name}")
    if slot == "backbone":
        assert written == {"unwritten": ["the object"]}
    elif slot != "objective":
        assert written == given.params
    role, what = slot.removesuffix("s"), NEEDED[slot]
    bare = genlab.open_run(run.path)
    with pytest.raises(RequestError, match=f'the {role} .*{name}.*components={{"{slot}": ') as said:
        do(bare, what)
    assert "\n" not in str(said.value)
    if what != "sample":
        assert torch.equal(bare.sample(3, seed=1), x)
    whole = genlab.open_run(run.path, components={slot: mine})
    assert torch.equal(whole.sample(3, seed=1), x)
    do(whole, what, **({"components": {slot: mine}} if what == "resume" else {}))


def test_everything_of_ones_own_at_once(tmp_path: Path) -> None:
    parts = of_ones_own()
    run = start_run(PLAIN | parts, out=tmp_path / "run", skip=["drawing", "page"])
    assert run.spec.shape == (1, 5, 5)
    assert (run.degradation, run.model.sampler) == (parts["degradation"], parts["sampler"])  # type: ignore[union-attr]
    (record,) = run.records
    assert (record["name"], record["features"]) == ("Grey", "grey")
    real = run.data.test.first(200)[0]
    shift = (
        run.samples(20)[0].mean()
        - real[torch.randperm(200, generator=generator_of(0, "real examples"))[:20]].mean()
    )
    assert record["value"] == pytest.approx(3 * float(shift.abs()))
    again = genlab.open_run(run.path, components=parts)
    assert torch.equal(again.sample(3), run.sample(3))
    assert genlab.resume(run.path, steps=20, components=parts).metrics["steps"] == 20


def test_a_module_is_left_as_it_was_and_serves_twice(tmp_path: Path) -> None:
    net = of_ones_own()["backbone"]
    before = copy.deepcopy(net.state_dict())
    for given in (net, lambda spec: net):
        runs = [
            start_run(
                PLAIN | {"backbone": given, "evaluation": {"times": 2, "count": 10}},
                out=tmp_path / f"{type(given).__name__}-{i}", skip=["drawing", "page"],
            )
            for i in range(2)
        ]  # fmt: skip
        states = [read_checkpoint(run.weights_file).part("ema") for run in runs]
        for key, value in states[0].items():
            assert torch.equal(value, states[1][key])
        (weight,) = (value for key, value in states[0].items() if key.endswith("layer.weight"))
        assert not torch.equal(weight, before["layer.weight"])
        for key, value in before.items():
            assert torch.equal(net.state_dict()[key], value)
        assert net.training


def test_classes_and_functions_serve_where_objects_do(tmp_path: Path) -> None:
    parts = of_ones_own()
    runs = [
        start_run(PLAIN | change, out=tmp_path / str(i), skip=["drawing", "page"])
        for i, change in enumerate([
            {"degradation": type(parts["degradation"])(rest=0.3)},
            {"degradation": partial(type(parts["degradation"]), rest=0.3)},
            {"optimiser": partial(torch.optim.SGD, lr=0.02)},
            {"optimiser": type(parts["optimiser"])(lr=0.02)},
            {"metrics": [type(parts["metrics"][0])]},
            {"metrics": [partial(type(parts["metrics"][0]), factor=2.0)]},
            {"optimiser": torch.optim.RMSprop},
        ])
    ]  # fmt: skip
    for a, b in ((0, 1), (2, 3)):
        assert torch.equal(runs[a].sample(2), runs[b].sample(2))
        assert runs[a].config.title == runs[b].config.title
    assert runs[4].config.metrics[0].params == runs[5].config.metrics[0].params == {"factor": 2.0}
    assert runs[4].records == runs[5].records
    with pytest.raises(
        RequestError, match=r"RMSprop is not a subclass of genlab\.Optimiser: hand it in"
    ):
        genlab.resume(runs[6].path, steps=14)  # what a file names is not called
    with pytest.raises(RequestError, match="SGD has the object, which no file holds: hand it in"):
        genlab.resume(runs[2].path, steps=14)
    components = {"optimiser": torch.optim.RMSprop}
    assert genlab.resume(runs[6].path, steps=14, components=components).metrics["steps"] == 14


def test_a_registered_name_is_as_good_as_an_installed_one(
    tmp_path: Path, command: Callable[..., Any]
) -> None:
    parts = of_ones_own()
    genlab.register("degradation", "dim", type(parts["degradation"]))
    genlab.register("metric", "grey", type(parts["metrics"][0]))
    out = tmp_path / "run"
    said = command(
        "run", "--degradation", "dim", "--set", "degradation.rest=0.4", "--set", 'metrics=["grey"]',
        "--set", "backbone.channels=[8]", "--set", "sampling.count=8", "--set", "prior=normal",
        "--steps", "3", "--no-figures", "--out", out,
    )  # fmt: skip
    assert said.status == 0, said.err
    run = genlab.open_run(out)
    assert run.degradation == type(parts["degradation"])(rest=0.4)
    assert run.config.metrics[0].name == "grey"
    assert tomllib.loads((out / "run.toml").read_text())["degradation"] == {
        "name": "dim",
        "rest": 0.4,
    }


def test_tensors_are_a_data_set(tmp_path: Path, digits: genlab.Data) -> None:
    x, y = digits.train.first(300)
    held = digits.test.first(50)
    request = PLAIN | {"dataset": {"train": (x, y), "test": held}, "degradation": "gaussian"}
    request.pop("prior")
    request["training"] = {**request["training"], "conditional": True}
    run = start_run(request, out=tmp_path / "run", skip=["drawing", "page"])
    assert (run.spec.classes, run.spec.shape) == (10, (1, 8, 8))
    assert run.records[-1]["reference_n"] == 20
    bare = genlab.open_run(run.path)
    assert torch.equal(bare.sample(3, label=0), run.sample(3, label=0))
    with pytest.raises(RequestError, match="has x and y and test, which no file holds"):
        _ = bare.data
    again = genlab.open_run(run.path, components={"dataset": request["dataset"]})
    assert torch.equal(again.data.test.first(50)[0], held[0])
    vectors = start_run(
        {"dataset": np.random.default_rng(0).normal(3, 2, (100, 4)), "training": {"steps": 2, "batch": 8},
         "backbone": {"width": 8, "depth": 1}, "sampling": {"count": 8, "steps": 2}, "metrics": []},
        out=tmp_path / "vectors", skip=["drawing", "page"],
    )  # fmt: skip
    assert vectors.spec.kind == "vector"
    assert abs(float(vectors.data.train.first(90)[0].mean())) < 1e-5  # standardised


class Files(genlab.Dataset):
    """Vectors that lie in a file."""

    def __init__(self, *, path: Path | None = None, factor: float = 1.0) -> None:
        if path is None:
            raise RequestError("the files are missing: --data says where they are")
        self.file = path / "vectors.npy"
        self.spec = genlab.DataSpec((np.load(self.file).shape[1],), "vector")

    def load(self, split: str, root: Path | None = None) -> genlab.Examples:
        return genlab.Examples(torch.from_numpy(np.load(self.file)).float())


class Installed(Files):
    """The same, which has a name."""


@pytest.mark.parametrize("given", ["object", "class", "name"])
def test_a_data_set_with_a_path(given: str, tmp_path: Path) -> None:
    """The path is that of the request, stands in run.toml, and changes where the data has moved."""
    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "vectors.npy", np.random.default_rng(0).normal(size=(60, 3)))
    genlab.register("dataset", "files", Installed)
    request = {
        "object": {"dataset": Files(path=folder, factor=2.0)},
        "class": {"dataset": Files, "data": str(folder)},
        "name": {"dataset": {"name": "files", "factor": 2.0}, "data": str(folder)},
    }[given] | {
        "backbone": {"width": 8, "depth": 1}, "training": {"steps": 2, "batch": 8},
        "sampling": {"count": 8, "steps": 2}, "metrics": [],
    }  # fmt: skip
    with pytest.raises(RequestError, match="--data"):
        start_run({**request, "dataset": "files", "data": None}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run = start_run(request, out=tmp_path / "run", skip=["drawing", "page"])
    written = tomllib.loads((run.path / "run.toml").read_text())["dataset"]
    assert written["path"] == str(folder)
    folder.rename(tmp_path / "moved")
    again = genlab.resume(run.path, steps=4, data=tmp_path / "moved")
    assert len(again.data.train) == 60
    assert tomllib.loads((run.path / "run.toml").read_text())["dataset"]["path"] == str(
        tmp_path / "moved"
    )


def test_figures_as_objects_and_one_that_raises(tmp_path: Path, small: dict[str, Any]) -> None:
    class Plain(genlab.Figure):
        """A dot."""

        def __init__(self, *, dots: int = 1) -> None:
            self.dots = dots

        def fits(self, run: Any) -> str | None:
            return None

        def draw(self, run: Any) -> matplotlib.figure.Figure:
            figure = matplotlib.figure.Figure()
            figure.add_subplot().plot(range(self.dots), "o")
            return figure

    class Broken(Plain):
        def draw(self, run: Any) -> matplotlib.figure.Figure:
            raise ZeroDivisionError("nothing to draw")

    class Unsure(Plain):
        def fits(self, run: Any) -> str | None:
            raise ZeroDivisionError("who knows")

    class Never(Plain):
        def fits(self, run: Any) -> str | None:
            return "it never does"

    heard: list[str] = []

    class Ears(genlab.Tracker):
        def warned(self, message: str) -> None:
            heard.append(message)

    run = start_run(
        small | {"figures": [Broken(), Unsure(), Never(), Plain(dots=3), "loss"]},
        out=tmp_path / "run", trackers=[Ears()],
    )  # fmt: skip
    assert {file.name for file in (run.path / "figures").iterdir()} == {
        "Plain.png", "Plain.svg", "loss.png", "loss.svg", "trajectory.gif",
    }  # fmt: skip
    assert run.status.outcome == "done"
    figures = [message for message in heard if message.startswith("the figure")]
    assert [("Broken" in m, "Unsure" in m) for m in figures] == [(True, False), (False, True)]
    page = (run.path / "report.html").read_text()
    for name, there in (("Plain", True), ("Broken", False), ("Never", False)):
        assert (f'alt="{name}"' in page) is there
    assert run.figure(Plain(dots=2)).axes[0].lines[0].get_xdata().size == 2  # type: ignore[union-attr]
    with pytest.raises(RequestError, match="'Never' does not fit: it never does"):
        run.figure(Never())


def test_trackers_by_name_and_by_object(tmp_path: Path, small: dict[str, Any]) -> None:
    class Notes(genlab.Tracker):
        """Writes down what it hears."""

        heard: ClassVar[list[str]] = []

        def run_started(self, path: Path, config: dict[str, Any]) -> None:
            self.heard.append(config["degradation"]["name"])

        def training_started(self, total: float, unit: str, step: int) -> None:
            self.heard.append(f"{total:g} {unit} from {step}")

        def step_done(self, step: int, progress: float) -> None:
            self.heard.append(f"step {step}: {progress:.0%}")

        def checkpoint_saved(self, file: Path) -> None:
            self.heard.append(f"saved {file.name}")

        def training_evaluated(self, path: Path, step: int, record: dict[str, Any]) -> None:
            assert record == genlab.open_run(path).evaluations[-1]
            self.heard.append(f"{', '.join(record['values'])} at {step}")

        def samples_drawn(self, x: Tensor, y: Tensor | None) -> None:
            self.heard.append(f"{len(x)} samples")

        def evaluated(self, metrics: dict[str, Any]) -> None:
            self.heard.append(metrics["metrics"][-1]["name"])

        def figure_drawn(self, step: int, name: str, file: Path) -> None:
            assert file.read_bytes().startswith(b"\x89PNG")
            self.heard.append(f"{name} of {step}: {file.name}")

        def run_ended(self, status: str) -> None:
            self.heard.append(status)

    class Alone:
        """No tracker by class, but by its marks."""

        def __init__(self) -> None:
            self.steps: list[int] = []

        @genlab.hookimpl
        def step_done(self, step: int) -> None:
            self.steps.append(step)
            if step == 40:
                raise ZeroDivisionError("enough")

    genlab.register("tracker", "notes", Notes)
    alone = Alone()
    small["training"]["log_every"] = 20
    small |= {"figures": ["loss"], "evaluation": {"times": 1, "count": 100}}
    with pytest.warns(
        UserWarning, match="Alone is switched off: its step_done raised ZeroDivision"
    ) as said:
        run = start_run(small, out=tmp_path / "run", trackers=["notes", alone], skip=["page"])
    assert Notes.heard == [
        "gaussian", "saved last.safetensors", "60 steps from 0", "step 20: 33%", "step 40: 67%",
        "step 60: 100%", "saved last.safetensors", "sliced-wasserstein at 60", "100 samples",
        "sliced-wasserstein", "loss of 60: loss.png", "done",
    ]  # fmt: skip
    assert alone.steps == [20, 40]
    assert len(said) == 1
    assert run.status.outcome == "done"


def test_a_wrong_tracker_is_refused_before_any_work(tmp_path: Path, small: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match=r"unknown hook 'step_don'.*Did you mean 'step_done'"):

        class Misspelled(genlab.Tracker):
            def step_don(self, step: int) -> None: ...

    class Marked:
        @genlab.hookimpl
        def step_don(self, step: int) -> None: ...

    class WrongArgument(genlab.Tracker):
        def step_done(self, stepp: int) -> None: ...

    class Unmarked:
        def step_done(self, step: int) -> None: ...

    for tracker, wanted in (
        (Marked(), "tracker Marked: .*step_don"), (WrongArgument(), "stepp"),
        (Unmarked(), "has none of the hooks"), ("note", "unknown tracker 'note'"),
    ):  # fmt: skip
        with pytest.raises(RequestError, match=wanted):
            start_run(small, out=tmp_path / "run", trackers=[tracker])
        assert not (tmp_path / "run").exists()


def test_metrics_as_objects(tmp_path: Path, small: dict[str, Any]) -> None:
    parts = of_ones_own()
    grey, projected = (
        parts["metrics"][0],
        genlab.build("metric", "sliced-wasserstein", projections=7),
    )
    run = start_run(
        small | {"metrics": [grey, projected]}, out=tmp_path / "run", skip=["drawing", "page"]
    )
    assert [record["name"] for record in run.records[-2:]] == ["Grey", "sliced-wasserstein"]
    assert run.config.metrics[1].params == {"projections": 7}
    fresh = run.evaluate([grey, projected], n=30, steps=2)
    assert [(r["name"], r["n"]) for r in fresh] == [("Grey", 30), ("sliced-wasserstein", 30)]
    with pytest.raises(RequestError, match=r"'sliced-wasserstein'.*twice"):
        start_run(small | {"metrics": [projected, "sliced-wasserstein"]}, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("components", "wanted"),
    [
        ({"degradatio": None}, "unknown component of this run 'degradatio'.*'degradation'"),
        ({"density": None}, "unknown component of this run 'density'"),
        ({"degradation": "blur"}, "'blur' is no degradation"),
        ({"degradation": {"name": "blur"}}, "is no degradation"),
        ({"backbone": 3}, "3 is no backbone"),
    ],
)
def test_what_does_not_fit_a_run_is_refused(
    components: dict[str, Any], wanted: str, digits_run: genlab.Run
) -> None:
    with pytest.raises(RequestError, match=wanted):
        genlab.open_run(digits_run.path, components=components)


def test_an_object_is_not_taken_for_another_that_is_called_the_same(tmp_path: Path) -> None:
    """As where a cell of a notebook is run again: the registered class is another one."""
    genlab.register("degradation", "dim", type(of_ones_own()["degradation"]))
    genlab.register("metric", "grey", type(of_ones_own()["metrics"][0]))
    parts = of_ones_own()
    request = PLAIN | {"degradation": parts["degradation"], "metrics": parts["metrics"]}
    run = start_run(request, out=tmp_path / "run", skip=["drawing", "page"])
    assert [record["name"] for record in run.records] == ["Grey"]
    assert run.degradation is parts["degradation"]


def test_other_parameters_than_those_of_the_run_are_a_warning(tmp_path: Path) -> None:
    given = of_ones_own()["degradation"]
    run = start_run(PLAIN | {"degradation": given}, out=tmp_path / "run", skip=["drawing", "page"])
    with pytest.warns(
        UserWarning, match=r"degradation Dim is not that.*rest=0\.2 there and rest=0\.5 here"
    ):
        genlab.open_run(run.path, components={"degradation": type(given)(rest=0.5)})


def test_a_version_that_differs_is_a_warning(tmp_path: Path, small: dict[str, Any]) -> None:
    request = small | {"backbone": {"name": "unet", "channels": [8]}}
    request["training"]["steps"] = 2
    run = start_run(request, out=tmp_path / "run", skip=["drawing", "page"])
    tables = tomllib.loads((run.path / "run.toml").read_text())
    now = tables["packages"]["backbone"]
    assert now.startswith("genlab ")
    tables["packages"]["backbone"] = "genlab 0.0.7"
    del tables["checksum"]
    (run.path / "run.toml").write_text(tomli_w.dumps(tables))
    wanted = f"the backbone 'unet' was that of genlab 0.0.7, and is that of {now}"
    with pytest.warns(UserWarning, match=wanted):
        opened = genlab.open_run(run.path)
    assert torch.equal(opened.sample(2), run.sample(2))
    with pytest.warns(UserWarning, match=wanted):
        genlab.resume(run.path, steps=4)
