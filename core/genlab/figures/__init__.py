"""Figures: pure functions from data to a matplotlib figure, one file per figure.

Nothing here touches the screen or the state of pyplot, so that a figure is drawn the same way on a
laptop, in a notebook and on a machine without a display.

Each module has the figures that it is named after, such as :func:`genlab.figures.forward.forward`;
:mod:`genlab.figures.images` makes plain pictures and animations, and
:func:`genlab.figures.files.save_figure` writes.
"""
