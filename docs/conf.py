"""How Sphinx builds the documentation: ``nox -s docs``, or ``sphinx-build -W -n docs docs/_build``."""

import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the notebook too, which has a process of its own
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import torch
from genlab_reference import OTHERS

import genlab

torch.set_num_threads(1)  # the pictures are small
warnings.filterwarnings("ignore", ".*will be removed in Click 9", DeprecationWarning)

project = "genlab"
author = "The genlab developers"
copyright = author
version = release = genlab.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",  # which parses every Markdown page, and runs those that are notebooks
    "sphinx_copybutton",
    "sphinx_design",
    "genlab_cli",
    "genlab_docstrings",
    "genlab_figure",
    "genlab_gallery",
    "genlab_math",
    "genlab_reference",
    "genlab_settings",
]
exclude_patterns = ["_build", "examples", "architecture.md"]  # design.md includes the architecture
highlight_language = "none"  # a block without a language is no code
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", OTHERS),
    # Literals and generic types that are written as text; names that are private.
    (
        r"py:.*",
        r"(frozenset|dict|tuple)\[.*|NoneType|FieldInfo|Tensor|Path|Figure|Drawing|Warn|Advance|ExpectedFailures|(.*\.)?_\w+",
    ),
]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "substitution"]
# The address of the repository is known where GitHub builds the pages.
known = os.environ.get("GITHUB_REPOSITORY")
address = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{known}" if known else ""
badges = [f"{{bdg-primary}}`version {version}`", "{bdg-secondary}`MIT licence`"]
badges += [f"{{bdg-link-secondary}}`repository <{address}>`"] if address else []
myst_substitutions = {"badges": " ".join(badges)}
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"  # what other libraries say to a kernel without widgets

autodoc_default_options = {"member-order": "bysource"}
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autosummary_generate = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_math_renderer = "drawn"
html_theme = "pydata_sphinx_theme"
html_title = "genlab"
html_logo = html_favicon = "_static/logo.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["genlab.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("index", "coming_from", "quickstart", "tutorial", "concepts", "gallery")
}
html_theme_options = {
    "logo": {"text": "genlab"},
    "github_url": address,
    "header_links_before_dropdown": 8,
    "navbar_persistent": ["search-button"],  # a field would leave too little room for the links
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "coming_from": []},
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
