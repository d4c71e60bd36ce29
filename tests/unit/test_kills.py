"""Ingests and drops that are killed, some of their retries too: a few points of many.

`scripts/kill_harness.py` does the same at hundreds of points, and with real kills.
"""

import random
from pathlib import Path

import pytest
from kills import Scenario, kill_and_retry, points, scenarios

POINTS = 3


@pytest.mark.slow
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.name)
def test_killed_and_run_again(scenario: Scenario, tmp_path: Path) -> None:
    scenario.prepare(tmp_path / "made")
    assert scenario.changes > 50
    assert (scenario.before == scenario.after) == (scenario.name == "tag and gc")
    rng = random.Random(scenario.name)
    for point in points(scenario.changes, POINTS, rng):
        places = kill_and_retry(scenario, tmp_path / "case", [point, point // 2])
        assert places
