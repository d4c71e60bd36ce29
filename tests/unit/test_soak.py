"""Nights with random faults, kills and a full disk: some of the many of `scripts/soak.py`."""

import logging
from pathlib import Path

import pytest
from soaking import Soak

NIGHTS = 9


@pytest.mark.slow
def test_what_should_be_in_is_in(tmp_path: Path) -> None:
    logging.disable(logging.CRITICAL)
    try:
        # Chance gives kills in the middle of an ingest, too.
        soak = Soak(tmp_path, 1)
        for day in range(NIGHTS):
            soak.pass_night(day)
    finally:
        logging.disable(logging.NOTSET)
    assert soak.counts["killed"] > 1
    assert soak.done[-1].alleles > 20
    assert soak.nights.digest() == soak.clean_digest()
