"""No link inside the repository is dead: files and headings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import DOCS, ROOT, name_of, pages

CHECKED = [*pages(), ROOT / "CHANGELOG.md", DOCS / "architecture.md",
           *sorted((DOCS / "examples").glob("*/README.md"))]  # fmt: skip


def without_code(text: str) -> str:
    """The text without code; blocks of directives that name files are kept."""
    kept = ("{toctree", "{image", "{include", "{literalinclude")
    text = re.sub(
        r"^ *```([^\n]*)\n.*?^ *```$",
        lambda block: block[0] if block[1].strip().startswith(kept) else "",
        text,
        flags=re.MULTILINE | re.DOTALL,
    )
    return re.sub(r"`[^`\n]+`", "", text)


def links(page: Path) -> list[str]:
    """Targets of links, pictures, and entries of the table of contents."""
    text = without_code(page.read_text("utf-8"))
    if page.suffix == ".rst":
        found = re.findall(r":doc:`[^`<]*<([^`>]+)>`", page.read_text("utf-8"))
        trees = re.findall(r"^\.\. toctree::\n((?: +[^\n]*\n|\n)*)", text, re.MULTILINE)
    else:
        found = re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", text)
        trees = re.findall(r"^`{3}\{toctree\}\n(.*?)^`{3}", text, re.MULTILINE | re.DOTALL)
        found += re.findall(r"^`{3}\{(?:include|image|literalinclude)\} (\S+)", text, re.MULTILINE)
        found += re.findall(r"^:link: (\S+)", text, re.MULTILINE)
    for tree in trees:
        entries = [line.strip() for line in tree.splitlines()]
        found += [
            entry.partition("<")[2].rstrip(">") or entry
            for entry in entries
            if entry and not entry.startswith(":")
        ]
    return found


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(words.replace(" ", "-"))
    return found


def target_of(page: Path, link: str) -> Path | None:
    """The file that a link leads to."""
    path = (page.parent / link).resolve()
    for candidate in (path, Path(f"{path}.md"), Path(f"{path}.rst")):
        if candidate.is_file() or (candidate.is_dir() and candidate == path):
            return candidate
    return None


@pytest.mark.parametrize("page", CHECKED, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue  # another site
        file, _, anchor = link.partition("#")
        target = target_of(page, file) if file else page
        if target is None or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_links_are_found() -> None:
    """The patterns above see the links that are there."""
    assert "docs/architecture.md" in links(ROOT / "README.md")
    assert "../concepts.md#the-prior" in links(DOCS / "howto" / "degradation.md")
    assert {"tutorial", "quickstart"} <= set(links(DOCS / "index.md"))
    assert "the-prior" in anchors(DOCS / "concepts.md")


def test_every_page_is_in_a_table_of_contents() -> None:
    reached = {
        target for page in pages() for link in links(page)
        if (target := target_of(page, link.partition("#")[0]))
    }  # fmt: skip
    alone = {"README.md", "CONTRIBUTING.md", "docs/index.md"}
    assert [
        name_of(p) for p in pages() if p.resolve() not in reached and name_of(p) not in alone
    ] == []
