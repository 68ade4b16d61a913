"""Make ``report/report.pdf`` from ``report.typ.jinja`` and the numbers and figures in ``report/results``.

python report/build.py [--draft] [--pages DIR]
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from pathlib import Path
from typing import Literal

import jinja2
import typst

from sources import ResultError, Results

HERE = Path(__file__).parent
TEMPLATE = HERE / "report.typ.jinja"
MOST_WORDS = 3000


def main() -> None:
    """Build the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draft", action="store_true", help="go on where results are missing")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--out", type=Path, help="report.pdf here, or draft.pdf, if left out")
    parser.add_argument("--pages", type=Path, help="a folder for one picture per page")
    arguments = parser.parse_args()
    results = Results(arguments.results.resolve(), draft=arguments.draft)
    out = arguments.out or HERE / ("draft.pdf" if arguments.draft else "report.pdf")
    try:
        count = build(results, TEMPLATE, out, pages=arguments.pages)
    except ResultError as error:
        sys.exit(f"{error}\n(--draft builds without what is missing)")
    for what in results.missing:
        print("missing:", what)
    for what in results.untrue:
        print("not true:", what)
    print(f"{out}: {count:,} words of {MOST_WORDS:,}")


def build(results: Results, template: Path, out: Path, *, pages: Path | None = None) -> int:
    """Write the report, and return how many words it has.

    Args:
        results: What is quoted.
        template: The text, a template of typst source.
        out: The PDF.
        pages: A folder for one picture per page.

    Raises:
        ResultError: A result is missing, a statement is not true, or there are too many words.
    """
    compiler = typst.Compiler(root=results.folder)
    count = words(counted_page(template, results, compiler))
    if count > MOST_WORDS:
        raise ResultError(f"{count:,} words, and {MOST_WORDS:,} are allowed")
    source = render(template, results).encode()
    out.write_bytes(_compile(compiler, source, "pdf"))
    if pages is not None:
        pages.mkdir(parents=True, exist_ok=True)
        made = compiler.compile(source, format="png", ppi=110)
        for i, page in enumerate(made if isinstance(made, list) else [made], start=1):
            (pages / f"page-{i:02}.png").write_bytes(page or b"")
    return count


def counted_page(template: Path, results: Results, compiler: typst.Compiler) -> str:
    """Return the report as the page of HTML whose words are counted."""
    return _compile(compiler, render(template, results, counted=True).encode(), "html").decode()


def render(template: Path, results: Results, *, counted: bool = False) -> str:
    """Return the typst source, with every number in its place.

    Args:
        template: The text, a template of typst source.
        results: What is quoted.
        counted: Leave out layout, such as columns and frames: HTML has none, and drops what stands in it.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters["string"] = _string
    asked = (
        "value",
        "fact",
        "command",
        "has",
        "figure",
        "ablation",
        "evaluations",
        "compared",
        "measured",
        "interval",
        "seeds",
        "published",
        "check",
    )
    environment.globals.update({name: getattr(results, name) for name in asked})
    environment.globals["draft"] = results.draft
    return environment.get_template(template.name).render(counted=counted)


def words(page: str) -> int:
    """Count the words of a page of HTML: title, text, captions, tables and references. A formula is one."""
    text = re.sub(r"<math.*?</math>", " formula ", page.partition("<body>")[2], flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return sum(any(c.isalnum() for c in word) for word in text.split())


def _compile(compiler: typst.Compiler, source: bytes, format: Literal["html", "pdf"]) -> bytes:
    """Return the one file that typst makes; its warnings are those of an HTML that has no pages."""
    made, _ = compiler.compile_with_warnings(source, format=format)
    if not isinstance(made, bytes):
        raise TypeError("typst made several files")
    return made


def _string(text: object) -> str:
    """Return a string of typst source."""
    return json.dumps(str(text), ensure_ascii=False)


if __name__ == "__main__":
    main()
