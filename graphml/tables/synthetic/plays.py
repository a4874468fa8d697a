"""What each kind of ring does, and why: the mechanism, written as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphml.results import RingKind


@dataclass(frozen=True, kw_only=True)
class Play:
    """How a kind of ring works.

    ``per_…`` is how many members use one shared value (0: the ring has none of its own), the
    matching chance how often an act uses a shared one rather than the member's own.

    Attributes:
        why: What they gain, and why they share what they share.
        acts: Mean acts of a core member.
        fresh: Share of accounts made for the ring; the others are taken along or bought.
        shifts: Whether the operator works through several accounts in one sitting.
        buys: Chance that an act ends in an order.
        target: What is bought: anything, a few goods that sell again, cheap things, or a few
            products of one seller.
        targets: How many products a ring aims at.
        coupon: Chance that an order uses a coupon for new members.
        refund: Chance that a bought line is sent back for money.
        review: Chance that a bought line is reviewed, with five stars.
        earns: Chance that an act collects the day's points.
        dispute: Chance that the bank takes an order's money back, in rings banks hear of.
        mules: Members whose own home receives parcels.
        victims: Whether the members are victims whose accounts others use.
    """

    why: str
    acts: float
    fresh: float
    shifts: bool
    per_device: float
    device: float
    per_ip: float
    ip: float
    per_address: float
    address: float
    per_card: float
    card: float
    buys: float
    target: Literal["any", "resale", "cheap", "seller"] = "any"
    targets: int = 3
    coupon: float = 0.0
    refund: float = 0.05
    review: float = 0.08
    earns: float = 0.1
    dispute: float = 0.0
    mules: int = 0
    victims: bool = False

    @property
    def chances(self) -> dict[str, float]:
        """How often an act uses a shared value, by column of a visit."""
        return {"device": self.device, "ip": self.ip, "address": self.address, "card": self.card}

    @property
    def most(self) -> tuple[str, ...]:
        """The two columns this kind of ring shares most."""
        return tuple(sorted(self.chances, key=lambda column: -self.chances[column])[:2])


PLAYS: dict[RingKind, Play] = {
    "device_farm": Play(
        why="A rack of phones runs many accounts that collect points and buy scarce goods to sell "
        "on; phones and proxies cost money, so accounts take turns on them.",
        acts=6, fresh=0.65, shifts=True,
        per_device=3, device=0.85, per_ip=4, ip=0.7, per_address=8, address=0.4, per_card=5, card=0.4,
        buys=0.35, target="resale", targets=4, earns=0.6, dispute=0.02,
    ),
    "reshipping": Play(
        why="Goods that sell again are bought with stolen cards and sent to the homes of mules, who "
        "send them on; drops are few, and a stolen card is tried on several accounts.",
        acts=3, fresh=0.5, shifts=False,
        per_device=4, device=0.35, per_ip=5, ip=0.4, per_address=7, address=0.85, per_card=2.5, card=0.75,
        buys=0.85, target="resale", targets=8, dispute=0.5, mules=2,
    ),
    "brushing": Play(
        why="A seller has own products bought cheaply and praised; buyers get the money back and "
        "do it in waves, some from the agency's line or to its address.",
        acts=3, fresh=0.4, shifts=True,
        per_device=4, device=0.3, per_ip=5, ip=0.45, per_address=6, address=0.35, per_card=5, card=0.25,
        buys=0.85, target="seller", targets=4, review=0.8,
    ),
    "coupon_farming": Play(
        why="Accounts are made for the welcome coupon, on one household's phones and card, and the "
        "goods go to one door.",
        acts=2.5, fresh=0.8, shifts=True,
        per_device=3.5, device=0.75, per_ip=5, ip=0.7, per_address=6, address=0.65, per_card=3.5, card=0.6,
        buys=0.85, coupon=0.9,
    ),
    "refund_abuse": Play(
        why="Dear goods are bought and the money claimed back; one refund artist serves many "
        "accounts, from the same line, to a few addresses, with the same cards.",
        acts=3.5, fresh=0.35, shifts=False,
        per_device=4, device=0.5, per_ip=5, ip=0.5, per_address=6, address=0.6, per_card=3.5, card=0.55,
        buys=0.85, target="resale", targets=10, refund=0.75, dispute=0.05,
    ),
    "takeover": Play(
        why="Accounts with a long life are entered with leaked passwords from the thieves' devices; "
        "their stored cards buy goods that go to a drop.",
        acts=2.2, fresh=0.0, shifts=True,
        per_device=5, device=0.9, per_ip=5, ip=0.75, per_address=5, address=0.8, per_card=5, card=0.2,
        buys=0.75, target="resale", targets=6, dispute=0.5, victims=True,
    ),
    "other": Play(
        why="Stolen cards are tried with small orders before they are sold; accounts and phones "
        "are used by turns, a card on two or three accounts.",
        acts=4.5, fresh=0.55, shifts=True,
        per_device=4, device=0.7, per_ip=5, ip=0.6, per_address=6, address=0.3, per_card=0.8, card=0.85,
        buys=0.85, target="cheap", targets=8, dispute=0.4,
    ),
}  # fmt: skip
