"""The real trio as one cohort of three one-sample files, against `bcftools merge`."""

import subprocess
import sys
from collections import Counter

import pysam
import pytest
from cohorts import CHR1_REFERENCE, TRIO, sample_names, write_config
from inprocess import ingest_here

import varhouse

_BCFTOOLS = """
import sys, pysam.bcftools as b
getattr(b, sys.argv[1])(*sys.argv[2:], catch_stdout=False)
"""


def _bcftools(*arguments):
    subprocess.run(
        [sys.executable, "-c", _BCFTOOLS, *map(str, arguments)],
        check=True,
        capture_output=True,
    )


def _trimmed(pos, ref, alt):
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


@pytest.mark.parametrize("trim", [[], ["--trim-alt-alleles"]])
def test_one_sample_files_count_as_the_merged_file(data_dir, tmp_path, trim):
    names = sample_names(data_dir / TRIO)
    files = [tmp_path / f"{n}.vcf.gz" for n in names]
    for name, file in zip(names, files, strict=True):
        # Records without an allele of this person go, as a caller of one sample has it.
        _bcftools("view", "-s", name, *trim, "-c", "1", "-Oz", "-o", file, data_dir / TRIO)
        # bcftools pairs the records of a site one by one, and this file has split ones.
        _bcftools("norm", "-m", "+any", "-Ob", "-o", tmp_path / f"{name}.bcf", file)
        _bcftools("index", tmp_path / f"{name}.bcf")
    joined = [tmp_path / f"{n}.bcf" for n in names]
    _bcftools("merge", "-m", "all", "-Ob", "-o", tmp_path / "merged.bcf", *joined)
    right, n_shared = {}, 0
    with pysam.VariantFile(str(tmp_path / "merged.bcf")) as merged:
        for r in merged:
            calls = [a for s in r.samples.values() for a in s["GT"] if a is not None]
            for i, alt in enumerate(r.alts, 1):
                if alt != "*":
                    key = (f"chr{r.chrom}", *_trimmed(r.pos, r.ref, alt))
                    right[key] = (Counter(calls)[i], len(calls))
            n_shared += len(r.alts) > 1 and len(calls) > 2
    assert n_shared > 30
    config = write_config(
        tmp_path,
        data_dir,
        {"trio": files},
        {},
        reference=CHR1_REFERENCE,
        policy={"unchecked_ref": "store", "partial_reference": True},
    )
    ingest_here(tmp_path / "store", config)
    rows = varhouse.open(tmp_path / "store").scan("frequencies").filter(stratum_by="all")
    columns = ["contig", "pos", "ref", "alt", "ac", "an"]
    found = {r[:4]: r[4:] for r in rows.select(columns).collect().rows() if r[3] != "*"}
    wrong = {k: (found.get(k), v) for k, v in right.items() if found.get(k) != v}
    assert not wrong
    assert found.keys() == right.keys()
