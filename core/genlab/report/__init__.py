"""Everything that a run shows: figures, files of samples, pages and notebook cards.

What is here draws from a model, its data and its records, and knows no run folder.
"""
