"""`varhouse store diff`: the alleles of which two releases say something else."""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from varhouse.errors import StoreError, UsageError
from varhouse.masking import mask_text, say

if TYPE_CHECKING:
    import polars as pl

    from varhouse.store.reader import Store

log = logging.getLogger("varhouse.store")

WHAT = "alleles of which two releases say something else"
EXAMPLE = "example:  varhouse store diff demo/store 1 2 --format tsv"
FILES = (
    "A row is an allele that was added or is gone, or whose most severe consequence or\n"
    "ClinVar class (field CLNSIG of a source; others by --field) is another one. On a\n"
    "terminal a summary is shown; else rows go to stdout and the summary to stderr.\n"
    "--counts tells instead which AC and AN moved, and what moved them.\n"
    "Writes only the file of -o."
)
_SHOWN = 12


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes besides the store."""
    from varhouse.cli.answers import FORMATS, add_audience, add_safe

    parser.add_argument(
        "old",
        nargs="?",
        metavar="OLD",
        help="release, number or tag (default: that before NEW)",
    )
    parser.add_argument(
        "new", nargs="?", metavar="NEW", help="release, number or tag (default: the newest)"
    )
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="NAME",
        help="only variants, consequences or annotations_SOURCE (all its fields); may be "
        "repeated",
    )
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="SOURCE.FIELD",
        help="a field of a source; may be repeated",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS[1:],
        help="default: by the name of -o, else tsv",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of stdout"
    )
    add_safe(parser)
    parser.add_argument(
        "--counts",
        action="store_true",
        help="AC and AN that moved, by what moved them: cohorts, withdrawals, gene model, "
        "sources",
    )
    parser.add_argument("--json", action="store_true", help="of --counts: one JSON object")
    add_audience(parser)


def run(args: argparse.Namespace) -> int:
    """Compare two releases."""
    import polars as pl

    from varhouse import open as open_store
    from varhouse.cli.answers import FORMATS, asked_audience, check_safe
    from varhouse.query.output import choose_format, make_writer, open_output
    from varhouse.store.diff import SCHEMA, compare_releases

    others = args.table or args.field or args.format or args.output
    if (args.counts or args.json) and (not args.counts or others):
        raise UsageError(
            "--counts goes with --json alone", "leave out --table, --field, --format and -o"
        )
    audience = asked_audience(args)
    new: Store = open_store(args.store, args.new, audience)
    before = new.record.parent
    if args.old is None and before is None:
        raise StoreError(f"release {new.release} of {args.store} has none before it")
    old: Store = open_store(args.store, before if args.old is None else args.old, audience)
    if new.view.is_passed_on:
        withheld = sorted({*old.withheld, *new.withheld})
        old, new = (s.seen_by(audience, withheld=withheld) for s in (old, new))
        for name in withheld:
            log.warning("source %s may not be passed on: it is left out", name)
    if args.counts or args.json:
        return _explain(args, old, new)
    frames = compare_releases(old, new, args.table, args.field)
    quiet = args.format is None and args.output is None and sys.stdout.isatty()
    counts: list[pl.DataFrame] = []
    if quiet:
        counts += [_count(f) for f in frames]
    else:
        asked = args.format or (None if args.output else "tsv")
        form = choose_format(asked, args.output, FORMATS)
        check_safe(args, form)
        with open_output(args.output) as stream:
            writer = make_writer(form, stream, SCHEMA, safe=args.spreadsheet_safe)
            for frame in frames:
                if frame.height:
                    writer.write(frame)
                    counts.append(_count(frame))
            writer.close()
    lines = _summary(counts, f"release {old.release} -> {new.release}")
    for line in lines:
        say(line, sys.stdout if quiet else sys.stderr)
    if quiet and len(lines) > 1:
        log.info("the alleles: --format tsv, or -o FILE")
    return 0


def _explain(args: argparse.Namespace, old: "Store", new: "Store") -> int:
    """Say which counts moved, and what moved them."""
    from varhouse.store.diffcounts import describe_moves, explain_moves

    found = explain_moves(old, new)
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    for line in describe_moves(found):
        say(mask_text(line))
    return 0


def _count(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return frame.group_by("change", "old", "new").agg(n=pl.len().cast(pl.Int64))


def _summary(counts: "list[pl.DataFrame]", title: str) -> list[str]:
    """Write how many alleles changed in what way, the most frequent first."""
    import polars as pl

    if not any(c.height for c in counts):
        return [f"{title}: no difference"]
    whole = pl.concat(counts).group_by("change", "old", "new").agg(pl.col("n").sum())
    totals = whole.group_by("change").agg(pl.col("n").sum())
    # Alleles first, then what is said of them, by name.
    rank = pl.col("change").replace_strict(
        {"added": 0, "gone": 1, "most_severe": 2}, default=3
    )
    lines = [title]
    for change, n in totals.sort(rank, "change").rows():
        lines.append(f"  {n:>12,}  {change}")
        mine = whole.filter(pl.col("change") == change).sort(
            "n", "old", "new", descending=[True, False, False]
        )
        if change in ("added", "gone"):
            continue
        lines += [
            f"  {k:>12,}    {a or '-'} -> {b or '-'}"
            for a, b, k in mine.head(_SHOWN).select("old", "new", "n").rows()
        ]
        if mine.height > _SHOWN:
            rest = int(mine["n"][_SHOWN:].sum())
            lines.append(f"  {rest:>12,}    in {mine.height - _SHOWN:,} other ways")
    return lines
