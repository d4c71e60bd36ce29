"""FORMAT fields go into the store and come out of it byte for byte."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from inprocess import ingest_here
from verifying import compare_fields, verify

import varhouse
from varhouse.errors import ConfigError
from varhouse.genotypes.codec.blocks import decode
from varhouse.genotypes.fields import field_names

HEAD = """\
##fileformat=VCFv4.2
##contig=<ID=1>
##contig=<ID=2>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="g">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="g">
##FORMAT=<ID=GP,Number=G,Type=Float,Description="g">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc
"""
RECORDS = [
    ("1", 10, "C", "GT:DP:AD", "0/1:3:1,2", "0|0:.", "./."),
    ("1", 12, "C,G", "GT:AD:GP:XX", "0/1:1,2,03:0.1,.,nan:foo", "0/0", "1/2:.:.:."),
    ("1", 20, "C", "GT", "0/1", "0/0", "1"),
    ("1", 21, "C", "DP:GT", "3:0/1", "4", ".:1"),
    ("1", 22, "C", "DP:DP", "3:5", "4", ".:1"),
    ("1", 23, "C", "GT:DP", "0/1:3:extra", "0/0:4", "1/1"),
    ("1", 24, "C", "GT:DP", "0/7:3", "0/0:4", "1/1"),
    ("2", 5, "C", "GT:DP:AD", "0/1:3:1,2", "0|0:.", "./.:7"),
]
"""(CHROM, POS, ALT, FORMAT, cells); the genotype of 1:24 is rejected."""


def _ingest(folder: Path, records=RECORDS, *, chunk_records=None, **config):
    lines = ("\t".join([c, str(p), ".", "A", a, ".", ".", ".", *r]) for c, p, a, *r in records)
    (folder / "a.vcf").write_text(HEAD + "\n".join([*lines, ""]))
    (folder / "n.fa").write_text(">1\nN\n>2\nN\n")
    (folder / "aliases.tsv").write_text(
        "contig\talias\taccession\tlength\trefget\n1\t\t\t2000\t\n2\t\t\t2000\t\n"
    )
    (folder / "cohorts.tsv").write_text("cohort\tfiles\nc\ta.vcf\n")
    policy = {
        "partial_reference": True,
        "unchecked_ref": "store",
        "max_ref_mismatch_rate": 1.0,
        "unlisted_samples": "unknown",
    }
    said = {
        "assembly": {"name": "any", "reference": "n.fa", "aliases": "aliases.tsv"},
        "cohorts": "cohorts.tsv",
        "policy": policy,
    }
    (folder / "config.yaml").write_text(json.dumps({**said, **config}))
    account = ingest_here(
        folder / "store", folder / "config.yaml", chunk_records=chunk_records
    )
    assert not account.get("held_back")
    return varhouse.open(folder / "store")


def _texts(store) -> dict[tuple[int, str], list[str | None]]:
    """Give the texts of the cells of each record and field that the store holds."""
    out: dict[tuple[int, str], list[str | None]] = {}
    rows = store.scan("fields").collect().sort("file", "contig", "record", "first", "names")
    for block in decode(rows):
        for name in block.names:
            codes, texts = block.texts(name)
            for record, mine in zip(block.records.tolist(), codes.tolist(), strict=True):
                if -2 not in mine:
                    cells = out.setdefault((record, name), [])
                    cells += [texts[c] if c >= 0 else None for c in mine]
    return out


def _wanted(records, keys=None):
    out = {}
    for k, (_, _, _, form, *cells) in enumerate(records):
        if k == 6:
            continue
        for j, name in enumerate(field_names(form)):
            if name is None or (keys is not None and name not in keys):
                continue
            last = j == len(field_names(form)) - 1
            parts = [c.split(":", j if last else -1)[j:] for c in cells]
            out[k, name] = [p[0] if p else None for p in parts]
    return out


@pytest.mark.parametrize("chunk_records", [None, 1, 3])
def test_every_field_comes_back(tmp_path, chunk_records):
    store = _ingest(tmp_path, chunk_records=chunk_records)
    assert _texts(store) == _wanted(RECORDS)


def test_fields_are_those_that_are_asked_for(tmp_path):
    whole = _ingest(tmp_path)
    store = _ingest(tmp_path, genotype_fields=["DP", "XX", "GT"])
    assert store.release == whole.release + 1
    assert _texts(store) == _wanted(RECORDS, {"DP", "XX"})
    assert not _texts(_ingest(tmp_path, genotype_fields=[]))


def test_a_wrong_list_of_fields_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="genotype_fields"):
        _ingest(tmp_path, genotype_fields="some")


def test_a_region_finds_blocks_that_begin_before_it(tmp_path):
    store = _ingest(tmp_path)
    rows = store.scan("fields", contig="1", start=22, end=30).collect()
    assert rows["pos"].unique().to_list() == [10]
    assert store.scan("fields", contig="1", start=24, end=30).collect().is_empty()
    assert store.scan("fields", contig="2").collect()["pos"].unique().to_list() == [5]


def _rewrite(store, change) -> None:
    """Write the files of the table fields anew with other rows."""
    folder = store.path / "controlled" / "fields"
    for path in store.file_frame("fields")["path"]:
        frame = pl.read_parquet(folder / path, hive_partitioning=False)
        change(frame).write_parquet(folder / path)


def test_verify_finds_values_that_are_others(tmp_path):
    store = _ingest(tmp_path)
    assert not verify(store)
    other = tmp_path / "other"
    other.mkdir()
    changed = [(c, p, a, f, x.replace("0/1:3", "0/1:4"), *y) for c, p, a, f, x, *y in RECORDS]
    wrong = _ingest(other, changed)
    digests = [s.scan("genotypes").collect()["fields_digest"] for s in (store, wrong)]
    assert (digests[0] != digests[1]).sum() == 3
    assert digests[0].null_count() == 1
    for path in store.file_frame("fields")["path"]:
        part, known = Path(path).parent, wrong.file_frame("fields")["path"]
        (name,) = (p for p in known if Path(p).parent == part)
        folder = "controlled/fields"
        shutil.copy(wrong.path / folder / name, store.path / folder / path)
    (found, _) = compare_fields(store)
    assert "cohort c, part 1: of 2 rows" in found
    assert "file 0, record 0, sample columns from 0" in found


def test_verify_finds_blocks_of_other_records(tmp_path):
    store = _ingest(tmp_path)
    _rewrite(store, lambda f: f.with_columns(pl.col("records").list.eval(pl.element() + 1)))
    # Rows of genotypes in both partitions, and records that are none of the file.
    assert len(list(compare_fields(store))) == 3


def test_verify_finds_blocks_that_are_lost(tmp_path):
    store = _ingest(tmp_path)
    _rewrite(store, lambda f: f.head(1))
    assert len(list(compare_fields(store))) == 1
