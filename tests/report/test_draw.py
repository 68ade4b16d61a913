"""Pictures of several results are drawn from the numbers, and one of older numbers is noticed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .conftest import REPORT, row


def test_drawn_pictures_are_those_of_the_results() -> None:
    from draw import pictures
    from sources import Results

    kept = REPORT / "results" / "drawn"
    made = {
        name: picture.checksum for name, picture in pictures(Results(REPORT / "results")).items()
    }
    found = {}
    for file in sorted(kept.iterdir()):
        told = re.search(r"<dc:description>(\w+)</dc:description>", file.read_text("utf-8"))
        found[file.stem] = told and told[1]
    assert found == made, "python report/draw.py makes them anew"


def test_degradations_are_ranked_with_their_intervals(tmp_path: Path) -> None:
    from draw import ranked, ranking
    from sources import Results

    rows = [
        row("gaussian", 0, 1.0, "l2") | {"sampler": "ddpm", "interval": [0.8, 1.2]},
        row("blur", 0, 3.0) | {"interval": [2.5, 3.5]},
        row("blur", 0, 0.5) | {"interval": [0.4, 0.6], "sampling_steps": 10},
        row("blur", 0, 0.7) | {"interval": [0.6, 0.8], "sampler": "naive"},
        row("ink", 0, 0.6) | {"defaults": "older"},
    ]
    (tmp_path / "degradations-compared").mkdir()
    (tmp_path / "degradations-compared" / "results.json").write_text(json.dumps({"rows": rows}))
    numbers = ranked(Results(tmp_path))
    numbers["rows"] = dict(reversed(numbers["rows"].items()))
    ax = ranking(numbers).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["blur", "ink", "gaussian"]
    drawn = sorted(tuple(map(float, line.get_xdata())) for line in ax.lines)  # type: ignore[arg-type]
    told = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert told[-1] == "older defaults"
    numbers["rows"].pop("ink")
    again = ranking(numbers).legends[0]
    assert [text.get_text() for text in again.get_texts()] == told[:-1]
    baseline = (0.078, 0.078)
    assert drawn == [baseline, (0.4, 0.6), (0.5,), (0.6,), (0.6, 0.8), (0.7,), (0.8, 1.2), (1.0,)]


def test_losses_are_kept_as_their_running_median() -> None:
    from collect import losses

    history = [{"step": 10 * i, "loss": 100.0 if i == 50 else 1.0} for i in range(1, 401)]
    kept = losses(history)
    assert len(kept) == 100
    assert (kept[0][0], kept[-1][0]) == (10, 4000)
    assert {loss for _, loss in kept} == {1.0}
    assert losses([]) == []


def test_a_comparison_has_a_page_with_every_row(tmp_path: Path) -> None:
    from collect import write_pages

    rows = [row("blur", 0, 0.5) | {"interval": [0.4, 0.6]}, row("noisy", 1, 2.0)]
    (tmp_path / "compared").mkdir()
    (tmp_path / "compared" / "results.json").write_text(json.dumps({"rows": rows}))
    write_pages(tmp_path)
    page = (tmp_path / "compared" / "README.md").read_text("utf-8")
    assert "| blur | cold | 20 | 0.5 | 0.4–0.6 | 0.9 | 0.1 | 0.1 | 5000 | 0 |  |" in page
    assert "| noisy | cold | 20 | 2.0 |  | 0.9 | 0.1 | 0.1 | 5000 | 1 |  |" in page


def test_samplers_are_drawn_with_their_intervals(tmp_path: Path) -> None:
    from draw import sampled

    lines = {"ddim": [[10, 2.0, 1.5, 2.5], [5, 4.0, 3.0, 5.0]]}
    numbers = {"frechet": lines, "classifier-confidence/confidence": lines}
    figure = sampled({"numbers": numbers, "baselines": dict.fromkeys(numbers, 0.1)})
    values, baseline = (line.get_ydata() for line in figure.axes[0].lines[:2])
    ends = figure.axes[0].collections[0].get_segments()  # type: ignore[attr-defined]
    assert list(values) == [4.0, 2.0]
    assert [[y for _, y in end] for end in ends] == [[3.0, 5.0], [1.5, 2.5]]
    assert list(baseline) == [0.1, 0.1]
