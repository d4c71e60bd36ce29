"""Frequencies of one file without a store: `varhouse frequencies`."""

import logging
import shlex
import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.alleles.key import Declared
from varhouse.errors import ConfigError, InputError, UsageError, nearest
from varhouse.frequencies.haploid import HaploidRegions
from varhouse.frequencies.rows import frequency_frame
from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import Contig, Contigs, read_aliases
from varhouse.genome.reference import Reference, empty_reference
from varhouse.ingest.jobs.chunk import (
    ChunkResult,
    Context,
    read_chunk,
)
from varhouse.ingest.jobs.tasks import ROWS_AT_ONCE, drop_duplicates
from varhouse.ingest.setup.known_names import open_reference, tell_other_names
from varhouse.ingest.setup.settings import Policy
from varhouse.ingest.setup.sheets import check_samples, read_sheet
from varhouse.onefile.validate import header_of
from varhouse.tables.schema import FREQUENCIES, KEY
from varhouse.vcf.check.scan import scan_file

LOG = logging.getLogger("varhouse.frequencies")
COLUMNS = tuple(n for n in FREQUENCIES.names if n != "part")


def write_file_frequencies(
    path: Path, output: Path, *, samples: Path | None, strata: list[str], par: Path | None,
    cohort: str | None, reference: Path | None, aliases: Path | None,
) -> None:  # fmt: skip
    """Write the frequencies of a file as TSV or Parquet.

    Raises
    ------
    UsageError, ConfigError, InputError
        For a sheet without the file's samples, an unknown stratum, a bad file.
    """
    ending = "".join(output.suffixes[-2:]) if output.suffix == ".gz" else output.suffix
    if not output.name.endswith((".tsv", ".tsv.gz", ".parquet")):
        raise UsageError(
            f"{output}: cannot write {ending!r}", "end it in .tsv, .tsv.gz or .parquet"
        )
    header = header_of(path)
    names = (
        read_aliases(aliases)
        if aliases
        else Contigs(Contig(n, [], None, length) for n, length in header.contigs.items())
    )
    people, cohort = _people(header.samples, samples, cohort, path)
    with tempfile.TemporaryDirectory(prefix="varhouse-frequencies-") as tmp:
        if reference is not None:
            with open_reference(reference, aliases) as opened:
                _write(path, output, people, cohort, strata, par, opened.contigs, opened,
                       Path(tmp))  # fmt: skip
        else:
            held = empty_reference(Path(tmp) / "none", names)
            _write(path, output, people, cohort, strata, par, names, held, Path(tmp))


def _people(
    names: list[str], sheet: Path | None, cohort: str | None, path: Path
) -> tuple[pl.DataFrame, str]:
    frame = pl.DataFrame({"sample": names}, schema={"sample": pl.String})
    if sheet is None:
        return frame.with_columns(pl.lit("unknown").alias("sex")), cohort or _stem(path)
    rows, problems = check_samples(sheet, read_sheet(sheet))
    if problems:
        raise ConfigError(problems)
    with_sample = rows.filter(pl.col("sample").is_in(names))
    cohorts = sorted(with_sample["cohort"].unique().to_list())
    if cohort is None:
        if len(cohorts) > 1:
            raise UsageError(
                f"{sheet.name}: the samples of {path.name} stand in the cohorts "
                f"{', '.join(cohorts)}",
                "say which with --cohort",
            )
        cohort = cohorts[0] if cohorts else _stem(path)
    elif cohort not in (known := rows["cohort"].unique().sort().to_list()):
        raise UsageError(f"{sheet.name}: no cohort {cohort!r} in it{nearest(cohort, known)}")
    mine = rows.filter(pl.col("cohort") == cohort).drop("cohort", "line")
    lost = mine.filter(~pl.col("sample").is_in(names))
    if lost.height:
        raise ConfigError(
            [
                f"sample {s!r} is in the sheet but not in {path.name}"
                for s in lost["sample"][:10]
            ]
        )
    missing = frame.filter(~pl.col("sample").is_in(mine["sample"].to_list()))
    if missing.height:
        LOG.warning("note  %d sample(s) have no row in the sheet: counted as unknown",
                    missing.height)  # fmt: skip
    out = frame.join(mine, on="sample", how="left", maintain_order="left")
    return out.with_columns(pl.col("sex").fill_null("unknown")), cohort


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _write(
    path: Path, output: Path, people: pl.DataFrame, cohort: str, strata: list[str],
    par: Path | None, contigs: Contigs, reference: Reference, work: Path,
) -> None:  # fmt: skip
    scan = scan_file(path, contigs, reference, copy=work / "copy.vcf.gz",
                     max_ref_mismatch_rate=1.0, hashes=False)  # fmt: skip
    if scan.account.errors_in_file():
        first = scan.account.reasons_to_hold(refuse_records=False)
        raise InputError(first[0] if first else f"{path}: not a valid VCF",
                         f"varhouse validate {shlex.quote(str(path))}")  # fmt: skip
    tell_other_names(scan.contigs, reference, LOG)
    if scan.gvcf:
        LOG.warning("note  %s; what has no ALT is left out",
                    scan.account.first["VH-F-030"][0].message)  # fmt: skip
    groups = make_strata(people, strata)
    context = Context(
        cohort, 0, contigs, reference, Policy(unchecked_ref="store", partial_reference=True),
        HaploidRegions(contigs, par), groups, np.arange(people.height, dtype=np.int32),
        (people["sex"] == "male").to_numpy().astype(np.bool_), version=scan.version,
        declared=Declared.of_header(scan.header.split("\n")), gvcf=scan.gvcf,
    )  # fmt: skip
    temporary = output.with_name(output.name + ".tmp")
    pieces = work / "pieces"
    pieces.mkdir()
    rejected = 0
    for k, chunk in enumerate(scan.chunks):
        result = read_chunk(Path(scan.data), chunk.begin, chunk.end, chunk.record, chunk.line,
                            context)  # fmt: skip
        drop_duplicates(result, context)
        rejected += result.rejects.height
        _write_piece(result, context, pieces, k)
    files = sorted(pieces.glob("*.parquet"))
    frame = (
        pl.scan_parquet(files, glob=False)
        if files
        else pl.LazyFrame(schema=dict.fromkeys(COLUMNS, pl.String))
    )
    if output.suffix == ".parquet":
        frame.sink_parquet(temporary, compression="zstd")
    else:
        frame.sink_csv(
            temporary, separator="\t", check_extension=False,
            compression="gzip" if output.suffix == ".gz" else "uncompressed",
        )  # fmt: skip
    shutil.move(temporary, output)
    LOG.info("%s records, %s rejected -> %s", f"{scan.n_records:,}", f"{rejected:,}", output)


def _write_piece(result: ChunkResult, context: Context, pieces: Path, number: int) -> None:
    if result.alleles.is_empty():
        return
    order = result.alleles.select(pl.arg_sort_by(KEY)).to_series()
    rows = order.to_numpy()
    step = max(1, ROWS_AT_ONCE // len(context.strata.by))
    for i, first in enumerate(range(0, rows.size, step)):
        some = rows[first : first + step]
        counts = {name: values[some] for name, values in result.counts.items()}
        frame = frequency_frame(result.alleles[some], counts, context.strata)
        frame = frame.with_columns(pl.lit(context.cohort).alias("cohort")).select(COLUMNS)
        frame.write_parquet(pieces / f"{number:06d}-{i:04d}.parquet")
