"""Which errors can VTrade raise, and what should the reader do about each?

Rules: one tree with :class:`VTradeError` at the root; each message names the value, the place and the mend. What a
trader can cause with an order (no cash, unknown symbol, closed session) is not an exception but a fact with a reason:
see :mod:`vtrade.domain.messages`.
"""


class VTradeError(Exception):
    """Root of every error VTrade raises on purpose."""


class ValueOffGrid(VTradeError, ValueError):
    """A price, quantity or amount that the integer grid cannot hold exactly."""


class TapeError(VTradeError, ValueError):
    """Market data that cannot be read: malformed, truncated, out of time order, not a number."""


class OrderFileError(VTradeError, ValueError):
    """A row of an order file that cannot be understood."""


class JournalError(VTradeError):
    """The journal cannot be opened, written or trusted."""


class JournalInUse(JournalError):
    """Another desk holds the journal."""


class JournalCorrupt(JournalError):
    """A record of the journal is cut off or was changed; ``seq`` names it."""

    def __init__(self, message: str, *, seq: int | None = None) -> None:
        super().__init__(message)
        self.seq = seq


class DeskError(VTradeError):
    """A desk was asked for something it cannot do in its present state."""


class RuleError(VTradeError, ValueError):
    """A gamification rule file that does not make sense."""


class TutorError(VTradeError):
    """The tutor was asked for something outside its evidence."""


class LanguageModelError(TutorError):
    """The language model did not answer; the offline tutor takes over."""


class SettingsError(VTradeError, ValueError):
    """A setting that cannot be right; the message names it."""


class Unavailable(VTradeError):
    """A server does not answer in time; trying again later may help."""


class BusUnavailable(Unavailable):
    """Kafka does not answer, or not within the deadline."""


class Overloaded(Unavailable):
    """More is on its way than there is room for; nothing of this was taken."""


class Fenced(VTradeError):
    """Another worker has taken over; this one must not write any more."""


class AccessDenied(VTradeError):
    """The token does not allow this."""


class ReplayDiffers(VTradeError):
    """A room folded again tells something else than it told before: another version of VTrade is at work."""
