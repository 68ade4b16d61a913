"""``genlab play``: a page on which models are tried out.

What is computed for a choice stands in modules that know nothing of a page (``restoring``, ``generating``,
``mixing``, ``plane``, ``latent``, ``comparing``, ``shelf``); the page stands in ``pages``.
"""
