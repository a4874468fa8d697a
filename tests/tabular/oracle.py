"""Aggregates worked out from lists, record by record: no array, no index, no graph."""

from __future__ import annotations

import itertools
import math
from collections import Counter

from tests.tabular.shop import DAY, HOUR, IDENTIFIERS, Act, Shop

NAN = math.nan
MINUTE = HOUR // 60
WINDOWS = {"": None, "_1d": 1, "_7d": 7, "_30d": 30, "_90d": 90}
COUNTED = {
    "purchase": "purchases", "refund": "refunds", "review": "reviews", "login": "logins",
    "view": "views", "cart": "carts", "coupon": "coupons", "points": "points",
}  # fmt: skip
PLURAL = {"device": "devices", "address": "addresses", "ip": "ips", "card": "cards", "phone": "phones", "email": "emails"}  # fmt: skip


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers) if numbers else NAN


def std(numbers):
    middle = mean(numbers)
    return math.sqrt(mean((x - middle) ** 2 for x in numbers)) if numbers else NAN


def most(numbers, default=NAN):
    return max(numbers, default=default)


def ratio(part, whole):
    return part / whole if whole else NAN


def in_order(acts):
    return sorted(acts, key=lambda act: (act.time, act.name))


class Moment:
    """A shop by ``as_of``, as ``member`` may see it.

    ``hidden`` is an act whose order by its member is not seen.
    """

    def __init__(self, shop: Shop, member: int, as_of: int, hidden: Act | None = None):
        self.shop, self.member, self.as_of, self.hidden = shop, member, as_of, hidden
        self.deeds = [
            act
            for act in in_order(shop.acts)
            if act.time <= as_of and act.kind != "chargeback" and not self.is_hidden(act)
        ]
        self.mine = [act for act in self.deeds if act.member == member]
        self.flags = {
            other: since
            for other in range(9)
            if other != member and (since := known_since(shop, other)) <= as_of
        }

    def is_hidden(self, act):
        own = self.hidden
        if own is None or act.member != own.member:
            return False
        return act == own or (own.order is not None and act.order == own.order)

    def of_kind(self, kind, member=None):
        acts = self.mine if member is None else [a for a in self.deeds if a.member == member]
        return [act for act in acts if act.kind == kind]

    def within(self, acts, days):
        return [act for act in acts if self.as_of - act.time < days * DAY]

    def joins(self, relation, value):
        """Return when each member first used a value; of products: bought or reviewed it."""
        found = {}
        for act in self.deeds:
            if taken(act, relation) == value:
                found.setdefault(act.member, act.time)
        return found

    def others(self, relation, value):
        found = self.joins(relation, value)
        found.pop(self.member, None)
        return found

    def values(self, relation, member=None):
        """Return the member's values in the order of first use, and when that was."""
        found = {}
        for act in self.mine if member is None else self.deeds:
            value = taken(act, relation)
            if value is not None and act.member == (self.member if member is None else member):
                found.setdefault(value, act.time)
        return found

    def flagged(self, members):
        return [member for member in members if member in self.flags]


def taken(act, relation):
    if relation == "buys":
        return act.product if act.kind == "purchase" else None
    if relation == "reviews":
        return act.product if act.kind == "review" else None
    return getattr(act, relation)


def known_since(shop, member):
    """Return when ``member`` is first known as fraudulent, infinity for never."""
    found = [x.known for x in shop.labels if x.label == 1 and x.member == member]
    about = [(x.known, x.order) for x in shop.labels if x.label == 1 and x.member is None]
    for act in shop.acts:
        if act.kind == "chargeback" and act.order is None and act.member == member:
            found.append(act.time)
        if act.kind == "chargeback" and act.order is not None:
            about.append((act.time, act.order))
    for known, order in about:
        records = in_order(act for act in shop.acts if act.order == order)
        if not records:
            continue
        moment = max(known, records[0].time)
        there = [act for act in records if act.time <= moment]
        buyer = next((act for act in there if act.kind == "purchase"), there[0]).member
        if buyer == member:
            found.append(moment)
    return min(found, default=math.inf)


def own(now):
    result = {}
    for kind, name in {"event": "events", **COUNTED}.items():
        acts = now.mine if kind == "event" else now.of_kind(kind)
        for suffix, days in WINDOWS.items():
            result[name + suffix] = len(acts if days is None else now.within(acts, days))
    times = [act.time for act in now.mine]
    if not times:
        bursts = ("burst_minute", "burst_hour", "burst_day", "purchase_burst_hour")
        return result | dict.fromkeys(("days_active", *bursts), 0)
    gaps = [(b - a) / HOUR for a, b in itertools.pairwise(times)]
    bought = [act.time for act in now.of_kind("purchase")]
    age = (now.as_of - times[0]) / DAY
    first_day = 19_875  # 1 June 2024, a Saturday
    days = [time // DAY for time in times]
    return result | {
        "age_days": age,
        "days_since_event": (now.as_of - times[-1]) / DAY,
        "days_since_purchase": (now.as_of - bought[-1]) / DAY if bought else NAN,
        "days_to_purchase": (bought[0] - times[0]) / DAY if bought else NAN,
        "gap_last_hours": gaps[-1] if gaps else NAN,
        "gap_mean_hours": mean(gaps),
        "gap_std_hours": std(gaps),
        "gap_min_hours": min(gaps, default=NAN),
        "gap_max_hours": most(gaps),
        "events_per_day": len(times) / max(age, 1),
        "days_active": len(set(days)),
        "days_active_share": len(set(days)) / (now.as_of // DAY - days[0] + 1),
        "pace_7d_30d": pace(now, now.mine),
        "purchase_pace_7d_30d": pace(now, now.of_kind("purchase")),
        "night_share": mean(time % DAY < 6 * HOUR for time in times),
        "weekday_share": mean((first_day + day + 3) % 7 < 5 for day in days),
        "burst_minute": burst(times, MINUTE),
        "burst_hour": burst(times, HOUR),
        "burst_day": burst(times, DAY),
        "purchase_burst_hour": burst(bought, HOUR),
    }


def pace(now, acts):
    return ratio(len(now.within(acts, 7)) / 7, len(now.within(acts, 30)) / 30)


def burst(times, span):
    return most((sum(0 <= time - start < span for time in times) for start in times), 0)


def spending(now):
    paid = [act for act in now.of_kind("purchase") if act.amount is not None]
    uses = Counter(act.currency for act in paid)  # equals in the order they came
    currency = uses.most_common(1)[0][0] if uses else "none"
    counted = [act for act in paid if act.currency == currency]
    amounts = [act.amount for act in counted]
    back = [a.amount for a in now.of_kind("refund") if a.currency == currency and a.amount]
    bought, ratings = now.of_kind("purchase"), [a.rating for a in now.of_kind("review") if a.rating]
    points = [act.points for act in now.mine if act.points is not None]
    dear = [x for act in bought if not math.isnan(x := dearness(now, act))]
    return {
        "currencies": len(uses),
        "spent": sum(amounts),
        "spent_mean": mean(amounts),
        "spent_max": most(amounts),
        "spent_std": std(amounts),
        **{f"spent_{d}d": sum(a.amount for a in now.within(counted, d)) for d in (7, 30, 90)},
        "spent_last_ratio": amounts[-1] / mean(amounts[:-1]) if len(amounts) > 1 else NAN,
        "refunded_share": ratio(sum(back), sum(amounts)),
        "refund_rate": ratio(len(now.of_kind("refund")), len(bought)),
        "coupon_rate": mean(act.coupon is not None for act in bought),
        "units_mean": mean(act.quantity for act in bought if act.quantity is not None),
        "dearness_mean": mean(dear),
        "dearness_max": most(dear),
        "points_sum": sum(points),
        "points_max": most(points),
        "rating_mean": mean(ratings),
        "rating_std": std(ratings),
        "rating_last": ratings[-1] if ratings else NAN,
        "review_rate": ratio(len(now.of_kind("review")), len(bought)),
        "purchase_rate": ratio(len(bought), len(now.of_kind("view"))),
    }


def dearness(now, act):
    """Return the log of a purchase's unit price over what others had paid strictly before."""
    if act.kind != "purchase" or act.product is None or not act.amount:
        return NAN
    before = [
        math.log(a.amount / (a.quantity or 1))
        for a in now.shop.acts
        if a.kind == "purchase" and a.product == act.product and a.currency == act.currency
        and a.time < act.time and a.member != act.member and a.amount
    ]  # fmt: skip
    return math.log(act.amount / (act.quantity or 1)) - mean(before)


def variety(now):
    bought = now.of_kind("purchase")
    products = [act.product for act in bought if act.product is not None]
    orders = Counter(act.order for act in bought if act.order is not None)
    codes = {
        ("products", "product"): products,
        ("sellers", "seller"): [product % 2 for product in products],
        ("categories", "category"): [product // 2 for product in products],
    }
    result = {
        "orders": len(orders),
        "order_lines_mean": mean(orders.values()),
        "order_lines_max": most(orders.values()),
    }
    for (many, one), found in codes.items():
        shares = [count / len(found) for count in Counter(found).values()]
        result[f"{many}_bought"] = len(shares)
        result[f"{many}_entropy"] = -sum(x * math.log(x) for x in shares) if shares else NAN
        result[f"{one}_top_share"] = most(shares)
    return result


def shared(now):
    result, sharing = {}, []
    for relation in IDENTIFIERS:
        found = []
        for value, came in now.values(relation).items():
            others = now.others(relation, value)
            sharing.append((relation, came, others))
            found.append(others)
        flagged = [len(now.flagged(others)) for others in found]
        recent = [sum(now.as_of - t < 7 * DAY for t in others.values()) for others in found]
        result |= {
            PLURAL[relation]: len(found),
            f"{relation}_members": sum(map(len, found)),
            f"{relation}_members_max": most(map(len, found), 0),
            f"{relation}_members_7d": most(recent, 0),
            f"{relation}_flagged": sum(flagged),
            f"{relation}_flagged_share": most(
                f / len(o) for f, o in zip(flagged, found, strict=True) if o
            ),
        }
    return result | together(now, sharing)


def together(now, sharing):
    with_others = [(r, came, others) for r, came, others in sharing if others]
    near = [sum(abs(t - came) <= DAY for t in others.values()) for _, came, others in sharing]
    before = [[t for t in others.values() if t <= came] for _, came, others in sharing]
    ages = [(came - min(b)) / DAY for (_, came, _), b in zip(sharing, before, strict=True) if b]
    shares = [len(now.flagged(others)) / len(others) for _, _, others in with_others]
    return {
        "identifiers": len(sharing),
        "identifiers_7d": sum(now.as_of - came < 7 * DAY for _, came, _ in sharing),
        "shared_identifiers": len(with_others),
        "shared_relations": len({relation for relation, _, _ in with_others}),
        "shared_share": ratio(len(with_others), len(sharing)),
        "shared_rarity": sum(1 / math.log(2 + len(others)) for _, _, others in with_others),
        "shared_joined_1d": sum(
            now.as_of - t < DAY for _, _, others in sharing for t in others.values()
        ),
        "shared_joined_30d": sum(
            now.as_of - t < 30 * DAY for _, _, others in sharing for t in others.values()
        ),
        "joined_together_max": most(near, 0),
        "joined_together": sum(near),
        "first_share": mean(
            not any(t < came for t in b) for (_, came, _), b in zip(sharing, before, strict=True)
        ),
        "hours_after_other": min(
            ((came - max(b)) / HOUR for (_, came, _), b in zip(sharing, before, strict=True) if b),
            default=NAN,
        ),
        "identifier_age_max": most(ages),
        "identifier_age_mean": mean(ages),
        "flagged_identifiers": sum(share > 0 for share in shares),
        "flagged_share_max": most(shares),
        "flagged_share_mean": mean(shares),
    }


def neighbours(now):
    types: dict[int, set[str]] = {}
    for relation in IDENTIFIERS:
        for value in now.values(relation):
            for other in now.others(relation, value):
                types.setdefault(other, set()).add(relation)
    close = [other for other, shared_types in types.items() if len(shared_types) > 1]
    flagged = now.flagged(types)
    first = {m: next(a.time for a in now.deeds if a.member == m) for m in types}
    ages = [(now.as_of - time) / DAY for time in first.values()]
    bought = [len(now.of_kind("purchase", other)) for other in types]
    apart = [abs(time - now.mine[0].time) for time in first.values()]
    products, reviewed = set(now.values("buys")), set(now.values("reviews"))
    theirs = [set(now.values("buys", other)) for other in types]
    same = [len(products & other) for other in theirs]
    further = {
        behind
        for other in types
        for relation in IDENTIFIERS
        for value in now.values(relation, other)
        for behind in now.joins(relation, value)
    } - {now.member, *types}
    return {
        "neighbours": len(types),
        "neighbours_close": len(close),
        "neighbours_flagged": len(flagged),
        "neighbours_flagged_share": ratio(len(flagged), len(types)),
        "neighbours_flagged_close": len(now.flagged(close)),
        "neighbours_flagged_days": min(
            ((now.as_of - now.flags[other]) / DAY for other in flagged), default=NAN
        ),
        "neighbours_age_mean": mean(ages),
        "neighbours_age_max": most(ages),
        "neighbours_purchases_mean": mean(bought),
        "neighbours_purchases_max": most(bought),
        "neighbours_identifiers_mean": mean(
            sum(len(now.values(relation, other)) for relation in IDENTIFIERS) for other in types
        ),
        "neighbours_signup_hours": min(apart, default=NAN) / HOUR,
        "neighbours_signup_1d": sum(x <= DAY for x in apart),
        "neighbours_bought_max": most(same, 0),
        "neighbours_bought_jaccard": most(len(products & t) / len(products | t) for t in theirs)
        if products
        else NAN,
        "neighbours_bought": sum(x > 0 for x in same),
        "neighbours_reviewed": sum(
            bool(reviewed & set(now.values("reviews", other))) for other in types
        ),
        "two_hop": len(further),
        "two_hop_flagged": len(now.flagged(further)),
        "two_hop_flagged_share": ratio(len(now.flagged(further)), len(further)),
    }


def products(now):
    result = {}
    for relation, what, people in (
        ("buys", "bought", "buyers"),
        ("reviews", "reviewed", "reviewers"),
    ):
        crowds = [now.others(relation, value) for value in now.values(relation)]
        some = [crowd for crowd in crowds if crowd]
        shares = [len(now.flagged(crowd)) / len(crowd) for crowd in some]
        result |= {
            f"{what}_{people}_mean": mean(map(len, crowds)),
            f"{what}_{people}_max": most(map(len, crowds)),
            f"{what}_fresh_share": mean(
                mean(now.as_of - t < 7 * DAY for t in crowd.values()) for crowd in some
            ),
            f"{what}_flagged": mean(bool(now.flagged(crowd)) for crowd in crowds),
            f"{what}_flagged_share_mean": mean(shares),
            f"{what}_flagged_share_max": most(shares),
        }
    return result


def links(now):
    seen = [x for x in now.shop.links if x.time <= now.as_of and x.member != x.other]
    out = [x for x in seen if x.member == now.member]
    into = [x for x in seen if x.other == now.member]
    to, of = {x.other for x in out}, {x.member for x in into}
    return {
        "links_out": len(out),
        "links_in": len(into),
        "links_out_30d": len(now.within(out, 30)),
        "links_in_30d": len(now.within(into, 30)),
        "link_partners": len(to | of),
        "link_flagged": len(now.flagged(to | of)),
        "link_flagged_share": ratio(len(now.flagged(to | of)), len(to | of)),
        "link_mutual": len(to & of),
    }


def described(shop, member, as_of, hidden=None):
    """Return what a member looked like: name → number; a name left out is undefined."""
    now = Moment(shop, member, as_of, hidden)
    parts = (own, spending, variety, shared, neighbours, products, links)
    return {name: number for part in parts for name, number in part(now).items()}


def order(shop, act):
    """Return what a purchase or review shows itself."""
    now = Moment(shop, act.member, act.time - 1, hidden=act)
    result, new = {}, 0
    for relation in IDENTIFIERS:
        value = getattr(act, relation)
        if value is None:
            continue
        others = now.others(relation, value)
        new += value not in now.values(relation)
        result |= {
            f"order_{relation}_members": len(others),
            f"order_{relation}_members_7d": sum(now.as_of - t < 7 * DAY for t in others.values()),
            f"order_{relation}_flagged": len(now.flagged(others)),
            f"order_{relation}_flagged_share": ratio(len(now.flagged(others)), len(others)),
            f"order_{relation}_new": value not in now.values(relation),
        }
    paid = [a.amount for a in now.of_kind("purchase") if a.currency == act.currency and a.amount]
    amount = act.amount or NAN
    result |= {
        "order_is_review": act.kind == "review",
        "order_amount": amount,
        "order_quantity": act.quantity or NAN,
        "order_rating": act.rating or NAN,
        "order_coupon": act.coupon is not None,
        "order_hour": act.time % DAY // HOUR,
        "order_weekday": (19_875 + act.time // DAY + 3) % 7,
        "order_amount_ratio": amount / mean(paid),
        "order_amount_max_ratio": amount / most(paid),
        "order_dearness": dearness(now, act),
        "order_new_identifiers": new,
    }
    if act.product is None:
        return result
    buyers = now.others("buys", act.product)
    return result | {
        "order_product_buyers": len(buyers),
        "order_product_buyers_7d": sum(now.as_of - t < 7 * DAY for t in buyers.values()),
        "order_product_flagged": len(now.flagged(buyers)),
        "order_product_flagged_share": ratio(len(now.flagged(buyers)), len(buyers)),
        "order_product_reviewers": len(now.others("reviews", act.product)),
        "order_product_bought": act.product in now.values("buys"),
    }
