"""Examples of answers, for the OpenAPI description; a test holds their shape against real ones."""

from __future__ import annotations

from typing import Any

from graphml.cases.model import FITTING
from graphml.config import RING_KINDS
from graphml.schema import KINDS, MARKETPLACE

_FIRST, _LAST = "2024-06-02T09:30:00Z", "2024-06-09T11:00:00Z"

RUN: dict[str, Any] = {
    "run_id": "rings-20240609T120000Z-1f0c2d3e", "as_of": _LAST, "finished": "2024-06-09T12:00:04Z",
    "model": "fraud-blend-1", "rings": 57,
}  # fmt: skip
_NODE: dict[str, Any] = {
    "id": "device:d-5", "type": "device", "key": "d-5", "role": None, "score": None,
    "surprise": 21.4, "degree": 6, "flagged": None,
}  # fmt: skip
GRAPH: dict[str, Any] = {
    "nodes": [
        _NODE,
        {**_NODE, "id": "member:m-17", "type": "member", "key": "m-17", "role": "core",
         "score": 0.93, "surprise": None, "degree": 4, "flagged": True},
    ],
    "edges": [
        {"id": "member:m-17→device:d-5", "source": "member:m-17", "target": "device:d-5",
         "relation": "uses", "events": 1, "first": _FIRST, "last": _FIRST, "amount": 12.5,
         "kinds": {"purchase": 1}, "event_ids": ["e-9"]},
    ],
    "events": [
        {"event_id": "e-9", "time": _FIRST, "kind": "purchase", "member_id": "m-17",
         "product_id": "p-3", "device_id": "d-5", "amount": 12.5, "currency": "EUR"},
    ],
    "events_total": 1, "truncated": False,
}  # fmt: skip
RING: dict[str, Any] = {
    "ring_id": "r-3f9a1c20b7d45e88", "kind": "device_farm", "status": "new", "score": 0.97,
    "score_kind": "rank", "members": [{"member_id": "m-17", "score": 0.93, "role": "core"}],
    "shared": [{"type": "device", "id": "d-5", "members": 6, "events": 11, "first": _FIRST,
                "last": _LAST, "surprise": 21.4}],
    "amount_gross": 1834.5, "amount_net": 1410.0, "currency": "EUR", "first": _FIRST, "last": _LAST,
    "as_of": _LAST, "model": "fraud-blend-1",
    "reasons": [{"code": "SHARED_DEVICE", "text": "6 members used device d-5 for 7 days",
                 "event_ids": ["e-9"]}],
    "counter_evidence": [{"code": "HUB", "text": "ip 192.0.2.7 is shared by many",
                          "event_ids": ["e-4"]}],
    "decision": None, "rank": 1, "run": RUN, "case": None, "graph": GRAPH,
    "products": [{"product_id": "p-3", "members": 2, "events": 3, "amount": 37.5, "reviews": 1,
                  "mean_rating": 5.0, "seller_id": "s-1", "category": "cameras"}],
}  # fmt: skip
NEIGHBORHOOD: dict[str, Any] = {
    "node": _NODE, "total": 6, "offset": 0, "as_of": _LAST, "graph": GRAPH,
}  # fmt: skip
EXPLANATION: dict[str, Any] = {
    "member_id": "m-17", "score": 0.93, "score_kind": "probability", "as_of": _LAST,
    "model": "fraud-blend-1", "threshold": 0.41, "flagged": True,
    "reasons": [{"code": "SHARED_DEVICE", "text": "5 others use its devices", "ties": [
                 {"type": "device", "id": "d-5"}], "event_ids": ["e-9"], "events": 1, "fall": 3.1,
                 "score_without": 0.12}],
    "counterfactual": {"ties": [{"type": "device", "id": "d-5"}], "score_without": 0.12,
                       "smallest": True},
    "against": [{"code": "NO_RING", "text": "in no candidate ring: shares nothing suspicious with others",
                 "lowers": 0.4}],
    "decision": None,
}  # fmt: skip
RECOMMENDATIONS: dict[str, Any] = {
    "member_id": "m-17", "as_of": _LAST, "model": "recommend-1",
    "recommendations": [
        {"member_id": "m-17", "product_id": "p-3", "rank": 1, "score": 0.91,
         "reasons": [{"code": "BECAUSE_BOUGHT", "text": "members who bought p-8 bought this",
                      "because": ["p-8"]}]},
    ],
}  # fmt: skip
SESSION: dict[str, Any] = {
    "user": "ana", "role": "analyst", "auth": "key", "four_eyes": True, "version": "0.1.0",
    "store": "embedded://.graphml", "as_of": _LAST, "run": RUN,
    "models": {"fraud": "fraud-blend-1", "recommend": "recommend-1"},
    "nodes": list(MARKETPLACE.nodes), "identifiers": list(MARKETPLACE.identifiers),
    "event_kinds": list(KINDS), "ring_kinds": list(RING_KINDS),
    "case_codes": {verdict: list(codes) for verdict, codes in FITTING.items()},
    "changed": "5b0c6f1d2a7e9384",
}  # fmt: skip
