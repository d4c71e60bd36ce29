"""`varhouse describe`: what there is in a store, and what its columns mean."""

import argparse
import textwrap
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from varhouse.query.cells import Sink
    from varhouse.query.opened import OpenStore

_TEXT = """\
examples, on the demo store of scripts/demo:
  varhouse describe demo/store                 # tables, cohorts, what people are counted by
  varhouse describe demo/store totals          # its columns: type, unit, meaning, null
  varhouse describe demo/store totals.faf95
  varhouse describe demo/store query           # all that `varhouse query --columns` takes
  varhouse describe demo/store lineage         # in SQL: what each file was made from
  varhouse describe demo/store --strata --format tsv

A table is `open` (aggregates) or `controlled` (anything about single people). A null is never
0: each column says what it stands for. In SQL the catalogue says the same:
  varhouse sql demo/store "SELECT column_name, comment FROM duckdb_columns()
                           WHERE table_name = 'totals'"

With VARHOUSE_LANGUAGE=zh, or a Chinese locale, the text is Chinese.
Writes to stdout (text on a terminal, else TSV), or only the file of -o.
"""


def add_parser(commands: Any) -> None:
    """Declare `varhouse describe`."""
    from varhouse.cli.answers import FORMATS, add_common

    parser = commands.add_parser(
        "describe",
        help="tables, columns, cohorts and strata of a store",
        description=_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument(
        "what",
        nargs="?",
        metavar="TABLE",
        help="a table, TABLE.COLUMN, or `query`: the columns of `varhouse query`",
    )
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument(
        "--strata", action="store_true", help="what people are counted by: a row a value"
    )
    rows.add_argument("--cohorts", action="store_true", help="a row a cohort")
    add_common(parser, FORMATS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Describe what is asked for."""
    began = time.perf_counter()
    from varhouse.cli.answers import FORMATS, check_safe, open_asked, report
    from varhouse.errors import UsageError
    from varhouse.query.describe import describe, describe_cohorts, describe_strata
    from varhouse.query.output import choose_format, make_writer, open_output

    if args.what and (args.strata or args.cohorts):
        raise UsageError(
            f"--{'strata' if args.strata else 'cohorts'} is of the store, not of {args.what}",
            "leave out one of both",
        )
    form = choose_format(args.format, args.output, FORMATS)
    check_safe(args, form)
    store = open_asked(args)
    if args.strata:
        frame = describe_strata(store)
    elif args.cohorts:
        frame = describe_cohorts(store)
    else:
        frame = describe(store, args.what)
    with open_output(args.output) as stream:
        if form == "table":
            _write_text(stream, store, frame, args)
        else:
            writer = make_writer(form, stream, frame.schema, safe=args.spreadsheet_safe)
            writer.write(frame)
            writer.close()
    report(frame.height, "row", f"release {store.release}", began, args.output)
    return 0


def _write_text(
    stream: "Sink", store: "OpenStore", frame: "pl.DataFrame", args: argparse.Namespace
) -> None:
    """Write for people: a dictionary in paragraphs, anything else as a table."""
    from varhouse.query.describe import describe_cohorts, describe_strata
    from varhouse.query.terminal import TableWriter, terminal_width

    width = terminal_width() if args.output is None else None
    if args.what:
        known = args.what in store.tables
        table = args.what if known else args.what.partition(".")[0]
        stream.write(_dictionary(store, table, frame, width or 95).encode())
        return
    whole = not (args.strata or args.cohorts)
    parts = {"": frame}
    if whole:
        parts = {
            f"store {store.name}, release {store.release}, assembly {store.assembly}": frame,
            "cohorts": describe_cohorts(store),
            "people are counted by (`varhouse query --by`)": _joined(describe_strata(store)),
        }
    for i, (title, rows) in enumerate(parts.items()):
        if title:
            stream.write(f"{chr(10) if i else ''}{title}\n".encode())
        writer = TableWriter(stream, rows.columns, keep=True, width=width)
        writer.write(rows)
        writer.close()


def _joined(strata: "pl.DataFrame") -> "pl.DataFrame":
    """Give a row a kind of stratum, its values with their people in one cell."""
    import polars as pl

    people = pl.format(" ({})", pl.col("n_people")).fill_null("")
    return strata.group_by("stratum_by", maintain_order=True).agg(
        n_values=pl.len(), values=pl.col("stratum") + people
    ).with_columns(pl.col("values").list.join(", "))  # fmt: skip


def _dictionary(store: "OpenStore", table: str, frame: "pl.DataFrame", width: int) -> str:
    """Write a paragraph a column: name, type, unit, then the meaning and what null is."""
    from varhouse.language import CHINESE, language
    from varhouse.masking import mask_text
    from varhouse.query.describe import row_of
    from varhouse.tables.dictionary_zh import chinese

    def plain(text: str) -> str:
        return text

    is_chinese = language() == CHINESE
    said, row = (chinese, "一行是") if is_chinese else (plain, "a row is ")
    empty = "为空: " if is_chinese else "null: "
    # A Chinese character takes two columns of a terminal, and lines break between any two.
    columns = width // 2 if is_chinese else width
    lines = [*textwrap.wrap(f"{table}: {row}{said(row_of(store, table))}", columns), ""]
    for name, dtype, unit, null, meaning in frame.rows():
        lines.append(f"{name}  {dtype}{f', {said(unit)}' if unit else ''}")
        more = "" if null == "never null" else f" ({empty}{said(null)})"
        lines += textwrap.wrap(
            f"{said(meaning)}{more}", columns, initial_indent="    ", subsequent_indent="    ",
            break_long_words=is_chinese, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(mask_text(line) for line in lines) + "\n"
