"""Formulas, set by MathJax while the documentation is built.

A page asks nobody for a program or a font: each formula is a drawing of its own, and the glyphs that a
page needs stand once at its end. What MathJax cannot read is an error of the build.
"""

from __future__ import annotations

import html
import json
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import quickjs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import wrap_displaymath
from sphinx.writers.html5 import HTML5Translator

PARTS = (
    "core",
    "adaptors/liteDOM",
    "input/tex-base",
    "input/tex/extensions/ams",
    "output/svg",
    "output/svg/fonts/tex",
)
"""What is needed of MathJax: macros that are undefined are then errors."""

TYPESET = """
const {input, output, adaptors, handlers, mathjax} = MathJax._
const adaptor = adaptors.liteAdaptor.liteAdaptor()
handlers.html_ts.RegisterHTMLHandler(adaptor)
const refuse = (_, error) => { throw new Error(error.message) }
const page = mathjax.mathjax.document("", {
  InputJax: new input.tex_ts.TeX({packages: ["base", "ams"], formatError: refuse}),
  OutputJax: new output.svg_ts.SVG({fontCache: "none", font: new output.svg.fonts.tex_ts.TeXFont()}),
})
const typeset = (text, display) => adaptor.innerHTML(page.convert(text, {display, em: 16, ex: 8}))
"""

GLYPH = re.compile(r'<path data-c="\w+" d="([^"]+)"></path>')
NEEDLESS = re.compile(r' (data-(?!c=)[\w-]+="[^"]*"|focusable="false"|xmlns="[^"]*")')


@cache
def engine() -> quickjs.Context:
    """Return MathJax, ready to set formulas."""
    found = metadata.distribution("sphinx-mathjax-offline")
    folder = Path(str(found.locate_file("sphinx-mathjax-offline/static/mathjax")))
    context = quickjs.Context()
    context.eval("var MathJax = {}, window = globalThis, global = globalThis")
    for part in PARTS:
        context.eval((folder / f"{part}.js").read_text("utf-8"))
    context.eval(TYPESET)
    return context


@cache
def typeset(text: str, display: bool) -> str:
    """Return the drawing of a formula in TeX, which says what it is to those who cannot see it."""
    try:
        drawn = engine().eval(f"typeset({json.dumps(text)}, {json.dumps(display)})")
    except quickjs.JSException as error:
        said = str(error).splitlines()[0].removeprefix("Error: ")
        raise ExtensionError(f"{said}, in the formula {text!r}") from None
    return NEEDLESS.sub("", drawn).replace("<svg ", f'<svg aria-label="{html.escape(text)}" ', 1)


def inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line."""
    self.body.append(f'<span class="math">{typeset(node.astext(), False)}</span>')
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own."""
    text = node.astext() if node["nowrap"] else wrap_displaymath(node.astext(), None, False)
    self.body.append(f'<div class="math">{typeset(text.strip(), True)}</div>')
    raise nodes.SkipNode


def share(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Let the glyphs of a page stand once at its end."""
    if "<svg aria-label" not in context.get("body", ""):
        return
    glyphs: dict[str, str] = {}

    def use(found: re.Match[str]) -> str:
        return f'<use href="#{glyphs.setdefault(found[1], f"glyph-{len(glyphs)}")}"></use>'

    body = GLYPH.sub(use, context["body"])
    paths = "".join(f'<path id="{name}" d="{path}"></path>' for path, name in glyphs.items())
    context["body"] = f'{body}<svg class="gl-glyphs" aria-hidden="true"><defs>{paths}</defs></svg>'


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the way in which formulas are written."""
    app.add_html_math_renderer("drawn", (inline, None), (block, None))
    app.connect("html-page-context", share)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
