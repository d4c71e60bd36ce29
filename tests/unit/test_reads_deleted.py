"""Where a deletion has taken all copies of a base, no other call of it stands."""

import polars as pl
import pytest

from varhouse.reads.model import Filters
from varhouse.reads.variants import SCHEMA, filter_lines, judge

DELETION = (10, "GTGCAAAGCG", "G", "225", "1/1", "0,13")
"""Takes the bases 11 to 19 (1-based); 13 reads have it, and four all others."""


def frame_of(*rows: tuple[object, ...]) -> pl.DataFrame:
    common = {"raw_pos": 0, "copies": 2, "info": ".", "GQ": "90", "DP": "30", "PL": "1,2,3",
              "SP": "0", "ADF": ".", "ADR": ".", "AD": "4,4"}  # fmt: skip
    names = ("pos", "ref", "alt", "qual", "GT", "AD")
    return pl.DataFrame([common | dict(zip(names, r, strict=False)) for r in rows], SCHEMA)


@pytest.mark.parametrize(
    ("call", "deletion", "expected"),
    [
        ((19, "G", "T", "91", "1/1"), DELETION, "Deleted"),
        ((11, "T", "A", "91", "0/1"), DELETION, "Deleted"),
        ((11, "T", "A,<*>", "9", "0/1"), DELETION, "LowQual;Deleted"),
        ((12, "GC", "G", "91", "0/1"), DELETION, "Deleted"),
        # Beside it, over its end, or at the base before it.
        ((20, "A", "T", "91", "1/1"), DELETION, "PASS"),
        ((18, "CGA", "C", "91", "0/1"), DELETION, "PASS"),
        ((10, "G", "T", "91", "0/1"), DELETION, "PASS"),
        ((19, "G", "T", "228", "1/1"), DELETION, "Deleted"),
        # More reads have it, or a copy is left, or the deletion itself is in doubt.
        ((19, "G", "T", "91", "1/1", "0,13"), DELETION, "PASS"),
        ((19, "G", "T", "91", "1/1"), (*DELETION[:4], "0/1", "9,13"), "PASS"),
        ((19, "G", "T", "91", "1/1"), (*DELETION[:3], "19", "1/1", "0,13"), "PASS"),
        # One copy; two alleles, of which the longer one takes less.
        ((19, "G", "T", "91", "1"), (*DELETION[:4], "1", "0,13"), "Deleted"),
        ((12, "G", "T", "91", "1/1"), (10, "GTGCA", "G,GTG", "225", "1/2", "0,6,7"), "PASS"),
        (
            (14, "A", "T", "91", "1/1"),
            (10, "GTGCA", "G,GTG", "225", "1/2", "0,6,7"),
            "Deleted",
        ),
    ],
)
def test_inside_a_deletion_of_all_copies(call, deletion, expected):
    rows = sorted([call, deletion], key=lambda r: r[0])
    judged = judge(frame_of(*rows), Filters())
    assert judged["filter"].to_list()[rows.index(call)] == expected
    assert judged["filter"].to_list()[rows.index(deletion)] in ("PASS", "LowQual")


def test_no_variants_and_the_header():
    assert judge(frame_of(), Filters()).is_empty()
    assert any("ID=Deleted," in line for line in filter_lines(Filters()))
