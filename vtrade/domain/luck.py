"""Where does chance come from, so that the same seed gives the same bytes on every machine?

Rules: this is the only home of randomness. Luck is keyed, never streamed: a number depends on the seed, the name of the
stream and the block index, and on nothing that was drawn before, so one order cannot change another's luck. Uniforms
are built from the raw 64-bit words of Philox with exact arithmetic, and normals from sums of uniforms, so no ``log`` or
``exp`` of the platform's own can differ.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import ValueOffGrid

_WORDS: Final = 2**64
_UNIT: Final = 2.0**-52


def philox(seed: int, name: str, *, index: int = 0) -> np.random.Philox:
    """The bit generator that belongs to a seed, a stream and a block.

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    name : str
        The stream, such as ``"latency/ana"``; two names never share numbers.
    index : int
        Block of the stream, 0 to 2**64 - 1; blocks are far enough apart never to overlap.

    Raises
    ------
    ValueOffGrid
        If the seed or the index is not a whole number in range.

    References
    ----------
    Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    for what, value in (("seed", seed), ("block index", index)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < _WORDS:
            raise ValueOffGrid(f"{what} {value!r} must be a whole number from 0 to 2**64 - 1; give one such as 7")
    stream = int.from_bytes(sha256(name.encode()).digest()[:8], "little")
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter)


def generator(seed: int, name: str, *, index: int = 0) -> np.random.Generator:
    """A numpy generator for a seed, a stream and a block; parameters as in :func:`philox`.

    Notes
    -----
    Some of its methods use the platform's ``log`` or change between numpy versions. What enters a log or a tape is
    drawn with :func:`uniforms` or :func:`normals`.

    Examples
    --------
    >>> first = generator(7, "deal").permutation(5)
    >>> bool((first == generator(7, "deal").permutation(5)).all())
    True
    """
    return np.random.Generator(philox(seed, name, index=index))


def uniforms(seed: int, name: str, count: int, *, index: int = 0) -> NDArray[np.float64]:
    """Uniform numbers strictly between 0 and 1; parameters as in :func:`philox`.

    Returns
    -------
    (count,) float64 array
        Odd multiples of 2**-53, so neither 0 nor 1 can occur. A longer draw begins with the shorter one.

    Examples
    --------
    >>> [round(float(u), 6) for u in uniforms(7, "demo", 3)]
    [0.51736, 0.691951, 0.660563]
    """
    raw = philox(seed, name, index=index).random_raw(count)
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * _UNIT


def normals(seed: int, name: str, count: int, *, index: int = 0) -> NDArray[np.float64]:
    """Nearly normal numbers, mean 0 and variance 1; parameters as in :func:`philox`.

    Returns
    -------
    (count,) float64 array
        Sums of twelve uniforms less six: never beyond 6 in size, excess kurtosis -0.1.

    Examples
    --------
    >>> [round(float(z), 6) for z in normals(7, "demo", 3)]
    [0.916283, 1.478856, 0.386421]
    """
    parts = uniforms(seed, name, 12 * count, index=index).reshape(count, 12)
    total = parts[:, 0] - 6.0
    for column in range(1, 12):  # added one by one: the order of a numpy sum depends on the processor
        total += parts[:, column]
    return total
