"""The degradation ``swirl``, for genlab."""

from genlab_swirl.degradation import Swirl

__all__ = ["Swirl"]
