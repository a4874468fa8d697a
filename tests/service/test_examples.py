"""The examples of the OpenAPI description have the shape of what the service answers."""

from __future__ import annotations

import pytest

_MAY_BE_NULL = {
    "as_of", "assignee", "case", "code", "comment", "counterfactual", "decided_by", "decision", "model",
    "next", "proposal", "role", "run", "score", "surprise", "verdict", "flagged",
}  # fmt: skip
"""A null is in no example: FastAPI leaves it out of the description."""


@pytest.fixture(scope="module")
def asked(shared):
    """Return, of each route that can be asked without more, what it answers."""
    ring = shared.world.view.rings[0]
    member, value = ring.members[0].member_id, next(v for v in ring.shared if v.type != "seller")
    paths = {
        "/health": "/health", "/ready": "/ready", "/session": "/session", "/rings": "/rings?limit=1",
        "/rings/{ring_id}": f"/rings/{ring.ring_id}", "/members/{member_id}": f"/members/{member}",
        "/members/{member_id}/explanation": f"/members/{member}/explanation",
        "/recommendations/{member_id}": f"/recommendations/{member}",
        "/neighborhood": f"/neighborhood?type={value.type}&key={value.id}&limit=1",
        "/pictures": "/pictures",
    }  # fmt: skip
    shared.get(f"/recommendations/{member}")  # a recommender is named once it was asked
    found = {route: shared.get(path).json() for route, path in paths.items()}
    found["/score"] = shared.post("/score", {"member_id": member, "explain": True}).json()
    found["/cases"] = shared.post("/cases", {"unit": "ring", "id": ring.ring_id}).json()
    found["/cases/{case_id}"] = shared.get(f"/cases/{found['/cases']['case_id']}").json()
    found["/events"] = shared.post("/events", {"events": [{"event_id": "e-9"}]}).json()
    return found


def test_examples_have_the_shape_of_answers(shared, asked):
    paths = shared.get("/openapi.json").json()["paths"]
    wrong = []
    for route, answer in asked.items():
        method = "post" if route in ("/score", "/events", "/cases") else "get"
        example = paths[route][method]["responses"]["200"]["content"]["application/json"]["example"]
        wrong += differences(example, answer, route)
    assert not wrong, "\n".join(wrong)


def differences(example, answer, place):
    """Say where an example has another shape than an answer; in lists the first element counts."""
    if example is None or answer is None or place.endswith((".events[]", ".kinds")):
        return  # an event has the columns that it fills
    if isinstance(example, bool) != isinstance(answer, bool):
        yield f"{place}: {example!r}, answered {answer!r}"
    elif isinstance(example, dict) and isinstance(answer, dict):
        yield from (f"{place}.{name} is never answered" for name in example.keys() - answer.keys())
        missing = answer.keys() - example.keys() - _MAY_BE_NULL
        yield from (
            f"{place}.{name} is not in the example: {str(answer[name])[:300]}" for name in missing
        )
        for name in example.keys() & answer.keys():
            yield from differences(example[name], answer[name], f"{place}.{name}")
    elif isinstance(example, list) and isinstance(answer, list):
        if example and answer:
            yield from differences(example[0], answer[0], f"{place}[]")
    elif isinstance(example, int | float) != isinstance(answer, int | float) or isinstance(
        example, str
    ) != isinstance(answer, str):
        yield f"{place}: {example!r}, answered {answer!r}"
