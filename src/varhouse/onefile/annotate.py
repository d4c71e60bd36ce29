"""Consequences on transcripts and joins with sources, for a VCF, a BCF or a table."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pysam

from varhouse.bgzf import BgzfStream
from varhouse.cache import cached_folder, fill_folder
from varhouse.errors import InputError, UsageError
from varhouse.files import new_file
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import Reference
from varhouse.governed import CONTROLLED, PUBLIC
from varhouse.hgvs import Describer
from varhouse.ingest.setup.known_names import open_reference, other_names
from varhouse.normalise import Status, move_symbolic, normalise_alleles
from varhouse.onefile.annotate_table import (
    NotInOrderError,
    collect_table,
    iter_table,
    sites_of,
    write_table,
)
from varhouse.onefile.annotate_vcf import (
    Annotator,
    annotate_block,
    annotated_header,
    open_records,
)
from varhouse.onefile.out import (
    TABLES,
    as_path,
    check_choice,
    collected,
    is_frame,
    table_format,
    tells_paths,
)
from varhouse.onefile.paths import is_same
from varhouse.onefile.source_entries import (
    Sources,
    compile_sources,
    list_entries,
    read_specs,
)
from varhouse.sources import Normalise, SourceSpec
from varhouse.tables.schema import SPELT
from varhouse.transcripts.genemodel import MODEL_FORMAT, GeneModel
from varhouse.view import View

if TYPE_CHECKING:
    from varhouse.onefile.out import Alleles, Out

TERMS = ("so", "vep115")
ENDINGS = (".vcf.gz", ".vcf", *TABLES)
NAMED = "end it in " + ", ".join(ENDINGS[:-1]) + f" or {ENDINGS[-1]}"
"""What to do about another ending."""


@dataclass(frozen=True)
class Annotated:
    """What came of `annotate`.

    Attributes
    ----------
    output
        The file that was written; None if none was asked for.
    frame
        The rows, if neither a file nor a function was to take them: one for each allele and
        transcript, sorted, with the columns of the Parquet output; alleles that only a
        source knows have one row without transcript.
    n_records
        Records, or rows of a table, that were read.
    withheld
        Sources that were left out of a public output, as they may not be passed on.
    samples_left_out
        Samples that were left out of a public output.
    is_indexed
        Whether a .vcf.gz has an index: it has none where the input is not sorted.
    known_names
        Contigs that were found by another name, and that name; empty with `aliases`.
    unknown_contigs
        Contigs that the reference does not hold: their alleles have no annotation.
    ref_mismatches
        Alleles without HGVS names, as REF is not what the reference holds.
    several
        Source to the number of alleles that have several of its intervals, genes or entries
        with different numbers: the first of each was given.
    """

    output: Path | None
    n_records: int
    withheld: tuple[str, ...] = ()
    samples_left_out: int = 0
    is_indexed: bool = False
    known_names: dict[str, str] = field(default_factory=dict)
    unknown_contigs: tuple[str, ...] = ()
    ref_mismatches: int = 0
    several: dict[str, int] = field(default_factory=dict)
    frame: pl.DataFrame | None = None


@tells_paths
def annotate(
    alleles: "Alleles",
    out: "Out" = None,
    *,
    genes: str | Path,
    reference: str | Path,
    aliases: str | Path | None = None,
    sources: Sources | None = None,
    public: bool = False,
    audience: str | None = None,
    hgvs_as_vep: bool = False,
    terms: str = "so",
    spreadsheet_safe: bool = False,
) -> Annotated:
    """Annotate alleles with consequences, HGVS names and the fields of sources.

    Each allele is annotated as it stands: `varhouse.normalise` first if it may not be
    normalised. Alleles more than 5,000 bases from every transcript get no consequence.

    Parameters
    ----------
    alleles
        A VCF (plain, gzip), a BCF, or a Parquet file or polars frame with the columns
        contig, pos (1-based), ref, alt, and extent for symbolic alleles.
    out
        A file to write, by its ending .vcf.gz, .vcf (INFO/CSQ in the format of VEP),
        .parquet, .tsv, .csv (both also .gz) or .xlsx; a function that is called with each
        frame of typed rows, so that memory does not grow with sorted input; or None: the
        result holds one frame.
    genes
        What `varhouse.genes` wrote, or a GFF3 or GTF file, which is compiled first.
    reference
        FASTA of the assembly, plain or gzip.
    aliases
        Table of contig names (TSV); without it well-known names are found (1 = chr1).
    sources
        Name of a source to its file, joined by allele (BED: by what overlaps), or to an
        entry as in the configuration of an ingest: `{"path": ..., "kind": ...}`.
    public
        The output may be given to anybody: no samples, no header lines but of types and
        contigs, no source that may not be passed on (`redistribute: false`).
    audience
        For whom the output is, see `varhouse.open`; `inside` leaves out samples and header
        lines, and no source. Default: `public` or all, as `public` says.
    hgvs_as_vep
        Number and write HGVS as VEP does where it departs from the nomenclature.
    terms
        `so`: terms by the Sequence Ontology; `vep115`: as VEP 115 gives them.
    spreadsheet_safe
        TSV and CSV: put `'` before text that a spreadsheet would take for a formula.

    Returns
    -------
    Annotated
        Counts, and the frame if there is no `out`.

    Raises
    ------
    varhouse.errors.UsageError
        For an ending that says no format, an output that is the input, alleles that are
        not sorted where a function takes them.
    varhouse.errors.ConfigError
        For mistakes in the sources, all at once.
    varhouse.errors.InputError
        If a file cannot be read: nothing is written.
    """
    check_choice("terms", terms, TERMS)
    output = Path(out) if isinstance(out, (str, Path)) else None
    if output is not None and not output.name.endswith(ENDINGS):
        raise UsageError(f"{output}: the ending says no format", NAMED)
    role = audience or (PUBLIC if public else CONTROLLED)
    view, specs = _visible(read_specs(list_entries(sources)), role)
    given = Path(alleles) if isinstance(alleles, (str, Path)) else None
    source = collected(alleles, SPELT) if is_frame(alleles) else given
    assert source is not None
    model_path, fasta = Path(genes), Path(reference)
    for path in (given, model_path, fasta, *(Path(s.path) for s in specs)):
        if path is not None and not path.exists():
            raise InputError(f"{path}: no such file", "check the path")
    if output is not None and given is not None and is_same(output, given):
        raise UsageError(f"{output} is the input itself", "name another output")
    with ExitStack() as stack:
        opened = stack.enter_context(open_reference(fasta, as_path(aliases)))
        model = stack.enter_context(open_genes(model_path, opened))
        normalise = make_normaliser(opened)
        compiled = compile_sources(specs, opened, normalise, stack)
        describe = Describer(model, opened, hgvs_as_vep)
        annotator = Annotator(
            model,
            opened.contigs,
            compiled,
            normalise,
            describe,
            view,
            as_vep=terms == "vep115",
        )
        frame, is_indexed = _annotate(source, out, output, annotator, is_safe=spreadsheet_safe)
        return Annotated(
            output,
            annotator.n_records,
            tuple(n for n in view.withheld if not view.shows_source(n)),
            annotator.samples_left_out,
            is_indexed,
            other_names(sorted(annotator.seen_contigs), opened),
            tuple(sorted(annotator.unknown_contigs)),
            describe.mismatches,
            annotator.cut,
            frame,
        )


def _visible(specs: list[SourceSpec], audience: str) -> tuple[View, list[SourceSpec]]:
    """Leave out the sources that the audience does not get."""
    view = View(audience)
    view = view.without(s.name for s in specs if not s.redistribute)
    return view, [s for s in specs if view.shows_source(s.name)]


def _annotate(
    source: Path | pl.DataFrame,
    out: "Out",
    output: Path | None,
    annotator: Annotator,
    *,
    is_safe: bool,
) -> tuple[pl.DataFrame | None, bool]:
    if output is None:
        if not callable(out):
            return collect_table(source, annotator), False
        try:
            for frame in iter_table(source, annotator):
                out(frame)
        except NotInOrderError:
            raise UsageError(
                "the alleles are not sorted by contig and position",
                "sort them, or let annotate write Parquet or give one frame",
            ) from None
        return None, False
    output.parent.mkdir(parents=True, exist_ok=True)
    with new_file(output) as made:
        if (form := table_format(output)) is not None:
            is_packed = output.suffix == ".gz"
            write_table(source, made, annotator, form, is_packed=is_packed, is_safe=is_safe)
            return None, False
        _to_vcf(source, made, annotator, compress=output.suffix == ".gz")
    return None, output.suffix == ".gz" and index_vcf(output)


@contextmanager
def open_genes(path: Path, reference: Reference) -> Iterator[GeneModel]:
    """Open a compiled model, or compile an annotation: into the cache, else for now.

    Raises
    ------
    InputError
        If the model was compiled with another reference, or the annotation cannot be read.
    """
    if path.is_dir():
        model = load_genes(path)
        if model.meta["reference_digest"] != reference.digest:
            raise InputError(
                f"{path}: compiled with another reference than {reference.fasta_name}",
                "compile it again with `varhouse genes`",
            )
        yield model
        return
    contigs = reference.contigs.contigs
    kept = cached_folder("genes", [path], MODEL_FORMAT, reference.digest, contigs)
    if kept is not None:
        fill_folder(
            kept, "meta.json", lambda folder: compile_genes(path, reference, folder), [path]
        )
        yield load_genes(kept)
        return
    with tempfile.TemporaryDirectory(prefix="varhouse-genes-") as folder:
        yield load_genes(compile_genes(path, reference, Path(folder)))


def make_normaliser(reference: Reference) -> Normalise:
    """Make what normalises keys for a join; pos is null where REF or ALT is no allele."""

    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        done = move_symbolic(normalise_alleles(frame, reference), reference)
        fault = pl.col("status") >= int(Status.REF_MISMATCH)
        return done.with_columns(pos=pl.when(~fault).then("pos"))

    return normalise


def index_vcf(output: Path) -> bool:
    """Index a VCF; where it is not sorted there is no index, and none of an older file."""
    for ending in (".tbi", ".csi"):
        output.with_name(output.name + ending).unlink(missing_ok=True)
    said = pysam.set_verbosity(0)
    try:
        # A tbi has no place for positions past 512 Mb.
        for long in (False, True):
            with suppress(OSError):
                pysam.tabix_index(str(output), preset="vcf", force=True, csi=long)
                return True
    finally:
        pysam.set_verbosity(said)
    return False


def _to_vcf(
    source: Path | pl.DataFrame, output: Path, annotator: Annotator, *, compress: bool
) -> None:
    """Stream the input's lines with INFO/CSQ."""
    if isinstance(source, pl.DataFrame) or source.suffix == ".parquet":
        text = sites_of(source)
    else:
        text = open_records(source)
    with output.open("wb") as file:
        packed = BgzfStream(file) if compress else None
        sink = packed or file
        sink.write(annotated_header(text.header, annotator))
        for block in text.blocks:
            sink.write(annotate_block(block, annotator))
        if packed is not None:
            packed.finish()
