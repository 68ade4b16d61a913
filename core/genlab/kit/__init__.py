"""The kit: a complete distribution with one working component or command, or a folder for coursework.

What is written from templates is the author's from then on: it depends on genlab's public names alone, and
nothing in it has to be generated a second time.
"""

from genlab.kit.coursework import create_coursework
from genlab.kit.package import create_package

__all__ = ["create_coursework", "create_package"]
