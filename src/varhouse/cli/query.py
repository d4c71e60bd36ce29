"""`varhouse query`: alleles with their names, consequences and frequencies."""

import argparse
import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from varhouse.cli import querycallable, queryexplain, queryoptions
from varhouse.cli.answers import (
    FORMATS,
    TERMINAL_ROWS,
    add_choices,
    add_common,
    asked_columns,
    check_safe,
    is_terminal,
    open_asked,
    report,
    say_hidden,
    write_all,
)
from varhouse.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from varhouse.query.answer import Answer
    from varhouse.query.cells import Sink
    from varhouse.query.opened import OpenStore
    from varhouse.query.output import Writer

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse query demo/store --gene DEMO7 --where 'impact == "HIGH" and af < 0.01'
  varhouse query demo/store --region chr1:48,000-49,000 --format tsv
  varhouse query demo/store --id rs91422045 --columns contig,pos,ref,alt,hgvs_g,af
  varhouse query demo/store --id DEMP00000000120:p.Lys82Thr --id 'DEMO12:c.245A>C'
  varhouse query demo/store --table frequencies --region chr1 -o frequencies.parquet
  varhouse query demo/store --gene DEMO7 --by province --where 'af > 0.01'
  varhouse query demo/store --gene DEMO7 --where 'impact == "HIGH"' --carriers
  varhouse query demo/store --callable --region chr1:48,000
  varhouse query demo/store --gene DEMO7 --explain

Coordinates are 1-based, both ends included; an allele whose REF reaches into the region
is in the answer. Several regions, genes or ids widen the answer; one kind narrows another.
48k is 48,000 and 1.5M 1,500,000; @FILE.bed holds intervals of a BED (0-based), any other @FILE
a region, gene or id a line. The id of a symbolic ALT has its length (chr1-1303-G-<DEL>-40);
without it all of them are found.
--gene gives the alleles that overlap the gene, named by symbol or id (of any version, or
HGNC:5, GeneID:1 where the gene model has them). The column `gene` names the genes of the
worst consequence, `genes` all that the allele has a consequence on, also up to 5,000 bases
beside it; --where 'gene == "DEMO4"' is about all of them.
The column `id` shows rs ids alone; --id finds any id, and --table ids lists them all.
Without --table a row is an allele with its worst consequence and its frequencies:
`af` over all cohorts, `af_COHORT` of each. A null is an empty cell (`not assessed` in
tables; `masked` in the view of a role, where it would tell of few people: such a number meets
no condition), never 0.
Conditions: == != < <= > >=, and or not, in (..), between, like, ~, is null.
Of several genes, ids, records of a source or values of a list one that fits is enough;
!=, not in and not like are the opposite: none does.

--by gives a row an allele and group, with the group's ac, an, af, ...: --by province a row a
province, --by cohort a row a cohort, --by province,sex rows of both. A group of which nobody
was assessed at the site has no row. Conditions on af, ac, ... and on the group are about the
group (`--where 'province == "330000"'`), others about the allele.

--carriers gives a row an allele and person who has it, of the alleles that --where and the
others choose; `varhouse genotypes` also gives the FORMAT fields.

--callable tells of bases, not of alleles: how many people and alleles each cohort and stratum
assessed there, variant or not, from the blocks of gVCFs; where there are none, at the sites
of alleles alone. What is not assessed is a row with n_samples 0.

--explain answers the question, but shows what was read for it: of each table the files and row
groups that can hold the answer, of how many, why files were left out, and the bytes on disk of
the columns that were read (--format json: as numbers by column). What is read several times
counts once.

--format vcf has counts, genes, names, the fields of the sources (SOURCE_FIELD) and CSQ of
the worst transcript as INFO, or the --columns asked for.

Writes to stdout (a table on a terminal, else TSV), or only the file of -o.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse query`."""
    parser = commands.add_parser(
        "query",
        help="alleles with their names, consequences and frequencies",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    add_choices(parser)
    parser.add_argument(
        "--where", action="append", default=[], metavar="EXPR", help="condition on the columns"
    )
    parser.add_argument("--columns", metavar="a,b", help="columns to show, in this order")
    parser.add_argument("--table", metavar="NAME", help="a table of the store as it is")
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="S",
        help="a row an allele and group: by the values of what people are counted by "
        "(`varhouse describe STORE`), or by cohort; several: a,b",
    )
    parser.add_argument(
        "--carriers", action="store_true", help="who has the alleles: a row each"
    )
    parser.add_argument(
        "--callable",
        action="store_true",
        help="who is assessed at the bases of --region, --gene or --id, variant or not: a row "
        "a stretch of bases, cohort and stratum",
    )
    parser.add_argument(
        "--cohort",
        action="append",
        default=[],
        metavar="C",
        help="with --by, --carriers: these cohorts alone, each for itself; with --callable "
        "also `all` for all together (default: each, and all); may be repeated",
    )
    parser.add_argument(
        "--stratum-by",
        metavar="S",
        help="with --callable: one kind of stratum (`all`: everybody; default: every kind)",
    )
    parser.add_argument(
        "--people",
        metavar="EXPR",
        help="with --callable, --carriers: these people alone, a condition on the columns of "
        "the sheets",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="tell what the answer reads of the store, in place of the answer: a row a table "
        "with files, row groups and bytes",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="rows at most")
    add_common(parser, (*FORMATS, "vcf"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer a question."""
    began = time.perf_counter()
    from varhouse.query import Answer, Question, Selection
    from varhouse.query.output import choose_format, open_output

    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit {args.limit} is negative")
    question = queryoptions.question_of(args)
    if question == queryoptions.CALLABLE:
        return querycallable.run(args)
    if question == queryoptions.CARRIERS:
        from varhouse.cli import genotypes

        return genotypes.run(queryoptions.as_genotypes(args))
    form = choose_format(
        args.format,
        args.output,
        (*FORMATS, "vcf") if question == queryoptions.ALLELES else FORMATS,
    )
    check_safe(args, form)
    columns = asked_columns(args)
    limit = args.limit
    if limit is None and form == "table" and args.output is None and is_terminal():
        limit = TERMINAL_ROWS
    store = open_asked(args)
    asked = Question(
        Selection(args.region, args.gene, args.id),
        args.where,
        columns,
        args.table,
        limit,
        args.by,
        args.cohort if args.by else (),
    )
    if args.explain:
        rows = queryexplain.run(lambda: Answer(store, asked), args, form)
        report(rows, _noun(args), f"release {store.release}", began, args.output)
        return 0
    answer = Answer(store, asked)
    with open_output(args.output) as stream:
        writer, wanted = _writer(form, stream, args, answer)
        rows = write_all(writer, _frames(store, answer, wanted))
    report(rows, _noun(args), f"release {store.release}", began, args.output)
    if answer.cut and args.limit is None:
        logging.getLogger("varhouse.query").info(
            "only the first %s are shown: --limit N, or --format tsv for all", f"{rows:,}"
        )
    for source, number in answer.several.items():
        logging.getLogger("varhouse.query").warning(
            "source %s has several records of %s: numbers are those of the first, conditions "
            "are about all (--table annotations_%s lists them)",
            source,
            f"{number:,} allele{'' if number == 1 else 's'}",
            source,
        )
    say_hidden(writer)
    return 0


def _frames(
    store: "OpenStore", answer: "Answer", wanted: list[str] | None
) -> "Iterable[pl.DataFrame]":
    """Give the rows of an answer; of a role with a budget those that are paid for."""
    from varhouse.cli.budgeted import budget_of, paid

    budget = budget_of(store)
    if budget is None:
        return answer.frames(wanted)
    from varhouse.tables.schema import KEY

    columns = list(wanted or answer.columns)
    has = answer.overview is not None or set(KEY) <= set(
        store.declaration(answer.question.table or "variants").names
    )
    more = [n for n in KEY if n not in columns] if has else []
    return paid(store, budget, answer.frames([*columns, *more]), columns)


def _noun(args: argparse.Namespace) -> str:
    return "row" if args.by or args.table not in (None, "variants") else "allele"


def _writer(
    form: str, stream: "Sink", args: argparse.Namespace, answer: "Answer"
) -> tuple["Writer", list[str] | None]:
    """Make the writer and name the columns that it needs."""
    if form == "vcf":
        from varhouse.query.vcf import VcfWriter

        assert answer.overview is not None
        asked = answer.columns if answer.question.columns else []
        vcf = VcfWriter(stream, answer.overview, asked)
        return vcf, vcf.columns
    if form == "table":
        from varhouse.query.terminal import (
            MASKED,
            NOT_ASSESSED,
            NOT_SHOWN,
            TableWriter,
            number_of,
            terminal_width,
        )

        # A group of which nobody was assessed has no row.
        of_view = MASKED if args.by else NOT_SHOWN

        table = TableWriter(
            stream,
            answer.columns,
            keep=bool(answer.question.columns),
            width=terminal_width() if args.output is None else None,
            unknown=NOT_ASSESSED if answer.store.made_for is None else of_view,
        )
        # The allele number tells `not called` from `not assessed` and from `masked`.
        numbers = [n for n in map(number_of, answer.columns) if n is not None]
        extra = [n for n in numbers if answer.overview and n in answer.overview.schema]
        return table, list(dict.fromkeys([*answer.columns, *extra]))
    from varhouse.query.output import make_writer

    return make_writer(form, stream, answer.schema, safe=args.spreadsheet_safe), None
