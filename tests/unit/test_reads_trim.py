"""Adapters: which are looked for, and what cutadapt tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from varhouse.errors import ConfigError, InputError
from varhouse.reads.trim import (
    ELEMENT,
    MGI,
    NEXTERA,
    TRUSEQ,
    adapters_for,
    trim_command,
    trim_figures,
    trim_options,
)


@pytest.mark.parametrize(
    ("platform", "chosen", "expected"),
    [
        ("ILLUMINA", "auto", (TRUSEQ, NEXTERA)),
        ("DNBSEQ", "auto", (MGI, TRUSEQ)),
        ("ELEMENT", "auto", (ELEMENT, TRUSEQ, NEXTERA)),
        ("", "auto", (TRUSEQ, NEXTERA, MGI)),
        ("ILLUMINA", "mgi", (MGI,)),
        ("ILLUMINA", "none", ()),
        ("ILLUMINA", None, ()),
        ("DNBSEQ", {"r1": "acgtacgt", "r2": "ttttttt"}, (("ACGTACGT", "TTTTTTT"),)),
        ("DNBSEQ", {"r1": "ACGTN"}, (("ACGTN", "ACGTN"),)),
    ],
)
def test_adapters_follow_from_the_platform_or_are_named(
    platform: str, chosen: Any, expected: Any
) -> None:
    assert adapters_for(platform, chosen) == expected


@pytest.mark.parametrize(
    "chosen", ["ilumina", {"r1": "ACG"}, {"r1": "ACGTX1"}, {}, {"r1": "ACGTA", "R2": "ACGTA"}]
)
def test_what_is_no_adapter_is_refused(chosen: Any) -> None:
    with pytest.raises(ConfigError, match="adapters:"):
        adapters_for("ILLUMINA", chosen)


def test_mates_have_adapters_of_their_own() -> None:
    """A single file has those of read 1 alone."""
    assert trim_options([MGI], paired=True)[-4:] == ["-a", MGI[0], "-A", MGI[1]]
    assert "-A" not in trim_options([MGI], paired=False)
    argv = trim_command(["x.fq"], "single", [MGI], Path("r.json")).argv
    assert "--interleaved" not in argv


def test_a_report_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    for text in ("", "{}", json.dumps({"read_counts": 3})):
        path.write_text(text)
        with pytest.raises(InputError, match="no report of cutadapt"):
            trim_figures(path)
