"""The plugin kit: a complete distribution with one working component or command, from templates.

What is written is the author's from then on: it depends on genlab's public names alone, and nothing in
it has to be generated a second time.
"""

from genlab.kit.package import create_package

__all__ = ["create_package"]
