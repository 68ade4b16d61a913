"""Trackers of other services: what a stopped run that went on has left, read by their own libraries."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genlab
from genlab import RequestError
from genlab.testing import check_tracker
from genlab_plugins.trackers.mlflow import MLflow
from genlab_plugins.trackers.tensorboard import TensorBoard
from genlab_plugins.trackers.wandb import WandB

STEPS, STOPPED = 40, 30

SMALL: dict[str, Any] = {
    "dataset": {"name": "moons", "train": 200, "test": 100}, "figures": ["loss"],
    "density": {"name": "realnvp", "couplings": 2, "width": 8}, "metrics": ["sliced-wasserstein"],
    "set": {"training.log_every": 10, "training.batch": 16, "evaluation.times": 2,
            "evaluation.count": 50, "sampling.count": 50},
}  # fmt: skip


class Killed(BaseException):
    """What no run expects: as if its process had died."""


class Kill(genlab.Tracker):
    """Ends a run at a step, of which the others have heard by then, and no checkpoint."""

    def step_done(self, step: int) -> None:
        if step == STOPPED:
            raise Killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracked")


@pytest.fixture(scope="module")
def store(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="module")
def run(folder: Path, store: str) -> Iterator[genlab.Run]:
    """A run on points that was killed and went on from half of it, with trackers that know nothing of it."""

    def trackers() -> list[genlab.Tracker]:
        return [TensorBoard(), MLflow(uri=store), WandB(log_dir=folder, project="points")]

    path = folder / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # artifacts of MLflow lie below the working folder
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(folder / name))
        with pytest.raises(Killed):
            genlab.run(steps=STEPS, out=path, trackers=[*trackers(), Kill()], **SMALL)
        yield genlab.resume(path, trackers=trackers())


def curve(run: genlab.Run, name: str) -> list[tuple[int, float]]:
    """The numbers of the logged steps, as the run itself has kept them."""
    return [(int(line["step"]), line[name]) for line in run.history]


def finals(run: genlab.Run) -> dict[str, float]:
    return {f"final/{record['name']}": record["value"] for record in run.records}


def test_tensorboard(run: genlab.Run) -> None:
    """A curve has each step once, those that were done a second time as well."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    for name in ("loss", "lr"):
        told = [(event.step, event.value) for event in events.Scalars(f"training/{name}")]
        assert told == pytest.approx(np.array(curve(run, name)), rel=1e-6)
    told = [(event.step, event.value) for event in events.Scalars("evaluation/sliced-wasserstein")]
    kept = [(line["step"], line["values"]["sliced-wasserstein"]) for line in run.evaluations]
    assert told == pytest.approx(np.array(kept), rel=1e-6)
    for name, value in finals(run).items():
        assert events.Scalars(name)[-1].value == pytest.approx(value, rel=1e-6)
        assert events.Scalars(name)[-1].step == STEPS
    (image,) = events.Images("figures/loss")
    with Image.open(run.path / "figures" / "loss.png") as drawn:
        assert (image.width, image.height, image.step) == (*drawn.size, STEPS)
    text = events.Tensors("configuration/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert "density.width = 8\n" in text
    begun = events.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    hparams = HParamsPluginData.FromString(begun).session_start_info.hparams
    assert hparams["density.width"].number_value == 8


def test_mlflow(run: genlab.Run, store: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("genlab")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.data.params["density.width"] == "8"
    assert found.data.params["training.steps"] == str(STEPS)
    losses = client.get_metric_history(found.info.run_id, "training/loss")
    assert {(each.step, each.value) for each in losses} == set(curve(run, "loss"))
    assert len(losses) == len(run.history) + 1  # one step was done twice
    quality = client.get_metric_history(found.info.run_id, "evaluation/sliced-wasserstein")
    assert {each.step for each in quality} == {line["step"] for line in run.evaluations}
    for name, value in finals(run).items():
        assert found.data.metrics[name] == value
    files = {each.path for each in client.list_artifacts(found.info.run_id, "run")}
    assert {"run/run.toml", "run/report.html", "run/metrics.jsonl"} <= files
    figure = client.download_artifacts(found.info.run_id, "figures/loss.png")
    assert Path(figure).read_bytes() == (run.path / "figures" / "loss.png").read_bytes()


def records(file: Path) -> Iterator[Any]:
    """The records of an offline file: those of LevelDB's log, behind seven bytes of a header."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, joined = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        joined += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(joined)
            joined = b""


def test_wandb(run: genlab.Run, folder: Path) -> None:
    """Both files have the name of one run."""
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    assert len({file.name for file in files}) == 1
    found = [record for file in files for record in records(file)]
    begun = [record.run for record in found if record.HasField("run")]
    assert {(each.run_id, each.project, each.display_name) for each in begun} == {
        (files[0].stem.removeprefix("run-"), "points", "first")
    }
    config = {
        item.key: json.loads(item.value_json)
        for record in found
        for changed in ([record.run.config] if record.HasField("run") else [record.config])
        for item in changed.update
    }
    assert config["density"]["width"] == 8
    history = [
        {
            item.key or item.nested_key[0]: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in found
        if record.HasField("history")
    ]
    told = [(row["step"], row["training/loss"]) for row in history if "training/loss" in row]
    assert set(told) == set(curve(run, "loss"))
    assert [row["step"] for row in history if "figures/loss" in row] == [STEPS]
    assert [row["step"] for row in history if "evaluation/sliced-wasserstein" in row] == [20, 40]
    summary = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for record in found
        if record.HasField("summary")
        for item in record.summary.update
    }
    assert finals(run).items() <= summary.items()
    (artifact,) = [record.request.log_artifact.artifact if record.HasField("request")
                   else record.artifact for record in found
                   if record.HasField("artifact") or record.request.HasField("log_artifact")]  # fmt: skip
    assert artifact.type == "run"


@pytest.mark.parametrize("service", ["mlflow", "wandb"])
def test_contract(run: genlab.Run, store: str, folder: Path, service: str) -> None:
    """That of TensorBoard is checked with the other components."""
    assert run.status.outcome == "done"
    check_tracker(MLflow(uri=store) if service == "mlflow" else WandB(log_dir=folder / "contract"))


class Vandal(genlab.Tracker):
    """Damages a file in the middle of a run."""

    def __init__(self, *, file: Path) -> None:
        self.file = file

    def step_done(self) -> None:
        self.file.write_bytes(b"this is no database" * 1000)


def test_a_store_that_is_damaged_meanwhile_costs_a_warning(
    run: genlab.Run, folder: Path, tmp_path: Path
) -> None:
    file = Path(shutil.copy(folder / "mlflow.db", tmp_path))
    trackers = [MLflow(uri=f"sqlite:///{file}"), Vandal(file=file)]
    with pytest.warns(UserWarning, match="the tracker MLflow is switched off: its ") as told:
        second = genlab.run(steps=STEPS, out=tmp_path / "run", trackers=trackers, **SMALL)
    assert len(told) == 1
    assert second.status.outcome == "done"
    assert [line["loss"] for line in second.history] == [line["loss"] for line in run.history]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_said_before_any_work(
    name: str, command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    said = command("run", "--steps", "1", "--out", tmp_path / "run", "--tracker", name)
    assert said.status == 2
    assert (
        f"the tracker '{name}' needs the package {name}: pip install 'genlab[{name}]'" in said.err
    )
    assert not (tmp_path / "run").exists()
    with pytest.raises(RequestError, match="needs the package"):
        genlab.sweep({"seed": [0, 1]}, out=tmp_path / "sweep", trackers=[name], **SMALL)


@pytest.mark.parametrize("tracker", [TensorBoard, MLflow, WandB])
def test_nothing_is_imported_before_it_is_used(
    tracker: type[genlab.Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = tracker.__name__.lower()
    for module in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    assert genlab.build("tracker", name) == tracker()
    assert name not in sys.modules
