"""LEN of VCF 4.5 says how far blocks reach: in a VCF, packed, in a BCF, and given back."""

from pathlib import Path

import polars as pl
import pysam
import pytest
from inprocess import ingest_here
from stored_states import differences, write_inputs
from test_gvcf_dialects import as_bcf
from test_gvcf_edges import GENOME, gvcf
from verifying import verify

import varhouse
from varhouse.export import export_cohort
from varhouse.query.opened import OpenStore

ROWS = (
    "c1 1 . A <*> . . . GT:DP:GQ:LEN 0/0:30:50:10 0/0:30:50:20",
    "c1 11 . G T,<*> . . . GT:DP:GQ:LEN 0/1:30:50:. .:.:.:.",
    "c1 21 . A <*> . . END=30 GT:DP:GQ:LEN 0/0:30:50:10 0/0:30:50:10",
    "c1 31 . G <NON_REF> . . . GT:DP:GQ:LEN 0|0:30:50:70000 0:30:50:1",
)
TEXT = gvcf(ROWS, ("a", "b"), ("##contig=<ID=c1,length=80000>",))
TEXT = TEXT.replace("VCFv4.2", "VCFv4.5")
LONG = {"c1": GENOME["c1"] * 200}
ENDS = [(1, 20), (21, 30), (31, 70030)]


def taken_in(folder: Path, file: Path) -> OpenStore:
    path = write_inputs(folder, {"k": [TEXT]}, LONG)
    sheet = folder / "cohorts.tsv"
    sheet.write_text(sheet.read_text().replace("k0.vcf", str(file)))
    ingest_here(folder / "store", path)
    return varhouse.open(folder / "store")


def records(path: Path) -> list[str]:
    """Give the records of a file, as htslib reads a BCF."""
    if path.suffix != ".bcf":
        return [x for x in path.read_text().splitlines() if x[0] != "#"]
    with pysam.VariantFile(str(path)) as file:
        return [str(r).rstrip("\n") for r in file]


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf"])
def test_len_goes_right_through(tmp_path: Path, kind: str) -> None:
    plain = tmp_path / "x.vcf"
    plain.write_text(TEXT)
    file = {"vcf": plain, "bcf": as_bcf(plain)}.get(kind, tmp_path / "x.vcf.gz")
    if kind == "vcf.gz":
        pysam.tabix_compress(str(plain), str(file))
    store = taken_in(tmp_path / "one", file)
    blocks = store.scan("blocks").select("pos", "end").sort("pos").collect()
    assert blocks.rows() == ENDS
    assert verify(store) == []
    assert differences(store, "k", TEXT, LONG)[1] == []
    for suffix in ("vcf", "bcf"):
        out = tmp_path / f"out.{suffix}"
        export_cohort(store, "k", out)
        # pysam adds END to a record that has LEN when it writes a BCF.
        assert records(out) == records(file if kind == "bcf" else plain)
        again = taken_in(tmp_path / f"again-{suffix}", out)
        for table in ("blocks", "runs", "callable"):
            old, new = (
                s.scan(table).collect().sort(pl.all().exclude(pl.List)) for s in (store, again)
            )
            assert old.equals(new), (table, suffix)
