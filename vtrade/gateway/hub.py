"""Who is somebody whose token is a JupyterHub's? The Hub is asked, and its answer is believed for a short while.

Rules: a name of the Hub is the name of an account. What somebody may do follows from the roles given to groups here,
and administrators of the Hub are what ``admin`` says; the first role of the list wins. A token that the Hub does not
know is not asked about again for a while. Where the Hub does not answer nobody new gets in, and those who are in stay.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from vtrade.domain.values import NS_PER_S
from vtrade.errors import SettingsError, Unavailable, ValueOffGrid
from vtrade.ports import Clock
from vtrade.services.access import TOKEN_CHARS_MAX, Role, clean_name, hash_token

CACHE_S: Final = 60.0
"""How long an answer of the Hub is believed, in seconds."""
CACHED_MAX: Final = 10_000
ASK_S: Final = 5.0
"""Longest wait for the Hub, in seconds."""

Person = tuple[str, Role]


class HubDoor:
    """Takes tokens of a JupyterHub whose service this gateway is.

    Parameters
    ----------
    auth : HubAuth
        Asks the Hub; see :func:`hub_from_environment`.
    clock : Clock
    groups : Mapping of str to Role
        What members of a group of the Hub are here.
    admin : Role
        What administrators of the Hub are here.
    opens_accounts : bool
        Whether a person of the Hub gets an account in a room by coming; else an instructor enrols the name first.
    """

    def __init__(
        self, auth: Any, clock: Clock, *, groups: Mapping[str, Role] | None = None, admin: Role = Role.OWNER,
        opens_accounts: bool = True,
    ) -> None:  # fmt: skip
        self._auth = auth
        self._clock = clock
        self._groups = dict(groups or {})
        self._admin = admin
        self.opens_accounts = opens_accounts
        self._known: OrderedDict[str, tuple[int, Person | None]] = OrderedDict()
        self._lock = threading.Lock()

    def person(self, token: str) -> Person | None:
        """Name and role of a token's owner, ``None`` where the Hub does not know it.

        Raises
        ------
        Unavailable
            If the Hub does not answer.
        """
        if not token or len(token) > TOKEN_CHARS_MAX or not token.isascii():
            return None
        key = hash_token(token)
        now = self._clock.monotonic_ns()
        with self._lock:
            until, person = self._known.get(key, (0, None))
        if until > now:
            return person
        person = self._ask(token)
        with self._lock:
            self._known[key] = (now + int(CACHE_S * NS_PER_S), person)
            self._known.move_to_end(key)
            if len(self._known) > CACHED_MAX:
                self._known.popitem(last=False)
        return person

    def _ask(self, token: str) -> Person | None:
        try:
            model = self._auth.user_for_token(token, use_cache=False)
        except Exception as error:  # the Hub's client raises errors of its web framework
            if getattr(error, "status_code", 0) in (401, 403, 404):
                return None
            raise Unavailable("the JupyterHub does not answer; try again in a moment") from error
        return None if not model else self.role_of(model)

    def role_of(self, model: Mapping[str, Any]) -> Person | None:
        """Name and role of a user as the Hub describes it; ``None`` for what is no user, such as a service."""
        if model.get("kind", "user") != "user":
            return None
        try:
            name = clean_name(model.get("name"), "account")
        except ValueOffGrid:
            return None
        if model.get("admin"):
            return name, self._admin
        held = set(model.get("groups") or ())
        return name, next((role for group, role in self._groups.items() if group in held), Role.STUDENT)


def hub_from_environment(
    clock: Clock, *, groups: Mapping[str, Role] | None = None, admin: Role = Role.OWNER, opens_accounts: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> HubDoor | None:  # fmt: skip
    """The Hub that started this process as its service, ``None`` where none did.

    Raises
    ------
    SettingsError
        If JupyterHub is not installed here.
    """
    url, token = environ.get("JUPYTERHUB_API_URL", ""), environ.get("JUPYTERHUB_API_TOKEN", "")
    if not url or not token or "JUPYTERHUB_SERVICE_NAME" not in environ:
        return None
    try:
        make: Any = importlib.import_module("jupyterhub.services.auth").HubAuth
    except ImportError:
        raise SettingsError(
            "JUPYTERHUB_API_URL is set, but JupyterHub is not installed here; install vtrade[hub], or unset it"
        ) from None
    auth = make(api_url=url, api_token=token, cache_max_age=0)
    return HubDoor(auth, clock, groups=groups, admin=admin, opens_accounts=opens_accounts)


def groups_of(pairs: list[str]) -> dict[str, Role]:
    """Roles by group from ``GROUP=ROLE`` texts.

    Examples
    --------
    >>> groups_of(["teachers=instructor"])
    {'teachers': <Role.INSTRUCTOR: 'instructor'>}
    """
    groups: dict[str, Role] = {}
    for pair in pairs:
        group, _, role = pair.rpartition("=")
        if not group or role not in list(Role):
            raise SettingsError(f"{pair!r} is not GROUP=ROLE; the roles are {', '.join(Role)}")
        groups[group] = Role(role)
    return groups
