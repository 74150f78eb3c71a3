"""How long is fuzzed: seconds in the normal run, always with the same inputs; hours where asked for.

    HUGOT_FUZZ_SECONDS=600 pytest tests/fuzz        new inputs, so many seconds for each test

A failure names the seed or the input that led to it.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

SECONDS = float(os.environ.get("HUGOT_FUZZ_SECONDS", "0"))

_COMMON = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}
settings.register_profile("short", derandomize=True, max_examples=25, **_COMMON)
settings.register_profile(
    "long",
    max_examples=max(1, int(SECONDS * 50)),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    print_blob=True,
    **_COMMON,
)
settings.load_profile("long" if SECONDS else "short")


@pytest.fixture
def rounds():
    """Gives (seed, random) pairs: so many where nothing is asked for, else as time allows."""

    def generate(count):
        if not SECONDS:
            yield from ((seed, random.Random(seed)) for seed in range(count))
            return
        first, began = random.SystemRandom().randrange(2**32), time.monotonic()
        seed = first
        while time.monotonic() - began < SECONDS:
            yield seed, random.Random(seed)
            seed += 1
        print(f"\n{seed - first} rounds from seed {first}")

    return generate
