"""A client and an agent of one package, with everything around them at random: the text at the end is exact.

scripts/clients makes it long.
"""

import os
import random

import pytest

from clients.troubled_life import TroubledLife

SEED, LIVES = int(os.environ.get("CLIENT_SEED", "7")), int(os.environ.get("CLIENT_LIVES", "1"))
TROUBLES = int(os.environ.get("CLIENT_TROUBLES", "25"))  # of each life


BY_EVENTS_TOO = True


@pytest.mark.parametrize("seed", range(SEED, SEED + LIVES))
def test_drops_duplicates_and_restarts_leave_the_exact_text(kind, cluster, user, seed, record_property):
    with TroubledLife(kind, cluster, user, random.Random(seed)) as life:
        while life.troubles < TROUBLES or not life.answers:
            life.answer()
        told = {"drops": life.drops, "duplicates": life.duplicates, "answers": life.answers, "bytes": life.bytes, "unheard": life.unheard}
        for name, count in (told | {f"restarts of the {who}": count for who, count in life.restarts.items()}).items():
            record_property(name, count)
