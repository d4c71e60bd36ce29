"""`varhouse annotate --store`: frequencies of a store beside one's own alleles."""

import argparse
import logging

from varhouse.cli.answers import asked_audience, check_safe
from varhouse.errors import UsageError

_LOG = logging.getLogger("varhouse.annotate")

_OF_GENES = (
    "genes", "aliases", "source", "sources", "fields", "public", "hgvs_as_vep",
)  # fmt: skip
_OF_STORE = ("people", "samples", "columns", "name", "release")


def check_options(args: argparse.Namespace) -> None:
    """Check that options go with each other, and that what is needed is there.

    Raises
    ------
    UsageError
        If not.
    """
    wrong = [n for n in (_OF_STORE if args.store is None else _OF_GENES) if getattr(args, n)]
    if wrong:
        option = f"--{wrong[0].replace('_', '-')}"
        goes = "goes with --store only" if args.store is None else "does not go with --store"
        raise UsageError(
            f"{option} {goes}", "annotate twice: with the store, then with genes and sources"
        )
    if args.store is None:
        missing = [f"--{n}" for n in ("genes", "reference") if getattr(args, n) is None]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} missing",
                "give --genes and --reference for consequences, or --store for frequencies",
            )


def run(args: argparse.Namespace) -> int:
    """Annotate the input with a store."""
    from varhouse import open as open_store
    from varhouse.onefile.annotate_store import DEFAULT, annotate_frequencies
    from varhouse.onefile.out import table_format

    check_safe(args, table_format(args.output) or "VCF")
    columns = [c.strip() for c in (args.columns or "").split(",") if c.strip()]
    done = annotate_frequencies(
        args.input,
        args.output,
        store=open_store(args.store, args.release, asked_audience(args)),
        people=args.people,
        samples=args.samples,
        columns=columns or DEFAULT,
        name=args.name or "store",
        reference=args.reference,
        spreadsheet_safe=args.spreadsheet_safe,
    )
    if args.output.suffix == ".gz" and ".vcf" in args.output.suffixes and not done.is_indexed:
        _LOG.warning(
            "%s: not indexed, its records are not in order: sort them with bcftools sort or "
            "`varhouse validate --fix`",
            args.output,
        )
    if done.unknown_contigs:
        _LOG.warning(
            "%s: %d contig(s) are not in the store: %s",
            args.input,
            len(done.unknown_contigs),
            ", ".join(done.unknown_contigs[:5]),
        )
    if done.n_indels_missed:
        _LOG.warning(
            "%s: %s insertion(s) and deletion(s) were not found where they stand; those that "
            "are not left-aligned are found with --reference FASTA only",
            args.input,
            f"{done.n_indels_missed:,}",
        )
    if done.people is not None:
        _LOG.info(
            "frequencies of %s people: %s",
            f"{sum(done.people.values()):,}",
            ", ".join(f"{c} {n:,}" for c, n in list(done.people.items())[:10]),
        )
    _LOG.info(
        "%s: %s records, %s of %s alleles in the store",
        args.output,
        f"{done.n_records:,}",
        f"{done.n_found:,}",
        f"{done.n_alleles:,}",
    )
    return 0
