"""What kinds of data a backbone takes."""

from __future__ import annotations

from genlab import DataSpec, RequestError

__all__ = ["require_images"]


def require_images(spec: DataSpec, name: str, smallest: int = 1) -> None:
    """Refuse all data but images.

    Args:
        spec: The data.
        name: The backbone that asks.
        smallest: Smallest side in pixels.

    Raises:
        RequestError: The data is not images, or they are too small.
    """
    if spec.kind == "image" and min(spec.shape[1:]) >= smallest:
        return
    size = f" of at least {smallest}x{smallest} pixels" if smallest > 1 else ""
    raise RequestError(
        f"the backbone {name!r} needs images{size}; this data is of the kind {spec.kind!r} and the shape "
        f"{spec.shape}. The backbone 'mlp' fits data of any kind"
    )
