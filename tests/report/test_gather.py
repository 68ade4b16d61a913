"""What `genlab reproduce` left goes into the results, and what else is asked of it is asked once."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import genlab

from .conftest import REPORT

WALK = "--metric frechet --metric classifier-confidence --metric class-histogram --sampler naive"
ASKED: dict[str, Any] = {
    "more": [
        {
            "runs": ["compared/blur", "compared/ink", "again/blur-1"],
            "commands": [f"evaluate RUN -n 2048 {WALK} --steps 2", "restore RUN -n 9 --steps 2"],
        },
        {
            "runs": ["compared/blur"],
            "commands": [
                "evaluate RUN -n 2048 --metric frechet --sampler cold --against-train --steps 2"
            ],
        },
    ],
    "rows": {"again": "compared"},
    "seeds": {"more/points-1": "points"},
    "shown": {"compared": ["blur", "fade"], "other": ["blur"]},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `genlab reproduce` leaves it: a run, two series, and one that was stopped."""
    folder = tmp_path_factory.mktemp("laptop")
    tiny = {"sampling": {"count": 8, "steps": 2}, "training": {"batch": 32}}
    points: dict[str, Any] = {"dataset": "moons", "steps": 2, "set": tiny}
    genlab.run(**points, out=folder / "points", figures=["samples"])
    genlab.run(**points, out=folder / "more" / "points-1", seed=1, draw=False)
    for name, degradation, seed in (
        ("compared/blur", "blur", 0), ("compared/fade", "pixelate", 0), ("again/blur-1", "blur", 1),
    ):  # fmt: skip
        genlab.run(
            degradation=degradation, backbone={"name": "unet", "channels": [8]}, prior="normal",
            steps=2, seed=seed, set=tiny, out=folder / name, metrics=["sliced-wasserstein"], draw=False,
        )  # fmt: skip
    (folder / "compared" / "ink").mkdir()
    (folder / "compared" / "ink" / "run.toml").touch()
    return folder


def test_runs_become_results(runs: Path, tmp_path: Path) -> None:
    from gather import gather
    from sources import Results

    gather(runs, tmp_path, ASKED)
    results = Results(tmp_path)
    assert str(results.fact("points", "steps")) == "2"
    assert results.has("points", "samples")
    of_seeds = [genlab.open_run(runs / name) for name in ("points", "more/points-1")]
    first, second = (
        next(r["value"] for r in run.metrics["metrics"] if r["name"] == "sliced-wasserstein")
        for run in of_seeds
    )
    assert first != second
    mean = results.value("points", "sliced-wasserstein", seeds=True)
    assert mean == pytest.approx((first + second) / 2)
    assert results.seeds("points") == ["points", "points-seed-1"]
    assert str(results.fact("points-seed-1", "command")).endswith("--seed 1 --data DIR")
    walked = [
        record["value"]
        for seed in ("compared/blur", "again/blur-1")
        for record in genlab.open_run(runs / seed).metrics["metrics"]
        if record["name"] == "frechet" and record.get("sampler") == "naive"
    ]
    measured = results.value("compared/blur", "frechet", steps=2)
    assert len(walked) == 2
    compared = json.loads((tmp_path / "compared" / "results.json").read_text("utf-8"))["rows"]
    assert {row["sampler"] for row in compared} == {"naive"}  # the others are for a choice
    assert {row["prior"] for row in compared} == {"normal"}
    assert measured == pytest.approx(sum(walked) / 2, abs=1e-3)
    assert results.has("compared", "blur-seed-1")
    assert results.value("restoration-blur", "ssim", method="cold") == pytest.approx(
        json.loads((runs / "compared/blur/restored/restoration.json").read_text())[-1]["ssim"]
    )
    assert results.has("compared", "degradations")
    assert not results.has("other", "degradations")
    assert "`points`" in (tmp_path / "README.md").read_text("utf-8")


def test_nothing_is_asked_twice(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gather

    gather.gather(runs, tmp_path, ASKED)
    given: list[str] = []
    monkeypatch.setattr(gather, "_genlab", lambda words: given.append(words[0]))
    monkeypatch.setattr(genlab.Run, "sample", lambda *_, **__: given.append("sample"))
    gather.gather(runs, tmp_path, {key: ASKED[key] for key in ("more", "rows")})
    assert given == []
    assert not (runs / "compared" / "ink" / "asked.txt").exists()


def test_what_a_model_was_with_older_defaults_goes_when_it_is_made_anew(
    runs: Path, tmp_path: Path
) -> None:
    from gather import gather

    gather(runs, tmp_path, ASKED)
    file = tmp_path / "compared" / "results.json"
    rows = json.loads(file.read_text("utf-8"))["rows"]
    seed = next(row for row in rows if row["degradation"] == "blur" and row["seed"] == 0)
    older = {**seed, "defaults": "others", "sampler": "cold", "sampling_steps": 99}
    other = {**older, "jitter": 0.5}
    file.write_text(json.dumps({"rows": [*rows, older, other]}))
    (tmp_path / "compared" / "blur.png").unlink()
    gather(runs, tmp_path, ASKED)
    found = json.loads(file.read_text("utf-8"))["rows"]
    assert [row for row in found if row not in rows] == [other]


def test_a_run_with_other_settings_is_no_other_seed(runs: Path, tmp_path: Path) -> None:
    from gather import gather

    with pytest.raises(SystemExit, match=r"it differs in .*degradation"):
        gather(runs, tmp_path, {"seeds": {"again/blur-1": "points"}})
    assert not (tmp_path / "points-seed-1").exists()


def test_a_command_that_fails_ends_it(runs: Path, tmp_path: Path) -> None:
    from gather import gather

    with pytest.raises(SystemExit) as end:
        gather(runs, tmp_path, {"more": [{"runs": ["points"], "commands": ["restore RUN --t 7"]}]})
    assert end.value.code == 2
    assert not (runs / "points" / "asked.txt").exists()


def test_without_runs_the_results_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gather import gather

    gather(tmp_path / "none", tmp_path / "results", ASKED)
    assert "stay as they are" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_what_is_asked_names_experiments() -> None:
    """A name in gather.toml that no experiment has would be left out in silence."""
    from genlab.runs.series import jobs_of

    asked = tomllib.loads((REPORT / "gather.toml").read_text("utf-8"))
    known = {str(job.path) for job in jobs_of([], Path())}
    named = {name for more in asked["more"] for name in more["runs"]}
    assert {str(Path(name).parent) for name in known} >= {*asked["rows"], *asked["rows"].values()}
    named |= {f"{series}/{name}" for series, names in asked["shown"].items() for name in names}
    assert named <= known
