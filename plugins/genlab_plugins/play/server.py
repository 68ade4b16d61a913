"""The server of the page: on this machine, for this machine."""

from __future__ import annotations

from nicegui import app, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from genlab_plugins.play.pages.compare import compare_page
from genlab_plugins.play.pages.home import home_page
from genlab_plugins.play.pages.run import run_page
from genlab_plugins.play.ports import HOST
from genlab_plugins.play.shelf import Shelf
from genlab_plugins.play.widgets.latest import away

__all__ = ["serve"]

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" rx="1.5" '
    'fill="#3b82c4"/><path d="M2 5.5 4 2.5 6 5.5Z" fill="#fff"/></svg>'
)


def serve(shelf: Shelf, port: int, *, browser: bool) -> None:
    """Serve the pages until somebody stops it.

    Args:
        shelf: The runs.
        port: The port.
        browser: Whether a browser is opened.
    """
    # A page of elsewhere whose name is made to lead here is refused.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    if shelf.paths:
        app.on_startup(lambda: away(lambda: [shelf.open(place) for place in shelf.places()]))
    home_page(shelf)
    run_page(shelf)
    compare_page(shelf)
    ui.run(
        host=HOST, port=port, title="genlab play", favicon=_ICON, reload=False, show=browser,
        show_welcome_message=False, tailwind=False, reconnect_timeout=30.0,
    )  # fmt: skip
