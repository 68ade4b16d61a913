"""The first page: the runs that there are."""

from __future__ import annotations

from nicegui import ui

from genlab import GenlabError
from genlab_plugins.play.pages.frame import address, framed, message, titled
from genlab_plugins.play.shelf import Place, Shelf
from genlab_plugins.play.widgets.latest import away

__all__ = ["home_page"]


def home_page(shelf: Shelf) -> None:
    """Put the page at ``/``."""

    async def home() -> None:
        with framed("runs"):
            try:
                places = await away(shelf.places)
            except GenlabError as error:
                message(str(error))
                return
            if len(shelf.paths) == 1 and places:
                ui.navigate.to(address("run", places[0].name))
                return
            _list(shelf, places)

    ui.page("/")(home)


def _list(shelf: Shelf, places: list[Place]) -> None:
    if not places:
        message(f"there are no runs in {shelf.folder} yet: genlab run makes one", kind="note")
        return
    picked: dict[str, ui.checkbox] = {}
    with ui.element("section").classes("play-card"):
        titled("Choose a run", "or mark several and see them side by side.")
        for place in places:
            _row(place, picked)
        compare = ui.button("Compare marked runs", icon="compare_arrows")
        compare.props("unelevated no-caps").style("align-self: flex-start")

    def marked() -> list[str]:
        return [name for name, box in picked.items() if box.value]

    compare.on_click(lambda: ui.navigate.to(address("compare", *marked())))
    compare.set_enabled(False)
    for box in picked.values():
        box.on_value_change(lambda: compare.set_enabled(len(marked()) > 1))


def _row(place: Place, picked: dict[str, ui.checkbox]) -> None:
    found = place.summary
    with ui.element("div").classes("play-run"):
        box = ui.checkbox().props(f'dense aria-label="compare {place.name}"')
        if found is None:
            box.disable()
        else:
            picked[place.name] = box
        with ui.element("div"):
            ui.link(place.name, address("run", place.name))
            ui.label(_about(place)).classes("play-quiet")
        state = found.state if found else "no run"
        ui.label(state).classes("play-state").props(f'data-state="{state}"')


def _about(place: Place) -> str:
    found = place.summary
    if found is None:
        return str(place.path)
    if found.problem:
        return found.problem
    steps = "" if found.steps is None else f"{found.steps:,} steps"
    return " · ".join(filter(None, (found.method, found.data, steps)))
