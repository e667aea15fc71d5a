"""Who is allowed to do what, and which names may people and rooms have?

Rules: a grant says who somebody is: a role in one room, or the owner of the whole gateway. What a role may do stands in
one table. Names are Unicode letters, digits and a few marks, normalised (NFC), of one script where scripts have
look-alikes; nothing of a name can be a path, a key of another room or a line of a log. Pure functions: no clock, no
randomness, no store.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from enum import StrEnum
from typing import Final

import msgspec

from vtrade.errors import AccessDenied, ValueOffGrid

NAME_MAX: Final = 64
"""Characters of the name of a room or an account."""
TOKEN_CHARS_MAX: Final = 128
"""Longer texts are no token and are not even hashed."""
ROOM_PREFIX: Final = "vtr_"
OWNER_PREFIX: Final = "vto_"
TOKEN_DAYS: Final = 120
"""How long a token lets somebody in, where nobody says otherwise."""
TOKEN_DAYS_MAX: Final = 3_650

_MARKS: Final = frozenset(" _-.@+'")
_ALIKE: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
"""Scripts whose letters can be taken for those of another."""


class Role(StrEnum):
    """Who somebody is."""

    OWNER = "owner"
    INSTRUCTOR = "instructor"
    TA = "ta"
    STUDENT = "student"
    OBSERVER = "observer"


class May(StrEnum):
    """What somebody may do; one row of the table of roles each."""

    LOOK = "look at the market, news and standings"
    TRADE = "trade, and ask the tutor"
    LOOK_AT_ALL = "look at every account"
    CONDUCT = "start, pause, halt and announce"
    GOVERN = "fine, adjust, offer tenders, close the room"
    ENROL = "enrol and revoke members"
    EXPORT = "take the journal, or any moment of it"
    OWN = "make and delete rooms"


_STAFF: Final = frozenset({May.LOOK, May.LOOK_AT_ALL, May.CONDUCT})

PERMISSIONS: Final[dict[Role, frozenset[May]]] = {
    Role.OBSERVER: frozenset({May.LOOK}),
    Role.STUDENT: frozenset({May.LOOK, May.TRADE}),
    Role.TA: _STAFF,
    Role.INSTRUCTOR: _STAFF | {May.GOVERN, May.ENROL, May.EXPORT},
    Role.OWNER: _STAFF | {May.GOVERN, May.ENROL, May.EXPORT, May.OWN},
}
"""What each role may do. Only students have an account that trades."""


class TokenRefused(AccessDenied):
    """A token that lets nobody in; ``code`` says why in one word: missing, unknown, expired or revoked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Grant(msgspec.Struct, frozen=True):
    """What a token stands for.

    Attributes
    ----------
    role : Role
    room : str
        Empty for the owner: the whole gateway.
    account : str
        Name of the member; empty for the owner.
    key : str
        Names the grant in logs and limits; tells nothing about the token.
    """

    role: Role
    room: str = ""
    account: str = ""
    key: str = ""

    @property
    def staff(self) -> bool:
        """Whether this is somebody who runs the room."""
        return May.LOOK_AT_ALL in PERMISSIONS[self.role]

    def may(self, what: May) -> bool:
        """Whether the role allows it.

        Examples
        --------
        >>> Grant(Role.STUDENT, "algebra", "ana").may(May.TRADE), Grant(Role.TA, "algebra", "tom").may(May.GOVERN)
        (True, False)
        """
        return what in PERMISSIONS[self.role]

    def require(self, what: May) -> None:
        """Refuse what the role does not allow.

        Raises
        ------
        AccessDenied
            Naming the role, and which ones may.
        """
        if what not in PERMISSIONS[self.role]:
            others = " or ".join(role for role, rights in PERMISSIONS.items() if what in rights)
            raise AccessDenied(f"your role here is {self.role}, which may not {what}; ask the {others}")

    def enter(self, room: str) -> None:
        """Refuse another room; the same words whether that room exists or not.

        Raises
        ------
        AccessDenied
        """
        if self.role != Role.OWNER and self.room != room:
            raise AccessDenied(
                f"your token is not for a room {shown(room)}; it is for {self.room!r}, so use that name in the address"
            )


def hash_token(token: str) -> str:
    """What is kept of a token: SHA-256, in hex. A token has 256 random bits, so it needs no salt.

    Examples
    --------
    >>> len(hash_token("vtr_x"))
    64
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same_hash(a: str, b: str) -> bool:
    """Whether two hashes are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(a, b)


def clean_name(name: object, what: str = "name") -> str:
    """A name of a room or an account as it is kept: NFC, without spaces around it.

    Parameters
    ----------
    name : object
        What somebody gave.
    what : str
        Names the value in the error.

    Raises
    ------
    ValueOffGrid
        If it is empty, longer than ``NAME_MAX``, has a slash, control or invisible characters, begins with a dot, or
        mixes scripts whose letters look alike.

    Examples
    --------
    >>> clean_name(" Zoë "), clean_name("algebra-1")
    ('Zoë', 'algebra-1')
    >>> clean_name("../etc/passwd", "room")
    Traceback (most recent call last):
    vtrade.errors.ValueOffGrid: room '../etc/passwd' has '/' in it; use letters, digits, spaces and _ - . @ + '
    """
    if not isinstance(name, str):
        raise ValueOffGrid(f"{what} is not text; give a name such as 'ana'")
    text = unicodedata.normalize("NFC", name.strip())
    if not text or len(text) > NAME_MAX:
        raise ValueOffGrid(f"{what} {shown(name)} has {len(text)} characters; give 1 to {NAME_MAX}")
    for letter in text:
        if letter not in _MARKS and unicodedata.category(letter)[0] not in "LN" and not _accent(letter):
            raise ValueOffGrid(
                f"{what} {shown(name)} has {shown(letter)} in it; use letters, digits, spaces and _ - . @ + '"
            )
    if text[0] == "." or text[-1] == "." or unicodedata.category(text[0])[0] == "M":
        raise ValueOffGrid(f"{what} {shown(name)} begins or ends with a dot or a mark; begin and end with a letter")
    if unicodedata.normalize("NFKC", text) != text:
        raise ValueOffGrid(f"{what} {shown(name)} has letters that only look like others; type it plainly")
    scripts = {script for letter in text for script in _ALIKE if unicodedata.name(letter, "").startswith(script)}
    if len(scripts) > 1:
        raise ValueOffGrid(
            f"{what} {shown(name)} mixes {' and '.join(sorted(s.title() for s in scripts))} letters, which look alike; "
            "use one alphabet"
        )
    return text


def lookalike_key(name: str) -> str:
    """Two names with the same key are too much alike to stand beside each other.

    Examples
    --------
    >>> lookalike_key("Ana  Li") == lookalike_key("ana li")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def shown(value: str) -> str:
    r"""A text of somebody else's as it may stand in a message: short, in ASCII where it is strange.

    Examples
    --------
    >>> shown("a" * 100)[-4:], shown("tab\t")
    ("...'", "'tab\\t'")
    """
    text = repr(value[:NAME_MAX] + ("..." if len(value) > NAME_MAX else ""))
    return text if text.isprintable() else ascii(value[:NAME_MAX])


def _accent(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc")
