"""Which class an image belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from genlab import RequestError
from genlab_plugins.datasets.image_listing import Listing

__all__ = ["labelled"]

Labels = tuple[tuple[int, ...], tuple[str, ...]]
"""The label of each image, and the names of the classes; both empty where there are no classes."""


def labelled(listing: Listing, classes: Sequence[str] | None = None) -> Labels:
    """Return the labels of the images of a listing, and the names of the classes.

    The labels are those of ``dataset.json`` where there is one. Otherwise each first folder is a
    class, and images that lie in no folder have none.

    Args:
        listing: The files.
        classes: Names of the classes in the order of their labels, where they are known: empty if
            there are none. None: those that are found.

    Raises:
        RequestError: Images lack a label, or have one that the classes do not have.
    """
    if classes is not None and not classes:
        return (), ()
    if listing.labels is None:
        return _by_folder(listing, classes)
    return _by_list(listing, listing.labels, classes)


def _by_folder(listing: Listing, classes: Sequence[str] | None) -> Labels:
    if classes is None and listing.folders == {""}:
        return (), ()
    loose = [name for name in listing.images if "/" not in name]
    if loose:
        raise RequestError(
            f"{listing.source / loose[0]} lies in no class folder, and other images do: put every "
            f"image into the folder of its class, or all side by side into one folder"
        )
    names = tuple(sorted(listing.folders) if classes is None else classes)
    more = sorted(listing.folders - set(names))
    if more:
        raise _unexpected(listing, more, names)
    index = {name: k for k, name in enumerate(names)}
    return tuple(index[name.partition("/")[0]] for name in listing.images), names


def _by_list(listing: Listing, listed: dict[str, int], classes: Sequence[str] | None) -> Labels:
    missing = [name for name in listing.images if name not in listed]
    if missing:
        raise RequestError(f"dataset.json in {listing.source} has no label for {missing[0]}")
    labels = tuple(listed[name] for name in listing.images)
    names = {k: folder for folder, k in _one_to_one(listing.images, labels)}
    if classes is not None:
        _check_agreement(listing, labels, names, classes)
        return labels, tuple(classes)
    count = max(labels) + 1
    if not count:
        return (), ()
    return labels, tuple(names[k] if len(names) == count else str(k) for k in range(count))


def _one_to_one(images: Sequence[str], labels: Sequence[int]) -> set[tuple[str, int]]:
    """Return the folder of each label, if each folder has one label and each label one folder."""
    known = ((name, k) for name, k in zip(images, labels, strict=True) if k >= 0)
    pairs = {(name.rpartition("/")[0].partition("/")[0], k) for name, k in known}
    folders, numbers = {folder for folder, _ in pairs}, {k for _, k in pairs}
    return pairs if len(folders) == len(numbers) == len(pairs) and "" not in folders else set()


def _check_agreement(
    listing: Listing, labels: Sequence[int], names: dict[int, str], classes: Sequence[str]
) -> None:
    """Raise if labels are not those of the classes, or are given to folders of other classes."""
    more = sorted({k for k in labels if k >= len(classes)})
    if more:
        raise _unexpected(listing, [names.get(k, str(k)) for k in more], classes)
    for k, name in names.items():
        if name in classes and classes[k] != name:
            raise RequestError(
                f"dataset.json in {listing.source} gives the images of {name} the label {k}, which "
                f"is that of {classes[k]}: the classes are {', '.join(classes)}, from 0 on"
            )


def _unexpected(listing: Listing, more: Sequence[str], classes: Sequence[str]) -> RequestError:
    return RequestError(
        f"{listing.source} has images of {', '.join(more)}, and the classes are "
        f"{', '.join(classes)}: remove these images, or give training images of that class too"
    )
