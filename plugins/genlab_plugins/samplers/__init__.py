"""Ways of walking back."""
