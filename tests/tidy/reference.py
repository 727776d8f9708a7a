"""docs/API.md is what scripts/api_reference makes of docs/openapi.json."""

import json
import sys
from pathlib import Path

from tree import Finding

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts/lib"))

from api_reference import render  # noqa: E402

OPENAPI, REFERENCE = "docs/openapi.json", "docs/API.md"


def check_reference(tree: dict[str, str]) -> list[Finding]:
    """Also the other way round: what is written into the page by hand is not in the description."""
    try:
        wanted = render(json.loads(tree[OPENAPI]))
    except (ValueError, KeyError) as error:
        return [Finding(OPENAPI, 1, "api-reference", f"no page can be made of it: {error!r}")]
    if tree.get(REFERENCE) == wanted:
        return []
    pairs = zip(tree.get(REFERENCE, "").splitlines(), wanted.splitlines())
    line = next((number for number, (is_there, said) in enumerate(pairs, 1) if is_there != said), 1)
    return [Finding(REFERENCE, line, "api-reference", f"{OPENAPI} has changed, or this page: run scripts/api_reference")]
