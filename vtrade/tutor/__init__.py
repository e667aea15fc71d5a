"""What does a student get to hear about an order, an account, a word, and who says it?

Rules: the tutor explains from evidence of the asking student alone, gives hints before answers, recommends no trade and
can place no order. Offline it is a pure function; a language model may take its place, and gives it back when it fails.
"""

from vtrade.tutor.answer import Answer, EvidenceUsed, Turn
from vtrade.tutor.dialogue import LanguageModel, ask, ask_model
from vtrade.tutor.evidence import Evidence, EvidenceSource
from vtrade.tutor.offline import answer_offline
from vtrade.tutor.review import review_order

__all__ = [
    "Answer",
    "Evidence",
    "EvidenceSource",
    "EvidenceUsed",
    "LanguageModel",
    "Turn",
    "answer_offline",
    "ask",
    "ask_model",
    "review_order",
]
