"""Which numbers of a data set are black and white."""

from __future__ import annotations

from genlab import Depth, RequestError

__all__ = ["found_range", "levels_of"]

_BITS = (8, 10, 12, 14, 16)
_TOPS = {
    "8-bit": (255.0,),
    "integer": tuple(2.0**bits - 1 for bits in _BITS),
    "float": (1.0, 255.0, 65535.0),
}


def found_range(depth: Depth, low: float, high: float, source: object) -> tuple[float, float]:
    """Return the numbers that become black and white, by the smallest and largest of a whole data set.

    From 0 to the first of 255, 1023, 4095, 16383 and 65535 that is large enough (8, 10, 12, 14 and 16 bits);
    fractions: to the first of 1, 255 and 65535, or from -1 to 1.

    Args:
        depth: The kind of numbers.
        low: The smallest.
        high: The largest.
        source: The data set, for the message.

    Raises:
        RequestError: They fit none of these.
    """
    if depth == "float" and -1 <= low < 0 and high <= 1:
        return -1.0, 1.0
    top = next((top for top in _TOPS[depth] if high <= top), None)
    if low < 0 or top is None:
        raise RequestError(
            f"{source} has values from {low:g} to {high:g}: --set dataset.range=[{low:g},{high:g}] makes the "
            f"smallest black and the largest white"
        )
    return 0.0, top


def levels_of(depth: Depth, low: float, high: float) -> int:
    """Return how many grey levels whole numbers of a range have; 256 where there are more, or fractions."""
    width = high - low
    return int(width) + 1 if depth != "float" and width < 255 and width == int(width) else 256
