"""`varhouse annotate`: consequences and joins for a VCF, a BCF or a table of alleles."""

import argparse
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import InputError, UsageError

if TYPE_CHECKING:
    from varhouse.cli.annotate_vcf import Annotator
    from varhouse.genome.reference import Reference
    from varhouse.sources import CompiledSource, Normalise, SourceSpec
    from varhouse.transcripts.genemodel import GeneModel

_LOG = logging.getLogger("varhouse.annotate")

_DESCRIPTION = """\
example:
  varhouse annotate demo/data/beijing.vcf.gz -o beijing.annotated.vcf.gz \\
      --genes demo/data/demo.gff3 --reference demo/data/demo.fa --aliases demo/data/aliases.tsv

IN is a VCF (plain, gzip), a BCF, or a Parquet file with the columns contig, pos, ref,
alt, and extent for symbolic alleles. Each ALT is annotated as it stands; `varhouse
normalise` first if it may not be normalised. Alleles more than 5,000 bases from every
transcript get no consequence.
"""

_EPILOG = """\
files written:
  OUT ending in .vcf.gz or .vcf   IN with INFO/CSQ in the format of Ensembl VEP (HGVS c.,
                                  n. and p. names, tags, PICK and LoF
                                  included), and
                                  NAME_FIELD for each field of each --source;
                                  text is percent-encoded (VCF 4.3). Of a source with
                                  several records of an allele there is a value for
                                  each, and NAME_ALT says of which ALT
  OUT.tbi                         the index of a .vcf.gz (.csi for contigs of 512 Mb and more);
                                  none where IN is not sorted
  OUT ending in .parquet          one typed row per allele x transcript; fields of such
                                  a source are lists, a value for each record

Without --aliases well-known contig names are found too (1 = chr1), and told on stderr.

exit codes: 0 OUT is written; 1 a file cannot be read: nothing is written; 2 usage, or a
mistake in the description of a source
"""


def add_parser(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "annotate",
        help="consequences on transcripts, joins with sources such as ClinVar",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", type=Path, metavar="IN")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--genes",
        type=Path,
        required=True,
        metavar="DIR_OR_GFF",
        help="what `varhouse genes` wrote, or a GFF3 or GTF file",
    )
    parser.add_argument("--reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="table of contig names")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a VCF, BCF or BED, or a TSV or Parquet of alleles, to join",
    )
    parser.add_argument(
        "--sources",
        type=Path,
        metavar="YAML",
        help="sources as in the configuration of an ingest (key `sources`): any kind",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="OUT may be given to anybody: no samples, no header lines but of types and "
        "contigs, no source that may not be passed on (redistribute: false)",
    )
    parser.add_argument(
        "--fields",
        action="append",
        default=[],
        metavar="NAME:F1,F2",
        help="fields to take of a source (default: all)",
    )
    parser.add_argument(
        "--hgvs-as-vep",
        action="store_true",
        help="number and write HGVS as VEP does where it departs from the nomenclature",
    )
    parser.add_argument(
        "--terms",
        choices=("so", "vep115"),
        default="so",
        help="consequence terms by the Sequence Ontology (default), or as VEP 115 gives them "
        "where it differs: for comparisons",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Annotate the input."""
    from varhouse.cli.annotate_vcf import Annotator
    from varhouse.hgvs import Describer
    from varhouse.ingest.setup.known_names import open_reference, tell_other_names
    from varhouse.view import OWN, PUBLIC, View

    if not args.output.name.endswith((".vcf", ".vcf.gz", ".parquet")):
        raise UsageError(
            f"-o {args.output}: the ending says no format",
            "end it in .vcf.gz, .vcf or .parquet",
        )
    specs = _sources(args)
    view = View(PUBLIC if args.public else OWN)
    view = view.without(s.name for s in specs if not s.redistribute)
    for name in (s.name for s in specs if not view.shows_source(s.name)):
        _LOG.warning("source %s may not be passed on: left out (--public)", name)
    specs = [s for s in specs if view.shows_source(s.name)]
    for path in (args.input, args.genes, args.reference, *(Path(s.path) for s in specs)):
        if not path.exists():
            raise InputError(f"{path}: no such file", "check the path")
    if args.output.exists() and args.output.samefile(args.input):
        raise UsageError(f"-o {args.output} is the input itself", "name another -o")
    with ExitStack() as stack:
        reference = stack.enter_context(open_reference(args.reference, args.aliases))
        model = stack.enter_context(_opened_genes(args.genes, reference))
        normalise = _normaliser(reference)
        sources = _compiled(specs, reference, normalise, stack)
        describe = Describer(model, reference, args.hgvs_as_vep)
        annotator = Annotator(
            model, reference.contigs, sources, normalise, describe, view,
            as_vep=args.terms == "vep115",
        )  # fmt: skip
        with _written(args.output) as temporary:
            if args.output.suffix == ".parquet":
                from varhouse.cli.annotate_table import write_table

                write_table(args.input, temporary, annotator)
            else:
                _to_vcf(args.input, temporary, annotator, args.output.suffix == ".gz")
        if args.output.suffix == ".gz":
            _index(args.output)
    tell_other_names(sorted(annotator.seen_contigs), reference, _LOG)
    if annotator.unknown_contigs:
        names = sorted(annotator.unknown_contigs)
        _LOG.warning(
            "%s: %d contig(s) are not in the reference and have no annotation: %s",
            args.input,
            len(names),
            ", ".join(names[:5]),
        )
    if describe.mismatches:
        _LOG.warning(
            "%s: %d allele(s) whose REF is not what the reference holds have no HGVS names: "
            "`varhouse validate --reference` names them",
            args.input,
            describe.mismatches,
        )
    for name, number in annotator.cut.items():
        _LOG.warning(
            "source %s: %d allele(s) have several of its intervals, genes or entries with "
            "different numbers: the first of each is given",
            name,
            number,
        )
    _LOG.info("%s: %d records annotated", args.output, annotator.n_records)
    return 0


def _sources(args: argparse.Namespace) -> "list[SourceSpec]":
    """Read the options and the file that name sources."""
    from varhouse.errors import ConfigError
    from varhouse.sources import SourceSpec, read_spec, source_faults
    from varhouse.sources.spec import format_of

    entries: dict[str, tuple[dict[str, Any], Path]] = {}
    for text in args.source:
        name, equals, file = text.partition("=")
        if not equals or not name.isidentifier() or not file:
            raise UsageError(
                f"--source {text!r} is not NAME=FILE", "NAME: letters, digits and _"
            )
        if name in entries:
            raise UsageError(f"--source {name} stands twice", "give each source its own name")
        form = format_of(Path(file)) or "vcf"
        kind = "overlap" if form == "bed" else "allele"
        entry = {"name": name, "path": file, "kind": kind, "format": form}
        entries[name] = (entry, Path())
    for text in args.fields:
        name, colon, names = text.partition(":")
        if not colon or name not in entries:
            raise UsageError(
                f"--fields {text!r} names no --source", "write NAME:FIELD1,FIELD2"
            )
        entries[name][0].setdefault("fields", []).extend(n for n in names.split(",") if n)
    problems: list[str] = []
    if args.sources:
        found = _entries(args.sources)
        problems += [f"source {n!r} stands twice" for n in found if n in entries]
        entries |= found
    specs: list[SourceSpec] = []
    for entry, base in entries.values():
        path = base / str(entry.get("path", ""))
        if not path.is_file():
            raise InputError(f"{path}: no such file", "check the path")
        spec, found_problems = read_spec(entry, base)
        problems += found_problems or source_faults(spec)
        specs.append(spec)
    if problems:
        raise ConfigError(problems)
    return specs


def _entries(path: Path) -> dict[str, tuple[dict[str, Any], Path]]:
    """Read the sources of a configuration: name to entry and the folder of its paths."""
    from varhouse.errors import ConfigError
    from varhouse.ingest.setup.config_form import dates_as_text, source_problems
    from varhouse.yamltext import read_yaml

    try:
        said = dates_as_text(read_yaml(path)["sources"])
        if wrong := source_problems(said):
            raise ConfigError(wrong)
        return {str(e["name"]): (e, path.resolve().parent) for e in said}
    except (OSError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no list `sources` of entries with name and path ({error})"
        ) from error


def _compiled(
    specs: "list[SourceSpec]", reference: "Reference", normalise: "Normalise", stack: ExitStack
) -> "list[CompiledSource]":
    """Compile the sources: into the cache, or a temporary folder that goes with the stack."""
    import tempfile

    from varhouse.cache import cached_folder
    from varhouse.sources import COMPILER, CompiledSource, Target, compile_source, source_files

    if not specs:
        return []
    temporary = Path(
        stack.enter_context(tempfile.TemporaryDirectory(prefix="varhouse-sources-"))
    )
    target = Target(reference.contigs, None, reference, not reference.has_aliases)
    contigs = reference.contigs.contigs
    found = []
    for spec in specs:
        folder = cached_folder(
            f"source-{spec.name}",
            source_files(spec),
            COMPILER,
            spec,
            reference.digest,
            contigs,
        )
        folder = folder or temporary / spec.name
        compile_source(spec, target, folder, normalise)
        found.append(CompiledSource(folder, spec))
    return found


@contextmanager
def _opened_genes(path: Path, reference: "Reference") -> Iterator["GeneModel"]:
    """Open a compiled model, or compile an annotation: into the cache, else for now."""
    import tempfile

    from varhouse.cache import cached_folder, fill_folder
    from varhouse.genes import compile_genes, load_genes
    from varhouse.transcripts.genemodel import MODEL_FORMAT

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


def _normaliser(reference: "Reference") -> "Normalise":
    import polars as pl

    from varhouse.normalise import Status, move_symbolic, normalise_alleles

    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        done = move_symbolic(normalise_alleles(frame, reference), reference)
        fault = pl.col("status") >= int(Status.REF_MISMATCH)
        return done.with_columns(pos=pl.when(~fault).then("pos"))

    return normalise


@contextmanager
def _written(output: Path) -> Iterator[Path]:
    """Hand out a temporary name beside the output; rename it when all went well."""
    import os

    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.rename(output)
    finally:
        temporary.unlink(missing_ok=True)


def _index(output: Path) -> None:
    """Index a VCF; where it is not sorted there is no index, and none of an older file."""
    import pysam

    for ending in (".tbi", ".csi"):
        output.with_name(output.name + ending).unlink(missing_ok=True)
    said = pysam.set_verbosity(0)
    try:
        # A tbi has no place for positions past 512 Mb.
        for long in (False, True):
            with suppress(OSError):
                pysam.tabix_index(str(output), preset="vcf", force=True, csi=long)
                return
    finally:
        pysam.set_verbosity(said)
    _LOG.warning(
        "%s: not indexed, its records are not in order: sort them with bcftools sort or "
        "`varhouse validate --fix`",
        output,
    )


def _to_vcf(source: Path, output: Path, annotator: "Annotator", compress: bool) -> None:
    """Stream the input's lines with INFO/CSQ."""
    from varhouse.bgzf import BgzfStream
    from varhouse.cli.annotate_vcf import annotate_block, annotated_header, open_records

    if source.suffix == ".parquet":
        from varhouse.cli.annotate_table import sites_of

        text = sites_of(source)
    else:
        text = open_records(source)
    with output.open("wb") as file:
        packed = BgzfStream(file) if compress else None
        out = packed or file
        out.write(annotated_header(text.header, annotator))
        for block in text.blocks:
            out.write(annotate_block(block, annotator))
        if packed is not None:
            packed.finish()
