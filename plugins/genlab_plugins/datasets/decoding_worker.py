"""A process that decodes pictures for :class:`genlab_plugins.datasets.decoding.Decoders`.

It reads pictures from its standard input, writes pixels to its standard output, and ends with its input. It
does without PyTorch, so that it is there at once.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genlab import Picture, PictureRule, RequestError

__all__ = ["Head", "decoded", "main"]


@dataclass(frozen=True)
class Head:
    """How pictures are decoded.

    Args:
        shape: Shape ``(C, H, W)`` of the results.
        rule: How numbers become grey levels.
        resize: Whether pictures of another size are resized and cropped.
    """

    shape: tuple[int, ...]
    rule: PictureRule
    resize: bool


def decoded(picture: tuple[str, bytes], head: Head) -> NDArray[np.uint8]:
    """Return the pixels ``(C, H, W)`` of a picture, given by name and content.

    Args:
        picture: The picture.
        head: How it is decoded.

    Raises:
        RequestError: It cannot be read.
    """
    name, content = picture
    found = Picture(name, io.BytesIO(content), len(content))
    return found.pixels(head.shape, head.rule, resize=head.resize)


def main() -> None:
    """Decode what is sent, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        head: Head = pickle.load(sys.stdin.buffer)
        while True:
            pictures = pickle.load(sys.stdin.buffer)
            answer: tuple[NDArray[np.uint8] | None, str]
            try:
                answer = np.stack([decoded(each, head) for each in pictures]), ""
            except RequestError as error:
                answer = None, str(error)
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
