"""Starting processes as torchrun does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest

Start = Callable[[Sequence[object]], list["subprocess.Popen[str]"]]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}


@pytest.fixture(scope="session")
def pair() -> Start:
    """Start Python twice, as two processes that know of each other."""

    def start(arguments: Sequence[object]) -> list[subprocess.Popen[str]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        return [
            subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                env={**environment(), **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for rank in range(2)
        ]  # fmt: skip

    return start


@pytest.fixture
def two(pair: Start) -> Iterator[Start]:
    """As ``pair``, and none of them is left when a test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(arguments: Sequence[object]) -> list[subprocess.Popen[str]]:
        started.extend(pair(arguments))
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()
