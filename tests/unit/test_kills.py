"""Ingests and drops that are killed, some of their retries too: a few points of many.

`scripts/kill_harness.py` does the same at hundreds of points, and with real kills.
"""

import random
from pathlib import Path
from unittest import mock

import pytest
from kills import (
    Killed,
    Scenario,
    further_inputs,
    ingest_whole,
    kill_and_retry,
    points,
    scenarios,
)

import varhouse
from varhouse.ingest import driver

POINTS = 3


def test_what_was_compiled_of_former_inputs_goes_after_a_kill(tmp_path: Path) -> None:
    """The release was made, and the process killed before it cleared the cache."""
    further_inputs(tmp_path)
    with mock.patch.object(driver, "_clear_cache", side_effect=Killed), pytest.raises(Killed):
        ingest_whole(tmp_path)
    cache = tmp_path / "store" / "_cache"
    names = {pattern: len(list(cache.glob(pattern))) for pattern in ("genes-*", "source-*")}
    assert names == {"genes-*": 2, "source-*": 2}
    release = varhouse.open(tmp_path / "store").release
    ingest_whole(tmp_path)
    assert varhouse.open(tmp_path / "store").release == release
    assert [len(list(cache.glob(pattern))) for pattern in names] == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda s: s.name)
def test_killed_and_run_again(scenario: Scenario, tmp_path: Path) -> None:
    scenario.prepare(tmp_path / "made")
    assert scenario.changes > 50
    same = scenario.name in ("tag and gc", "compact")
    assert (scenario.before == scenario.after) == same
    rng = random.Random(scenario.name)
    for point in points(scenario.changes, POINTS, rng):
        places = kill_and_retry(scenario, tmp_path / "case", [point, point // 2])
        assert places
