"""Sketches of 1,126 real people of many ancestries find plink2's first-degree pairs."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
from sketchworld import SECRET

from varhouse.people.panel import PackedCalls, pack
from varhouse.people.sketch import projections, sketch_packed
from varhouse.people.sketchfile import Header
from varhouse.people.sketchmatch import match
from varhouse.people.sketchpanel import Panel, Tier, find_axes

COPIES = {"0|0": 0, "0|1": 1, "1|0": 1, "1|1": 2}
SNVS = {a + b for a in "ACGT" for b in "ACGT" if a != b} - {"AT", "TA", "CG", "GC"}


def read_calls(folder: Path) -> PackedCalls:
    """Read common SNVs of the autosomes from the files themselves."""
    rows, copies, names = [], [], []
    for chromosome in range(1, 23):
        path = folder / f"1KG_phase3_subset_chr{chromosome}.vcf.gz"
        with gzip.open(path, "rt") as lines:
            for line in lines:
                cells = line.rstrip("\n").split("\t")
                if line.startswith("#CHROM"):
                    names = cells[9:]
                if line.startswith("#") or cells[3] + cells[4] not in SNVS:
                    continue
                calls = [COPIES.get(c[:3], -1) for c in cells[9:]]
                af = sum(c for c in calls if c > 0) / 2 / len(calls)
                if 0.01 <= af <= 0.99:
                    rows.append((cells[0], int(cells[1]), cells[3], cells[4], "", af))
                    copies.append(calls)
    columns = ["contig", "pos", "ref", "alt", "extent", "af"]
    sites = pl.DataFrame(rows, schema=columns, orient="row")
    ordinal = np.arange(len(names), dtype=np.int32)
    return pack("uwgac", ordinal, names, sites, np.array(copies, np.int8).T)


def test_first_degree_pairs_are_those_of_plink2(data_dir: Path, oracles_dir: Path) -> None:
    packed = read_calls(data_dir / "cohorts" / "uwgac-1kg-genomewide")
    tier = Tier("t", packed.sites, find_axes(packed, 10))
    assert tier.bits >= 448
    bits, called = sketch_packed(packed, tier, projections(SECRET, "GRCh37", tier))
    people = pl.DataFrame(
        {
            "person": packed.samples, "tier": ["t"] * len(called), "n_sites": called,
            "sketch": [row.tobytes() for row in bits],
        }
    )  # fmt: skip
    found = match(Header.of(SECRET, Panel("GRCh37", (tier,))), people).pairs
    oracle = oracles_dir / "relatedness" / "plink2-uwgac"
    king = pl.read_csv(
        oracle / "king.all-biallelic-autosomal.ge0.03.kin0", separator="\t"
    ).filter(pl.col("KINSHIP") > 0.177)
    ids = [c for c in king.columns if c.lstrip("#") in ("IID1", "IID2")]
    wanted = {frozenset(pair) for pair in king.select(ids).iter_rows()}
    assert len(wanted) == 9
    clear = found.filter(pl.col("verdict") == "first_degree")
    assert {frozenset(p) for p in clear.select("person_1", "person_2").iter_rows()} == wanted
    assert "duplicate_or_twin" not in found["verdict"]
