"""The stored answers of Ensembl VEP as a frame: one row for each entry of CSQ."""

import gzip
from pathlib import Path

import polars as pl

KEY = ["contig", "pos", "ref", "alt"]


def read_vep(path: Path) -> pl.DataFrame:
    """Read a VCF with CSQ: the columns of KEY and the fields that its header names."""
    with gzip.open(path, "rt") as f:
        lines = f.read().splitlines()
    head = next(x for x in lines if x.startswith("##INFO=<ID=CSQ"))
    fields = head.split("Format: ")[1].rstrip('">').split("|")
    rows = []
    for line in lines:
        f = line.split("\t")
        if line.startswith("#") or "CSQ=" not in f[7]:
            continue
        key = dict(zip(KEY, (f[0], int(f[1]), f[3], f[4]), strict=True))
        for entry in f[7].split("CSQ=")[1].split(";")[0].split(","):
            rows.append({**key, **dict(zip(fields, entry.split("|"), strict=True))})
    frame = pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"pos": pl.Int32})
    return frame.filter(pl.col("Feature") != "")
