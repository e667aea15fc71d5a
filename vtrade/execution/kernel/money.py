"""What does a fill cost, what does an order tie up, and may an account send it?

Rules: whole micro-units, the one rounding rule of the house, and nothing that could leave 64 bits: what an account
holds and asks for in an instrument stays below ``MOST_MONEY``. A buy ties up the most it can cost, so cash cannot
become negative by a fill in a cash account. A check changes nothing.
"""

from __future__ import annotations

from vtrade.execution.compiling import inner
from vtrade.execution.kernel.book import ask_for, bring_up, located

# isort: off
# fmt: off
from vtrade.execution.layout import (
    AT_LEVEL, A_CONCENTRATION, A_CURRENCY, A_ENABLED, A_INITIAL, A_NOTIONAL_MAX, A_RESERVED, A_SHORT, A_SHORT_MARGIN,
    A_TRADED, A_UNSETTLED, A_WORKING, A_WORKING_MAX, BASE, C_GROUP, C_REDUCE, F_CONCENTRATION, F_COUNT, F_LOCATE,
    F_NOTIONAL, F_POWER, F_REDUCE, F_SHORT, F_WORKING, GONE, IN_PARENT, LIMIT, LOTS, MARK, MILLION, MOST_MONEY, NONE,
    O_ACCOUNT, O_FAMILY, O_FEE, O_FILLED, O_FLAGS, O_GROUP, O_ID, O_INST, O_LEAVES, O_LIMIT, O_MARK, O_NOTIONAL,
    O_PARENT, O_PENDING, O_QUANTITY, O_RAW, O_RESERVED, O_SHOWN, O_SIDE, O_STOP, O_TYPE, O_WHERE, O_WORST, P_BUYING,
    P_LOTS, P_REDUCING, P_SELLING, REDUCE_ONLY, R_A, R_B, SHORTED, SLOTS, STOP_LIMIT, SWEEP, T_BORROWABLE, T_CAP,
    T_CONTRACT, T_CURRENCY, T_LOT, T_MAKER, T_MINIMUM, T_NOTIONAL, T_TAKER, T_TICK_VALUE, T_TIERS, T_TIER_COUNT,
    T_UNIT, UNKNOWN_PRICE, Book,
)
# fmt: on
# isort: on


@inner
def share(amount: int, ppm: int) -> int:
    """Millionths of an amount, rounded half to even."""
    whole = amount // MILLION
    rest = (amount - whole * MILLION) * ppm
    quotient = whole * ppm + rest // MILLION
    twice = 2 * (rest - rest // MILLION * MILLION)
    if twice > MILLION or (twice == MILLION and quotient & 1 == 1):
        quotient += 1
    return int(quotient)


@inner
def quotient(numerator: int, denominator: int) -> int:
    """A division rounded half to even, as in `vtrade.domain.values.divide`."""
    whole = numerator // denominator
    twice = 2 * (numerator - whole * denominator)
    if twice > denominator or (twice == denominator and whole & 1 == 1):
        whole += 1
    return int(whole)


@inner
def tier_ppm(b: Book, k: int, traded: int, taker: int) -> int:
    """Maker or taker fee (millionths) of somebody who has traded so much."""
    t = b.terms[k]
    ppm = t[T_MAKER + taker]
    for i in range(t[T_TIER_COUNT]):
        if traded >= t[T_TIERS + 3 * i]:
            ppm = t[T_TIERS + 3 * i + 1 + taker]
    return int(ppm)


@inner
def basic_fee(b: Book, k: int, px: int, lots: int, ppm: int) -> int:
    """Fee by units, contracts and notional; ``ppm`` is the maker or taker part."""
    t = b.terms[k]
    units = lots * t[T_LOT]
    notional = px * lots * t[T_TICK_VALUE]
    fee: int = 0
    if t[T_UNIT] != 0:
        fee += share(units, t[T_UNIT])
    if t[T_NOTIONAL] != 0:
        fee += share(notional, t[T_NOTIONAL])
    if t[T_CONTRACT] != 0:
        fee += share(units, t[T_CONTRACT])
    if ppm != 0:
        fee += share(notional, ppm)
    return fee


@inner
def fee_of(b: Book, slot: int, px: int, lots: int, taker: int) -> int:
    """What one more fill of an order costs; a minimum or a cap is that of the whole order."""
    o = b.own[slot]
    k = o[O_INST]
    t = b.terms[k]
    ppm = 0
    if t[T_TIER_COUNT] > 0 or t[T_MAKER + taker] != 0:
        ppm = tier_ppm(b, k, b.acct[o[O_ACCOUNT], A_TRADED], taker)
    fee = basic_fee(b, k, px, lots, ppm)
    o[O_RAW] += fee
    if t[T_MINIMUM] == 0 and t[T_CAP] == 0:
        return int(fee)
    due = max(o[O_RAW], t[T_MINIMUM])
    if t[T_CAP] != 0:
        due = min(due, max(share(o[O_NOTIONAL] + px * lots * t[T_TICK_VALUE], t[T_CAP]), 0))
    return int(due - o[O_FEE])


@inner
def reserve_of(b: Book, k: int, a: int, s: int, worst: int, lots: int) -> int:
    """Micro-units a working order ties up, in the account's currency: its cost at its worst price (ticks), with fees.

    Each fill rounds its own fee, what is left of the reserve rounds again, and every lot may be a fill of its own: two
    micro-units a lot and part cover that. A sell costs something only where its fees are more than its proceeds;
    without a worst price that is measured at one tick.
    """
    if lots == 0:
        return 0
    t = b.terms[k]
    price = max(worst, 1)
    ppm = max(0, t[T_MAKER], t[T_TAKER])
    for i in range(t[T_TIER_COUNT]):
        ppm = max(ppm, t[T_TIERS + 3 * i + 1], t[T_TIERS + 3 * i + 2])
    rounded = 0
    if t[T_UNIT] % MILLION * t[T_LOT] % MILLION > 0:
        rounded += 1
    if t[T_NOTIONAL] * (t[T_TICK_VALUE] % MILLION) % MILLION > 0:
        rounded += 1
    if t[T_CONTRACT] % MILLION * t[T_LOT] % MILLION > 0:
        rounded += 1
    if ppm * (t[T_TICK_VALUE] % MILLION) % MILLION > 0:
        rounded += 1
    fees = basic_fee(b, k, price, lots, ppm) + 2 * rounded * lots + t[T_MINIMUM]
    notional = price * lots * t[T_TICK_VALUE]
    if s == 1:
        return int(in_money_of(b, k, a, max(0, fees - notional)))
    if b.acct[a, A_INITIAL] < MILLION:
        notional = share(notional, b.acct[a, A_INITIAL])
    return int(in_money_of(b, k, a, notional + fees))


@inner
def in_money_of(b: Book, k: int, a: int, amount: int) -> int:
    """An amount in an instrument's currency, in that of an account."""
    home, away = b.acct[a, A_CURRENCY], b.terms[k, T_CURRENCY]
    if home == away:
        return amount
    rate, base = b.rates[away], b.rates[home]
    whole = amount // base
    return int(whole * rate + quotient((amount - whole * base) * rate, base))


@inner
def cash_of(b: Book, a: int) -> int:
    """An account's money in all currencies, in its own."""
    home = b.acct[a, A_CURRENCY]
    total = b.cash[a, home]
    for c in range(b.cash.shape[1]):
        if c != home and b.cash[a, c] != 0:
            whole = b.cash[a, c] // b.rates[home]
            total += whole * b.rates[c] + quotient((b.cash[a, c] - whole * b.rates[home]) * b.rates[c], b.rates[home])
    return int(total)


@inner
def margin_of(b: Book, a: int, long_ppm: int, short_ppm: int, asked: int) -> tuple[int, int]:
    """Equity of an account, and what its positions ask of it; ``asked`` counts uncovered sells that still work too."""
    equity = cash_of(b, a)
    longs = 0
    shorts = 0
    uncovered = 0
    for k in range(b.pos.shape[1]):
        row = b.pos[a, k]
        if row[P_LOTS] == 0 and row[P_SELLING] == 0:
            continue
        worth = in_money_of(b, k, a, b.inst[k, MARK] * b.terms[k, T_TICK_VALUE])
        held = row[P_LOTS]
        if held > 0:
            longs += worth * held
        else:
            shorts -= worth * held
        more = row[P_SELLING] - max(0, held)
        if more > 0:
            uncovered += worth * more
    needed = share(longs, long_ppm) + share(shorts + asked * uncovered, short_ppm)
    return int(equity + longs - shorts), int(needed)


@inner
def power_of(b: Book, a: int) -> int:
    """What an account can still commit: equity beyond what positions and working orders tie up."""
    row = b.acct[a]
    equity, needed = margin_of(b, a, row[A_INITIAL], row[A_SHORT_MARGIN], 1)
    return int(equity - needed - row[A_RESERVED] - row[A_UNSETTLED])


@inner
def free_cash(b: Book, a: int) -> int:
    """Money that no working order ties up."""
    return int(cash_of(b, a) - b.acct[a, A_RESERVED] - b.acct[a, A_UNSETTLED])


@inner
def refused(b: Book, slot: int, lots: int, worst: int, reference: int) -> int:
    """Why an account may not ask for ``lots`` with this order, 0 where it may; the room keeps two numbers of a refusal.

    ``worst`` (ticks) is the price at which a buy reserves, ``reference`` the market; 0 where there is none.
    """
    o = b.own[slot]
    k, a, s = o[O_INST], o[O_ACCOUNT], o[O_SIDE]
    row, pos, t = b.acct[a], b.pos[a, k], b.terms[k]
    held = pos[P_LOTS]
    room = b.room
    if o[O_FLAGS] & REDUCE_ONLY:
        can = max(0, -held if s == 0 else held)
        room[R_A] = can
        return F_REDUCE if lots > can and o[O_PARENT] == 0 else 0
    most = max(reference, o[O_STOP])
    if o[O_TYPE] == LIMIT or o[O_TYPE] == STOP_LIMIT:
        most = max(most, worst)
    if most == 0:
        most = UNKNOWN_PRICE
    # compared by division: the product might leave 64 bits
    if abs(held) + pos[P_BUYING] + pos[P_SELLING] + lots > MOST_MONEY // most // t[T_TICK_VALUE]:
        room[R_A] = abs(held) + pos[P_BUYING] + pos[P_SELLING] + lots
        room[R_B] = most
        return F_COUNT
    after = held + pos[P_BUYING] + lots if s == 0 else held - pos[P_SELLING] - lots
    short = max(0, -after) - located(b, a, k) if s == 1 else 0
    if t[T_BORROWABLE] >= 0 and short > 0 and b.inst[k, SHORTED] + short > t[T_BORROWABLE]:
        room[R_A] = max(0, t[T_BORROWABLE] - b.inst[k, SHORTED])
        return F_LOCATE
    if row[A_ENABLED] == 0:
        return 0
    if row[A_WORKING] >= row[A_WORKING_MAX]:
        room[R_A] = row[A_WORKING]
        return F_WORKING
    notional = in_money_of(b, k, a, reference * lots * t[T_TICK_VALUE])
    if row[A_NOTIONAL_MAX] > 0 and notional > row[A_NOTIONAL_MAX]:
        room[R_A] = notional
        return F_NOTIONAL
    if s == 1 and after < 0 and row[A_SHORT] == 0:
        room[R_A] = max(0, held - pos[P_SELLING])
        return F_SHORT
    needed = reserve_of(b, k, a, s, worst, lots)
    if s == 1 and after < 0:
        needed += share(in_money_of(b, k, a, reference * min(lots, -after) * t[T_TICK_VALUE]), row[A_SHORT_MARGIN])
    if needed > 0:
        power = power_of(b, a)
        if s == 0:
            covered = min(lots, -held - pos[P_BUYING])
            if covered > 0:  # buying back frees the cover of the short position, but never spends more than the cash
                worth = in_money_of(b, k, a, b.inst[k, MARK] * covered * t[T_TICK_VALUE])
                power += worth + share(worth, row[A_SHORT_MARGIN])
                power = free_cash(b, a) if covered == lots else min(power, free_cash(b, a))
        if needed > power:
            room[R_A] = needed
            room[R_B] = power
            return F_POWER
    if abs(after) > abs(held) and row[A_CONCENTRATION] < MILLION:
        value = in_money_of(b, k, a, reference * abs(after) * t[T_TICK_VALUE])
        equity, _ = margin_of(b, a, NONE, NONE, 0)
        room[R_A] = value
        room[R_B] = share(equity, row[A_CONCENTRATION])
        if value > room[R_B]:
            return F_CONCENTRATION
    return 0


@inner
def tie_up(b: Book, slot: int) -> None:
    """Reserve what the rest of an order may still cost."""
    o = b.own[slot]
    a = o[O_ACCOUNT]
    amount = 0
    if b.acct[a, A_ENABLED] != 0 and o[O_FLAGS] & REDUCE_ONLY == 0:
        amount = reserve_of(b, o[O_INST], a, o[O_SIDE], o[O_WORST], o[O_LEAVES])
    b.acct[a, A_RESERVED] += amount - o[O_RESERVED]
    o[O_RESERVED] = amount


@inner
def settle_fill(b: Book, slot: int, px: int, lots: int, taker: int) -> int:
    """Money, shares and the order's own count after a fill; returns the fee."""
    o = b.own[slot]
    k, a, s = o[O_INST], o[O_ACCOUNT], o[O_SIDE]
    t = b.terms[k]
    fee = fee_of(b, slot, px, lots, taker)
    notional = px * lots * t[T_TICK_VALUE]
    pos = b.pos[a, k]
    borrowed = located(b, a, k)
    if s == 0:
        b.cash[a, t[T_CURRENCY]] -= notional + fee
        pos[P_LOTS] += lots
    else:
        b.cash[a, t[T_CURRENCY]] += notional - fee
        pos[P_LOTS] -= lots
    b.acct[a, A_TRADED] += in_money_of(b, k, a, notional)
    o[O_LEAVES] -= lots
    o[O_FILLED] += lots
    o[O_NOTIONAL] += notional
    o[O_FEE] += fee
    if o[O_FLAGS] & REDUCE_ONLY == 0:
        pos[P_BUYING + s] -= lots
    b.inst[k, SHORTED] += located(b, a, k) - borrowed
    tie_up(b, slot)
    return int(fee)


@inner
def knock_on(b: Book, slot: int, lots: int) -> None:
    """A fill lowers the others of its group, and orders that may only reduce; they are told once the event is over."""
    o = b.own[slot]
    k, a = o[O_INST], o[O_ACCOUNT]
    if o[O_FAMILY] != 0:
        bring_up(b, o[O_ID], lots, False)
    if o[O_GROUP] == 0 and b.pos[a, k, P_REDUCING] == 0:
        return
    held = b.pos[a, k, P_LOTS]
    row = b.acct[a]
    if o[O_FLAGS] & REDUCE_ONLY and o[O_SIDE] == 1 and row[A_ENABLED] != 0 and row[A_SHORT] == 0:
        cover(b, a, k)
    for m in range(1, b.room[SLOTS]):
        other = b.own[m]
        if m == slot or other[O_WHERE] == GONE or other[O_ACCOUNT] != a or other[O_LEAVES] == 0:
            continue
        if other[O_GROUP] == o[O_GROUP] and o[O_GROUP] != 0:
            lower(b, m, max(0, other[O_LEAVES] - lots), C_GROUP)
        if other[O_INST] == k and other[O_FLAGS] & REDUCE_ONLY and other[O_WHERE] != IN_PARENT:
            lower(b, m, min(other[O_LEAVES], max(0, -held if other[O_SIDE] == 0 else held)), C_REDUCE)


@inner
def cover(b: Book, a: int, k: int) -> None:
    """An account that may not sell short has reduced: its newest plain sells give way where shares are missing."""
    short = located(b, a, k)
    while short > 0:
        newest = 0
        for m in range(1, b.room[SLOTS]):
            o = b.own[m]
            if o[O_WHERE] != GONE and o[O_ACCOUNT] == a and o[O_INST] == k and o[O_SIDE] == 1 and o[O_LEAVES] > 0:
                if o[O_FLAGS] & REDUCE_ONLY == 0 and (newest == 0 or o[O_ID] > b.own[newest, O_ID]):
                    newest = m
        if newest == 0:
            return
        lots = min(short, b.own[newest, O_LEAVES])
        lower(b, newest, b.own[newest, O_LEAVES] - lots, C_REDUCE)
        short -= lots


@inner
def lower(b: Book, slot: int, leaves: int, cause: int) -> None:
    """Fewer lots are left of an order; where none are, it stands there until the event is over."""
    o = b.own[slot]
    gone = o[O_LEAVES] - leaves
    if gone <= 0:
        return
    o[O_LEAVES] = leaves
    o[O_QUANTITY] -= gone
    if o[O_MARK] > 0:
        o[O_MARK] -= gone
    ask_for(b, slot, -gone)
    if o[O_WHERE] == AT_LEVEL and o[O_SHOWN] > leaves:
        b.level[o[O_INST], o[O_SIDE], o[O_LIMIT] - b.inst[o[O_INST], BASE], LOTS] -= o[O_SHOWN] - leaves
        o[O_SHOWN] = leaves
    tie_up(b, slot)
    o[O_PENDING] = cause
    b.room[SWEEP] = 1
