"""The built-in figures: one file each, with the :class:`genlab.Figure` and the function that draws it.

The functions go from data to a matplotlib figure and need no run. Nothing here touches the screen or the
state of pyplot, so that a figure is drawn the same way on a laptop, in a notebook and on a machine without a
display.

:mod:`genlab.report.figures.images` makes plain pictures and animations, and
:func:`genlab.report.figures.files.save_figure` writes.
"""
