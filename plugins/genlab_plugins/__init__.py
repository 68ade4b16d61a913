"""The components that come with genlab. One method per file; they use genlab's public names alone."""
