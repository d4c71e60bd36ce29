"""`varhouse genotypes`: the calls of people, and who carries an allele."""

import argparse
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from varhouse.query.callrows import Asked
    from varhouse.query.cells import Sink
    from varhouse.query.opened import OpenStore
    from varhouse.query.output import Writer
    from varhouse.tables.schema import PolarsType

log = logging.getLogger("varhouse.genotypes")

FILES = {"vcf": (".vcf", ".vcf.gz", ".vcf.bgz"), "bcf": (".bcf",), "pgen": (".pgen",)}
"""Formats of whole records, and how the names of their files end."""

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse genotypes demo/store --id rs91422045 --carriers
  varhouse genotypes demo/store --cohort beijing --region chr1:48,000-49,000
  varhouse genotypes demo/store --gene DEMO7 --carriers --people 'sex == "female"' -o c.tsv
  varhouse genotypes demo/store --where 'impact == "HIGH" and af < 0.01' --carriers
  varhouse genotypes demo/store --cohort beijing --people 'sex == "male"' -o men.pgen

A row is a record of a file and a person: where it stands, GT and the other FORMAT fields,
byte for byte; in JSON and Parquet these are numbers where the header says so. --region and
--gene find the records of which REF covers a base of them (1-based, both ends included), --id
those that hold the allele in any spelling (see `varhouse query --help`). Without --cohort all
cohorts are asked; where nothing is chosen, --all says that all is meant.

-o NAME.vcf.gz, NAME.vcf or NAME.bcf writes the records of one cohort as they came, as
`varhouse export` does; -o NAME.pgen writes NAME.pgen, .pvar and .psam for PLINK 2 (needs
pgenlib: pip install '.[pgen]' in the clone). What a .pgen cannot hold is counted and reported:
one copy is written as two of the same; half-missing calls and those of more than two copies
as missing, and so is who has no record in his file, also where a gVCF says: called.

--carriers gives a row an allele and person who has at least one copy of it, with the
normalised allele, the number of copies and what the sheets say of the person.

--blocks gives the reference blocks of gVCFs in place of records with variants: those that
cover a base of what is asked, with their last base (`end`) and fields, a row a person.

Writes to stdout (a table on a terminal, else TSV), or only the file of -o.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse genotypes`."""
    from varhouse.cli.answers import FORMATS, add_choices, add_safe

    parser = commands.add_parser(
        "genotypes",
        help="calls of people, and who carries an allele",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    add_choices(parser)
    several = {
        "--cohort": ("C", "a cohort (default: all)"),
        "--sample": ("S", "name of a sample"),
    }
    for option, (metavar, text) in several.items():
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar=metavar,
            help=f"{text}; may be repeated",
        )
    parser.add_argument(
        "--people", metavar="EXPR", help="condition on the columns of the sheets"
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="EXPR",
        help="condition that the alleles fit, as in `varhouse query`",
    )
    parser.add_argument(
        "--carriers", action="store_true", help="only who carries an allele, a row each"
    )
    parser.add_argument(
        "--blocks", action="store_true", help="the reference blocks of gVCFs instead"
    )
    parser.add_argument(
        "--fields", metavar="DP,AD", help="FORMAT fields to show (default: all; GT: none else)"
    )
    parser.add_argument("--all", action="store_true", help="all calls of the store")
    parser.add_argument("--columns", metavar="a,b", help="columns to show, in this order")
    parser.add_argument("--limit", type=int, metavar="N", help="rows at most")
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    parser.add_argument(
        "--format",
        choices=(*FORMATS, *FILES),
        help="default: a table on a terminal, else by the name of -o, else tsv",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of stdout"
    )
    add_safe(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer with calls or carriers."""
    began = time.perf_counter()
    from varhouse import open as open_store
    from varhouse.cli.answers import (
        FORMATS,
        Limited,
        asked_audience,
        check_all,
        check_safe,
        report,
        say_hidden,
        started,
        write_all,
    )
    from varhouse.query.output import choose_format, open_output

    if args.where and args.blocks:
        raise UsageError(
            "--where chooses among alleles: a block has none", "--region or --gene"
        )
    if args.carriers and args.blocks:
        raise UsageError("--carriers and --blocks are two questions: nobody carries a block")
    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit} is negative")
    store = open_store(args.store, args.release, asked_audience(args))
    if (kind := _file_kind(args)) is not None:
        return _write_file(store, args, kind)
    check_all(args, "calls", ("where", "cohort", "sample", "people"))
    whole = ", ".join(e for ends in FILES.values() for e in ends)
    form = choose_format(
        args.format, args.output, FORMATS, f"{whole} for whole records of a cohort"
    )
    check_safe(args, form)
    asked = store.asked(
        args.region,
        args.gene,
        args.id,
        args.cohort,
        args.sample or None,
        args.people,
        args.where,
    )
    frames, schema, shown = _answer(store, asked, args, typed=form in ("parquet", "json"))
    columns = _columns(args.columns, schema, shown)
    rows = Limited(started(frames), _limit(args, form))
    with open_output(args.output) as stream:
        writer = _writer(form, stream, {n: schema[n] for n in columns}, args)
        total = write_all(writer, (frame.select(columns) for frame in rows))
    noun = "carrier" if args.carriers else "block call" if args.blocks else "call"
    report(total, noun, f"release {store.release}", began, args.output)
    if rows.cut and args.limit is None:
        log.info("only the first %s are shown: --limit N, or --format tsv for all", total)
    say_hidden(writer)
    return 0


def _file_kind(args: argparse.Namespace) -> str | None:
    """Tell which format of whole records is asked for, by --format or the name of -o."""
    name = args.output.name if args.output is not None else ""
    by_name = next((k for k, ends in FILES.items() if name.endswith(ends)), None)
    asked: str | None = args.format
    if asked in FILES and by_name != asked:
        raise UsageError(
            f"--format {asked} needs a file of that name",
            f"-o NAME{FILES[asked][-1] if asked != 'vcf' else '.vcf.gz'}",
        )
    if by_name is not None and asked not in (None, by_name):
        raise UsageError(
            f"{args.output}: the ending says {by_name}, --format says {asked}",
            f"leave out --format, or end it in .{asked}",
        )
    return by_name


def _write_file(store: "OpenStore", args: argparse.Namespace, kind: str) -> int:
    """Write whole records of one cohort."""
    from varhouse.cli.answers import check_all
    from varhouse.export import export_cohort, export_pgen

    began = time.perf_counter()
    wrong = {"--id": args.id, "--where": args.where, "--carriers": args.carriers,
             "--blocks": args.blocks, "--columns": args.columns,
             "--fields": args.fields, "--limit": args.limit is not None}  # fmt: skip
    for option, value in wrong.items():
        if value:
            raise UsageError(
                f"{option} does not go with {args.output.name}: whole records are written",
                "choose by --region or --gene, or write a .tsv or .parquet",
            )
    if len(args.cohort) != 1:
        raise UsageError(f"{args.output.name} holds one cohort", "--cohort NAME, once")
    check_all(args, "calls", ("cohort",))
    region = _one_region(store, args)
    samples = None
    if args.sample or args.people:
        asked = store.asked(None, None, None, args.cohort, args.sample or None, args.people)
        samples = [name for columns in asked.columns for name in columns.samples]
        if not samples:
            raise UsageError("nobody of the cohort is chosen")
    cohort, out = args.cohort[0], args.output
    if kind == "pgen":
        records, told = export_pgen(store, cohort, out, samples=samples, region=region)
        for line in told.lines():
            log.warning("%s", line)
        if told.lacking and store.file_frame("runs", cohort=cohort).height:
            log.warning(
                "the gVCFs of cohort %s tell who of these is called there: `varhouse"
                " frequencies STORE --people EXPR` counts them, Python's `store.dosage` has 0"
                " copies",
                cohort,
            )
    else:
        records = export_cohort(store, cohort, out, samples=samples, region=region)
    took = time.perf_counter() - began
    plural = "" if records == 1 else "s"
    log.info("%s record%s, %.1f s -> %s", f"{records:,}", plural, took, args.output)
    return 0


def _one_region(store: "OpenStore", args: argparse.Namespace) -> str | None:
    """Give the one region that --region or --gene names."""
    from varhouse.query.selection import find_genes

    regions = list(args.region)
    if args.gene:
        rows = find_genes(store, args.gene).select("contig", "start", "end").rows()
        regions += [f"{contig}:{start}-{end}" for contig, start, end in rows]
    if len(regions) > 1:
        raise UsageError(f"{args.output.name} takes one region or gene", "write one file each")
    return regions[0] if regions else None


def _answer(
    store: "OpenStore", asked: "Asked", args: argparse.Namespace, *, typed: bool
) -> "tuple[Iterator[pl.DataFrame], dict[str, PolarsType], list[str]]":
    """Give the rows, all their columns, and those that are shown unless asked otherwise."""
    from varhouse.query.blockcalls import BLOCK_CALL_SCHEMA, iter_block_calls
    from varhouse.query.callrows import (
        CALL_SCHEMA,
        CARRIER_SCHEMA,
        INNER,
        iter_calls,
        iter_carriers,
    )

    own, iter_rows = CALL_SCHEMA, iter_calls
    if args.carriers:
        own, iter_rows = CARRIER_SCHEMA, iter_carriers
    elif args.blocks:
        own, iter_rows = BLOCK_CALL_SCHEMA, iter_block_calls
    fields = store.fields_of(asked, _fields(args.fields), own, typed=typed)
    schema = {**own, **fields.schema}
    rows = iter_rows(store, asked, fields)
    if args.carriers:
        schema |= store.sheet_schema(list(schema))
        rows = (store.with_sheet(frame) for frame in rows)
    return rows, schema, [n for n in schema if n not in INNER]


def _fields(asked: str | None) -> bool | list[str]:
    """Read which FORMAT fields are asked for: all by default."""
    if asked is None:
        return True
    return [n for n in (f.strip() for f in asked.split(",")) if n and n != "GT"]


def _columns(
    asked: str | None, schema: "dict[str, PolarsType]", shown: list[str]
) -> list[str]:
    from varhouse.query.expression import find_column

    if asked is None:
        return shown
    names = [c.strip() for c in asked.split(",") if c.strip()]
    if not names:
        raise UsageError("--columns names no column")
    return list(dict.fromkeys(find_column(name, schema) for name in names))


def _limit(args: argparse.Namespace, form: str) -> int | None:
    from varhouse.cli.answers import TERMINAL_ROWS
    from varhouse.query.terminal import terminal_width

    if args.limit is not None or form != "table" or args.output is not None:
        limit: int | None = args.limit
        return limit
    return TERMINAL_ROWS if terminal_width() is not None else None


def _writer(
    form: str, stream: "Sink", schema: "dict[str, PolarsType]", args: argparse.Namespace
) -> "Writer":
    from varhouse.query.output import make_writer
    from varhouse.query.terminal import TableWriter, terminal_width

    if form != "table":
        return make_writer(form, stream, schema, safe=args.spreadsheet_safe)
    width = terminal_width() if args.output is None else None
    return TableWriter(stream, list(schema), keep=args.columns is not None, width=width)
