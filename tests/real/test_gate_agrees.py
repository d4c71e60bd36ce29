"""On every file of the validity sets an ingest rejects what validate counts."""

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import empty_reference
from varhouse.ingest.jobs.chunk import read_chunk
from varhouse.ingest.jobs.filecontext import Context
from varhouse.ingest.setup.settings import Policy
from varhouse.onefile.validate import AnyContigs
from varhouse.vcf.account.document import REASONS
from varhouse.vcf.check.judged import MarkedRecords
from varhouse.vcf.check.scan import FileScan, scan_file

pytestmark = pytest.mark.real

ENDINGS = (".vcf", ".vcf.gz", ".bcf", ".vcf.bz2")
CODE = {r.word: r.code for r in REASONS}


def _rejects(scan: FileScan, marked: MarkedRecords, folder: Path) -> Counter[str]:
    contigs = Contigs(Contig(c) for c in scan.contigs)
    names = {"sample": scan.samples, "sex": ["unknown"] * len(scan.samples)}
    people = pl.DataFrame(names, schema={"sample": pl.String, "sex": pl.String})
    context = Context(
        "c",
        0,
        contigs,
        empty_reference(folder, contigs),
        Policy(unchecked_ref="store", partial_reference=True),
        HaploidRegions(contigs, None),
        make_strata(people, []),
        np.arange(people.height, dtype=np.int32),
        np.zeros(people.height, np.bool_),
        gvcf=scan.gvcf,
    )
    found: Counter[str] = Counter()
    for c in scan.chunks:
        result = read_chunk(Path(scan.data), c.begin, c.end, c.record, c.line, context, marked)
        for word, n in result.rejects["reason"].value_counts().rows():
            found[CODE[word]] += n
    return found


def test_rejects_of_every_file_are_what_validate_counted(data_dir: Path, tmp_path: Path):
    read = rejects = 0
    for path in sorted((data_dir / "validity").rglob("*")):
        if not path.name.endswith(ENDINGS) or path.stat().st_size > 5_000_000:
            continue
        marked = MarkedRecords()
        copy = tmp_path / "c.gz"
        scan = scan_file(path, AnyContigs(), None, copy=copy, hashes=False, taker=marked)
        if scan.account.reasons_to_hold(refuse_records=False):
            continue
        found = _rejects(scan, marked.close(), tmp_path / f"none-{read}")
        account = scan.account
        counted = {c: n for c, n in account.counts.items() if account.effects[c] == "reject"}
        assert set(found) == set(counted), path
        # Two bad alleles or people of a record are two problems and one reject.
        assert all(found[c] <= n for c, n in counted.items()), path
        read, rejects = read + 1, rejects + sum(found.values())
    assert read > 550
    assert rejects > 100
