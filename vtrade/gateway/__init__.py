"""How does a class reach its rooms? Through a gateway: HTTP for commands and questions, a WebSocket for what changes.

Rules: whoever comes is somebody (a token), in one room, with one role, or is turned away with the reason; nothing is
told of rooms, accounts or tapes that are not his. Commands are acknowledged once they are durable. Every body, frame,
wait, rate and number of connections has a bound, in :mod:`vtrade.gateway.config`. No adapter is named here:
:mod:`vtrade.bootstrap` hands them over.
"""
