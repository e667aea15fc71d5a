"""Does a backtest tell the same story as an engine that gets the same messages?"""

from __future__ import annotations

from typing import Any

import numpy as np

from vtrade.domain import messages as msg
from vtrade.execution import layout as at
from vtrade.execution.kernel import play as st
from vtrade.portfolio.engine import PortfolioEngine


def agree(result: Any, play: Any = None) -> list[Any]:
    """Compare everything a run wrote down with the facts of an engine; returns these."""
    _, facts = result.record.replay()
    told = [fact for fact in facts if isinstance(fact, msg.Fill)]
    f = result._fills
    columns = zip(
        *(f[c].tolist() for c in ("seq", "ts_ns", "order_id", "px", "qty", "fee", "taker", "leaves")), strict=True
    )
    assert [
        (x.seq, x.ts_ns, x.order_id, x.last_px, x.last_qty, x.fee, x.liquidity == "taker", x.leaves_quantity)
        for x in told
    ] == [(*row[:6], bool(row[6]), row[7]) for row in columns]
    marks = [(x.seq, x.ts_ns, k, px) for x in facts if isinstance(x, msg.Marked) for k, px in x.marks]
    assert marks == [tuple(row) for row in result.record.marks.tolist()]
    denied = [x.client_order_id for x in facts if isinstance(x, msg.OrderDenied)]
    asked = result.record.asked
    submits = asked[asked[:, st.K_ACTION] == st.SUBMIT]
    assert denied == [f"b-{n}" for n in submits[submits[:, st.D_RESULT] <= 0, st.K_ID].tolist()]
    names = {
        msg.OrderAccepted: at.ACCEPTED, msg.OrderTriggered: at.TRIGGERED, msg.OrderExpired: at.EXPIRED,
        msg.OrderRejected: at.REJECTED, msg.OrderSubmitted: st.SENT, msg.CancelRejected: st.NOT_FOUND,
    }  # fmt: skip
    what = result.record.rows[:, at.X_WHAT]
    for kind, code in names.items():
        assert sum(isinstance(x, kind) for x in facts) == int((what == code).sum()), kind
    canceled = int(np.isin(what, [at.CANCELED, st.WITHDRAWN]).sum())
    assert sum(isinstance(x, msg.OrderCanceled) for x in facts) == canceled
    assert [x.seq for x in facts] == list(range(1, len(facts) + 1))
    assert len(facts) == 2 + len(result.record.rows) + len(np.unique(result.record.marks[:, 0])) + len(
        result.record.news_seqs
    )
    books = PortfolioEngine()
    books.apply_all(facts)
    mine, theirs = result.statistics(), books.statistics("backtest")
    for name in theirs:
        if name in mine:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-9, atol=1e-12, err_msg=name)
    assert mine["nav"] == theirs["nav"]
    return facts
