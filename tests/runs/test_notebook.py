"""``Run.to_notebook`` and ``genlab notebook``: a notebook that opens a run, carried out cell by cell."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch

import genlab
from genlab.runs.notebook_file import notebook_of_script


@pytest.fixture(autouse=True)
def no_window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def code_of(notebook: Path) -> list[str]:
    """The sources of the code cells of a notebook, which is as nbformat 4.5 wants it."""
    found = json.loads(notebook.read_text("utf-8"))
    assert set(found) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in found["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[\w-]{1,64}", each) for each in ids)
    for cell in found["cells"]:
        more = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source", *more}
        assert all(line.endswith("\n") for line in cell["source"][:-1])
        assert "".join(cell["source"]).strip()
        assert "{{" not in "".join(cell["source"])
    return ["".join(c["source"]) for c in found["cells"] if c["cell_type"] == "code"]


MAGIC = "%matplotlib inline\n"  # without it, Jupyter shows no figure that is not pyplot's own


def carried_out(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the cells as a kernel does, in the folder of the notebook; return what they have named."""
    monkeypatch.chdir(notebook.parent)
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = code_of(notebook)
    assert cells[0].startswith(MAGIC)
    for source in cells:
        exec(compile(source.removeprefix(MAGIC), str(notebook), "exec"), names)
    return names


def shown() -> int:
    return len(plt.get_fignums())


def test_a_run_of_images(
    digits_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """It finds its run from where it lies, after both have moved together."""
    shutil.copytree(digits_run.path, tmp_path / "before" / "run")
    made = genlab.open_run(tmp_path / "before" / "run").to_notebook(
        tmp_path / "before" / "run.ipynb"
    )
    assert str(tmp_path) not in made.read_text()
    moved = (tmp_path / "before").rename(tmp_path / "after") / "run.ipynb"
    text = moved.read_text()
    drawn = [file.stem for file in (tmp_path / "after/run/figures").glob("*.png")]
    assert "loss" in drawn
    assert [name for name in drawn if f'run.figure(\\"{name}\\")' not in text] == []
    cells = [c for c in code_of(moved) if not c.startswith("run.figure(")]
    light = moved.with_name("light.ipynb")  # the figures have tests of their own
    light.write_text(notebook_of_script("".join(f"# %%\n{cell}\n" for cell in cells)))
    names = carried_out(light, monkeypatch)
    assert torch.equal(names["x"], digits_run.sample(8))
    assert names["path"].shape == (9, 1, 8, 8)
    said = capsys.readouterr().out
    record = digits_run.records[0]
    low, high = record["interval"]
    assert f"{record['name']}: {record['value']:.4g} ({low:.4g} to {high:.4g})" in said
    assert f"seed = {digits_run.seed}" in said
    # Noise that was drawn is walked back to what is nearer to the image than it was.
    error = [(names[k] - names["x_0"]).square().mean() for k in ("x_t", "estimate", "walked")]
    assert max(error[1:]) < error[0]
    assert shown() == 3


def test_a_run_of_images_with_classes_that_is_not_additive(
    blur_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = carried_out(blur_run.to_notebook(tmp_path / "blur.ipynb"), monkeypatch)
    assert torch.equal(names["x"], blur_run.sample(10, label=list(range(10))))
    assert names["walked"].shape == names["x_0"].shape
    assert "guidance=" in (tmp_path / "blur.ipynb").read_text()


def test_a_run_of_points(
    circles_run: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = carried_out(circles_run.to_notebook(tmp_path / "points.ipynb"), monkeypatch)
    assert names["x"].shape == names["walked"].shape == (2000, 2)
    assert names["path"].shape == (9, 2)
    assert shown() == 3


def test_a_flow(
    moons_flow: genlab.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = carried_out(moons_flow.to_notebook(tmp_path / "flow.ipynb"), monkeypatch)
    mean = float(moons_flow.log_prob(moons_flow.data.test.first(2000)[0]).mean())
    said = capsys.readouterr().out
    assert f"test data: {mean:.4g}" in said
    right = re.search(r"([\d.]+)% of 1000 test examples", said)
    assert right is not None
    assert float(right[1]) > 90  # two moons, which the flow tells apart
    assert torch.allclose(names["path"][-1], names["x_0"][1], atol=1e-3)
    assert "restore" not in (tmp_path / "flow.ipynb").read_text()


class Waves(genlab.Dataset):
    """Made-up examples of a shape."""

    def __init__(self, *, shape: tuple[int, ...] = (2, 16)) -> None:
        kind: Any = {2: "series", 4: "volume"}[len(shape)]
        self.spec = genlab.DataSpec(shape, kind)

    def load(self, split: str, root: Path | None = None) -> genlab.Examples:
        generator = torch.Generator().manual_seed(len(split))
        return genlab.Examples(torch.rand(64, *self.spec.shape, generator=generator) * 2 - 1)


@pytest.mark.parametrize("shape", [(2, 16), (1, 4, 4, 4)])
def test_other_data_and_a_class_of_ones_own(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = genlab.run(
        dataset=Waves(shape=shape), backbone={"class": "genlab.testing.tiny:Perceptron"}, steps=2,
        metrics=[], out=tmp_path / "run", draw=False,
        set={"training.batch": 16, "sampling": {"count": 4, "steps": 2}},
    )  # fmt: skip
    made = run.to_notebook(tmp_path / "run.ipynb")
    text = made.read_text()
    for place in ("dataset", "backbone"):
        assert f'components={{\\"{place}\\": ...}}' in text
    names = carried_out(made, monkeypatch)
    assert names["walked"].shape == (8, *shape)


def test_a_density_without_a_latent_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = genlab.run(
        density="gmm", dataset={"name": "moons", "train": 500, "test": 200}, metrics=[],
        out=tmp_path / "run", draw=False, set={"sampling.count": 8},
    )  # fmt: skip
    made = run.to_notebook(tmp_path / "gmm.ipynb")
    assert "interpolate" not in made.read_text()
    assert carried_out(made, monkeypatch)["x"].shape == (2000, 2)


def test_the_command(digits_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]) -> None:
    out = tmp_path / "here.ipynb"
    assert command("notebook", digits_run.path, "--out", out).out.split() == [str(out)]
    before = out.read_text()
    said = command("notebook", digits_run.path, "--out", out)
    assert (said.status, "--overwrite" in said.err) == (2, True)
    assert command("notebook", digits_run.path, "--out", out, "--overwrite").status == 0
    assert out.read_text() == before
    said = command("notebook", digits_run.path, "--out", tmp_path / "here.html")
    assert (said.status, ".ipynb" in said.err) == (2, True)
    assert not (tmp_path / "here.html").exists()


def test_the_notebook_of_a_run_lies_in_its_folder(
    circles_run: genlab.Run, tmp_path: Path, command: Callable[..., Any]
) -> None:
    run = shutil.copytree(circles_run.path, tmp_path / "run")
    assert command("notebook", run).out.split() == [str(run / "notebook.ipynb")]
    assert "genlab.open_run('.')" in "".join(code_of(run / "notebook.ipynb"))
