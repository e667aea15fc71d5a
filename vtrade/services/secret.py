"""How is a token made that nobody can guess?

Rules: the only module that draws from the machine's own randomness; what is drawn opens doors or tells copies apart and
never decides anything that happens in a market, so that a log still folds to the same facts.
"""

from __future__ import annotations

import secrets
from typing import Final

TOKEN_BYTES: Final = 32
"""Random bytes of a token: 256 bits."""
NAME_BYTES: Final = 6
"""Random bytes of a short name that only has to differ from others."""


def new_token(prefix: str) -> str:
    """A token: a prefix by which people recognise it, and 43 characters nobody can guess.

    Examples
    --------
    >>> token = new_token("vtr_")
    >>> token.startswith("vtr_"), len(token), token != new_token("vtr_")
    (True, 47, True)
    """
    return prefix + secrets.token_urlsafe(TOKEN_BYTES)


def new_name() -> str:
    """A short name that is not likely to come twice: 12 hex digits.

    Examples
    --------
    >>> len(new_name())
    12
    """
    return secrets.token_hex(NAME_BYTES)
