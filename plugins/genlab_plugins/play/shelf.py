"""The runs that a page offers: those that were named, or those in a folder, and the opening of them."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from genlab import (
    DensityModel,
    Flow,
    GenlabError,
    RequestError,
    Run,
    RunSummary,
    find_runs,
    open_run,
    unknown,
)

__all__ = ["Opened", "Place", "Shelf", "View"]

View = Literal["images", "plane", "flow", "numbers"]
"""What of a run can be shown: images, points in the plane, those of a flow, or curves and numbers alone."""


@dataclass(frozen=True)
class Place:
    """A run on the shelf, not opened.

    Args:
        name: What the page calls it.
        path: The folder.
        summary: It at a glance; None where the folder is no run.
    """

    name: str
    path: Path
    summary: RunSummary | None


@dataclass(frozen=True)
class Opened:
    """A run that was opened, or why it was not.

    Args:
        place: The run.
        run: The run, or None.
        view: What of it can be shown.
        problem: Why it was not opened, or why no more of it can be shown.
        notes: What was warned of.
    """

    place: Place
    run: Run | None
    view: View = "numbers"
    problem: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Shelf:
    """The runs that a page offers.

    Args:
        paths: Run folders that were named; none: all in ``folder``.
        folder: A folder of runs.
        device: Where to compute.
        data: The data folder, where it is not where it was.
    """

    paths: Sequence[Path] = ()
    folder: Path = Path("runs")
    device: str = "auto"
    data: Path | None = None
    _opened: dict[Path, tuple[tuple[float, ...], Opened]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def places(self) -> list[Place]:
        """Return the runs, the latest first where none were named.

        Raises:
            RequestError: None were named, and there is no folder of runs.
        """
        if not self.paths:
            return [Place(each.name, each.path, each) for each in find_runs(self.folder)]
        known: dict[Path, RunSummary] = {}
        for parent in {path.resolve().parent for path in self.paths}:
            found = find_runs(parent) if parent.is_dir() else []
            known |= {each.path.resolve(): each for each in found}
        names = _names(self.paths)
        return [Place(n, p, known.get(p.resolve())) for n, p in zip(names, self.paths, strict=True)]

    def place(self, name: str) -> Place:
        """Return a run by its name.

        Raises:
            RequestError: There is none of that name.
        """
        places = {place.name: place for place in self.places()}
        if name not in places:
            raise unknown("run", name, places)
        return places[name]

    def open(self, place: Place) -> Opened:
        """Open a run with its weights; once more only where its checkpoint or configuration has changed."""
        with self._lock:  # two pages that want one run do not load it twice
            return self._known(place)

    def _known(self, place: Place) -> Opened:
        stamp = tuple(_changed(place.path / file) for file in ("run.toml", "checkpoints"))
        if place.path in self._opened and self._opened[place.path][0] == stamp:
            return self._opened[place.path][1]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opened = self._open(place)
        notes = tuple(dict.fromkeys(str(each.message) for each in caught))
        found = Opened(place, opened.run, opened.view, opened.problem, notes)
        self._opened[place.path] = (stamp, found)
        return found

    def _open(self, place: Place) -> Opened:
        try:
            run = open_run(place.path, device=self.device, data=self.data)
        except GenlabError as error:
            return Opened(place, None, problem=str(error))
        except OSError as error:
            return Opened(place, None, problem=f"{place.path}: {error.strerror}")
        try:
            return Opened(place, run, *_view(run))
        except (
            GenlabError,
            OSError,
        ) as error:  # it trains and has no checkpoint yet, or is damaged
            return Opened(place, run, problem=str(error))


def _view(run: Run) -> tuple[View, str]:
    """Say what of a run can be shown, and why no more; the model is loaded for it.

    Raises:
        GenlabError: The model cannot be loaded.
    """
    model = run.model
    if run.spec.kind == "image":
        return "images", ""
    if run.spec.shape == (2,):
        flow = isinstance(model, DensityModel) and isinstance(model.density, Flow)
        return "flow" if flow else "plane", ""
    size = " × ".join(map(str, run.spec.shape))
    return (
        "numbers",
        f"images and points in the plane are shown, and this run is of {run.spec.kind}s ({size})",
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Name folders by themselves, and by those above where these are called the same.

    Raises:
        RequestError: One is there twice.
    """
    parts = [path.resolve().parts for path in paths]
    if len(set(parts)) < len(parts):
        twice = next(path for i, path in enumerate(paths) if parts[i] in parts[:i])
        raise RequestError(f"{twice} is there twice")
    length = 1
    while len({each[-length:] for each in parts}) < len(parts):
        length += 1
    return ["/".join(each[-length:]) for each in parts]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
