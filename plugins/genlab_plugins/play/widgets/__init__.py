"""Parts of a page that draw, and are drawn on."""
