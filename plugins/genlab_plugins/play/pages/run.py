"""The page of one run."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from nicegui import ui

from genlab import DensityModel, GenlabError, Run
from genlab_plugins.play.pages.flow import FlowCard
from genlab_plugins.play.pages.frame import framed, message
from genlab_plugins.play.pages.generate import GenerateCard
from genlab_plugins.play.pages.plane import PlaneCard
from genlab_plugins.play.pages.restore import RestoreCard
from genlab_plugins.play.pages.training import TrainingView
from genlab_plugins.play.shelf import Opened, Shelf
from genlab_plugins.play.widgets.latest import away

__all__ = ["run_page"]


def run_page(shelf: Shelf) -> None:
    """Put the page at ``/run?run=NAME``."""

    async def one(request: Request) -> None:
        name = request.query_params.get("run", "")
        with framed(name or "no run"):
            await ui.context.client.connected()
            waiting = ui.spinner(size="lg")
            try:
                opened = await away(lambda: shelf.open(shelf.place(name)))
            except GenlabError as error:
                waiting.delete()
                message(str(error))
                return
            waiting.delete()
            _show(shelf, opened)

    ui.page("/run")(one)


def _show(shelf: Shelf, opened: Opened) -> None:
    run = opened.run
    if run is None:
        message(opened.problem)
        return
    for note in opened.notes:
        message(note, kind="note")
    ui.label(_about(run)).classes("play-quiet")
    if opened.problem:
        message(opened.problem, kind="note")
    tabs: dict[str, Callable[[Run], object]] = {}
    if not opened.problem:
        if opened.view == "images":
            if not isinstance(run.model, DensityModel):
                tabs["Restore"] = RestoreCard
            tabs["Generate"] = GenerateCard
        elif opened.view == "plane":
            tabs["Plane"] = PlaneCard
        elif opened.view == "flow":
            tabs["Spaces"] = FlowCard
    if not tabs:
        TrainingView(shelf, [opened])
        return
    with ui.tabs().classes("play-tabs").props("align=left no-caps dense") as bar:
        for word in (*tabs, "Training and numbers"):
            ui.tab(word)
    with ui.tab_panels(bar, value=next(iter(tabs))).props("keep-alive").classes("w-full"):
        for word, fill in tabs.items():
            with ui.tab_panel(word):
                fill(run)
        with ui.tab_panel("Training and numbers"):
            TrainingView(shelf, [opened])


def _about(run: Run) -> str:
    found = f"{run.config.made_of} on {run.config.dataset.name}"
    size = " × ".join(map(str, run.spec.shape))
    return f"{found} · {run.spec.kind}s of {size}"
