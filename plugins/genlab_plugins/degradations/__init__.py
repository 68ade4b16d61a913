"""Ways of destroying data."""
