"""`varhouse people secret, panel, sketch, match`: the same person known across centres."""

import argparse
import logging
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from varhouse.people.sketchfile import Header
    from varhouse.people.sketchmatch import Compared
    from varhouse.query.output import Writer

    _File = tuple[Path, Header, pl.DataFrame]

log = logging.getLogger("varhouse.people")


def add_parsers(steps: Any) -> None:
    """Declare the commands, among those of `varhouse people`."""
    _add_secret(steps)
    _add_panel(steps)
    _add_sketch(steps)
    _add_match(steps)


def _add(steps: Any, name: str, what: str, text: str, files: str, run: Any) -> Any:
    parser = steps.add_parser(
        name,
        help=what,
        description=text,
        epilog=files,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_out(parser: Any) -> None:
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the file to write"
    )


def _add_secret(steps: Any) -> None:
    parser = _add(
        steps,
        "secret",
        "make the secret that the centres of a federation share",
        "One centre makes it, and gives it to the others by a safe way; sketches of\n"
        "different secrets cannot be compared. docs/same-person.md says what it guards.\n\n"
        "example:\n  varhouse people secret federation.secret",
        "Writes only FILE, readable by you alone, and prints its check value, which all\n"
        "centres must see and which tells nothing of it. Nothing is overwritten.",
        _secret,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write")


def _secret(args: argparse.Namespace) -> int:
    from varhouse.people.sketchsecret import make_secret

    print(make_secret(args.file))
    return 0


def _add_panel(steps: Any) -> None:
    parser = _add(
        steps,
        "panel",
        "make the list of sites that all centres sketch people by",
        "Common SNVs that a cohort calls well, with their frequencies and the weights of\n"
        "axes of ancestry. One centre makes the list for all. A tier for each kind of data:\n"
        "people are compared at the sites of a tier that both have called.\n\n"
        "example:\n"
        "  varhouse people panel store --tier genomes=wgs1 --tier array=chip -o sites.parquet",
        "Writes only the file of -o (Parquet): sums over the people of the cohorts, nobody's\n"
        "genotypes.",
        _panel,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument(
        "--tier",
        action="append",
        required=True,
        metavar="NAME=COHORT",
        help="a name, and the cohort whose common SNVs it has; may be repeated",
    )
    parser.add_argument(
        "--axes", type=int, default=10, metavar="N", help="axes of ancestry (default: 10)"
    )
    parser.add_argument(
        "--least-af",
        type=float,
        default=0.05,
        metavar="AF",
        help="least frequency of the rarer allele (default: 0.05)",
    )
    parser.add_argument(
        "--spacing",
        type=int,
        default=25_000,
        metavar="BASES",
        help="one site of each stretch of so many bases; fewer where sites are few"
        " (default: 25,000)",
    )
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    _add_out(parser)


def read_tiers(words: list[str]) -> dict[str, str]:
    """Read NAME=COHORT of --tier."""
    tiers: dict[str, str] = {}
    for word in words:
        name, _, cohort = word.partition("=")
        if not name or not cohort:
            raise UsageError(f"--tier {word}: no NAME=COHORT", "as --tier genomes=wgs1")
        if name in tiers:
            raise UsageError(f"--tier {name} is given twice")
        tiers[name] = cohort
    return tiers


def _panel(args: argparse.Namespace) -> int:
    began = time.perf_counter()
    from dataclasses import replace

    from varhouse import open as open_store
    from varhouse.people.sketchpanel import SITES, make_panel, write_panel

    if not 0 < args.least_af < 0.5:
        raise UsageError(f"--least-af {args.least_af} is not between 0 and 0.5")
    if not 0 <= args.axes <= 100:
        raise UsageError(f"--axes {args.axes} is not between 0 and 100")
    if args.spacing < 0:
        raise UsageError(f"--spacing {args.spacing} is negative")
    tiers = read_tiers(args.tier)
    store = open_store(args.store, args.release)
    _check_cohorts(store, list(tiers.values()))
    sites = replace(SITES, least_af=args.least_af, spacing=args.spacing)
    panel = make_panel(store, tiers, args.axes, sites)
    write_panel(panel, args.output)
    for tier in panel.tiers:
        n, axes = tier.sites.height, tier.axes.shape[1]
        log.info("%s: %s sites, %d axes, %s bits", tier.name, f"{n:,}", axes, f"{tier.bits:,}")
    log.info("list %s, %.1f s -> %s", panel.digest, time.perf_counter() - began, args.output)
    return 0


def _check_cohorts(store: Any, cohorts: list[str]) -> None:
    from varhouse.errors import nearest

    known = set(store.scan("cohorts").collect()["cohort"])
    for name in cohorts:
        if name not in known:
            raise UsageError(f"the store has no cohort {name!r}{nearest(name, known)}")


def _add_sketch(steps: Any) -> None:
    parser = _add(
        steps,
        "sketch",
        "write keyed sketches of people, by which other centres know them again",
        "A sketch is up to 4,096 bits of a person and tier, made from common SNVs with the\n"
        "secret of the federation. What those who get it can learn, with the secret and\n"
        "without: docs/same-person.md.\n\n"
        "example:\n"
        "  varhouse people sketch store --secret federation.secret --panel sites.parquet \\\n"
        "      --own-ids own-ids.tsv -o sketches.parquet",
        "Writes the file of -o (Parquet): people under names drawn at random; and the file\n"
        "of --own-ids, which says who they are and stays with you. Who stands in it keeps\n"
        "the name.",
        _sketch,
    )
    parser.add_argument("store", metavar="STORE", help="the store's folder")
    parser.add_argument(
        "--cohort",
        action="append",
        default=[],
        metavar="C",
        help="only this cohort; may be repeated",
    )
    for name, what in (
        ("--secret", "file of the federation's secret"),
        ("--panel", "list of sites of the federation"),
        ("--own-ids", "table of names, cohorts and samples: read, and written anew"),
    ):
        parser.add_argument(name, required=True, type=Path, metavar="FILE", help=what)
    parser.add_argument("--release", metavar="NAME", help="number or tag (default: newest)")
    _add_out(parser)


def _sketch(args: argparse.Namespace) -> int:
    began = time.perf_counter()
    import polars as pl

    from varhouse import open as open_store
    from varhouse.people.sketch import not_sketched, sketch_people
    from varhouse.people.sketchfile import Header, OwnIds, named, write_sketches
    from varhouse.people.sketchpanel import read_panel
    from varhouse.people.sketchsecret import read_secret

    if args.own_ids.absolute() == args.output.absolute():
        raise UsageError("--own-ids and -o are one file: the own ids stay with you")
    secret, panel = read_secret(args.secret), read_panel(args.panel)
    ids = OwnIds(args.own_ids)
    store = open_store(args.store, args.release)
    people = store.scan("samples").select("cohort", "sample").collect()
    cohorts = args.cohort or sorted(people["cohort"].unique())
    _check_cohorts(store, cohorts)
    frames = []
    for cohort in dict.fromkeys(cohorts):
        sketches = sketch_people(store, cohort, secret, panel)
        samples = people.filter(pl.col("cohort") == cohort)["sample"].to_list()
        _say_lacking(cohort, samples, not_sketched(samples, sketches))
        frames.append(named(sketches, cohort, ids))
    rows = pl.concat(frames)
    # Before the sketches: they are of no use to who cannot tell whom they are of.
    ids.write()
    write_sketches(Header.of(secret, panel), rows, args.output)
    took = time.perf_counter() - began
    n = rows["person"].n_unique()
    log.info("%s people, %.1f s -> %s", f"{n:,}", took, args.output)
    return 0


def _say_lacking(cohort: str, samples: list[str], lacking: list[str]) -> None:
    if not lacking:
        return
    log.warning(
        "%s: no sketch of %s of %s people: less than 80 %% of the sites of each tier are "
        "called; a VCF without a gVCF says nothing of sites where nobody differs",
        cohort,
        f"{len(lacking):,}",
        f"{len(samples):,}",
    )


def _add_match(steps: Any) -> None:
    from varhouse.cli.answers import FORMATS, add_safe

    parser = _add(
        steps,
        "match",
        "find the same person, twins and relatives by sketches of centres",
        "Each two files are compared, or one with itself. similarity is about twice the\n"
        "kinship coefficient: 1 the same person or twins, 0.5 first degree, 0.25 second.\n"
        "strangers is how many pairs would be as alike by chance; with 0.05 or more the\n"
        "verdict is unclear. People without a tier in common are not compared.\n\n"
        "example:\n"
        "  varhouse people match ours.parquet theirs.parquet --own-ids own-ids.tsv \\\n"
        "      -o same.tsv",
        "Writes to stdout (a table on a terminal, else TSV), or only the file of -o. Needs\n"
        "no secret.",
        _match,
    )
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="SKETCHES",
        help="files of varhouse people sketch",
    )
    parser.add_argument(
        "--least",
        type=float,
        metavar="S",
        help="similarity at least (default: 0.354, first degree; 0.177 is second)",
    )
    parser.add_argument(
        "--own-ids", type=Path, metavar="FILE", help="name your own people by this table"
    )
    parser.add_argument("--format", choices=FORMATS, help="default: by -o, else tsv")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE instead of stdout"
    )
    add_safe(parser)


def _match(args: argparse.Namespace) -> int:
    from varhouse.cli.answers import FORMATS, check_safe, say_hidden
    from varhouse.people.sketchfile import read_sketches
    from varhouse.people.sketchmatch import LEAST, check_comparable
    from varhouse.query.output import choose_format, make_writer, open_output
    from varhouse.query.terminal import TableWriter, terminal_width

    least = LEAST if args.least is None else args.least
    if not 0 < least <= 1:
        raise UsageError(f"--least {least} is not between 0 and 1")
    form = choose_format(args.format, args.output, FORMATS)
    check_safe(args, form)
    read = [(path, *read_sketches(path)) for path in args.files]
    for one, two in combinations(read, 2):
        check_comparable(one[1], two[1])
    rows = _pairs(read, least, args.own_ids)
    with open_output(args.output) as stream:
        if form == "table":
            width = terminal_width() if args.output is None else None
            writer: Writer = TableWriter(stream, list(rows.schema), keep=False, width=width)
        else:
            writer = make_writer(form, stream, dict(rows.schema), safe=args.spreadsheet_safe)
        writer.write(rows)
        writer.close()
    say_hidden(writer)
    return 0


def _each_two(
    read: "list[_File]",
) -> "Iterator[tuple[_File, _File | None]]":
    if len(read) == 1:
        yield read[0], None
    yield from combinations(read, 2)


def _pairs(read: "list[_File]", least: float, own: Path | None) -> "pl.DataFrame":
    """Compare each two files, or the only one with itself."""
    import polars as pl

    from varhouse.people.sketchfile import owners
    from varhouse.people.sketchmatch import match

    frames = []
    for (path, header, one), other in _each_two(read):
        began = time.perf_counter()
        found = match(header, one, None if other is None else other[2], least)
        second = path if other is None else other[0]
        took = time.perf_counter() - began
        _tell(f"{path.name}, {second.name}", found, took)
        if other is not None:
            _say_incomparable(path.name, one, second.name, other[2])
        names = (pl.lit(path.name).alias("file_1"), pl.lit(second.name).alias("file_2"))
        frames.append(found.pairs.with_columns(*names))
    rows = pl.concat(frames)
    if own is not None:
        known = owners(own)
        for k in "12":
            mine = known.select(pl.all().name.suffix(f"_{k}"))
            rows = rows.join(mine, on=f"person_{k}", how="left", maintain_order="left")
    who = [f"{n}_{k}" for k in "12" for n in ("file", "person", "cohort", "sample")]
    who = [n for n in who if n in rows.columns]
    return rows.select(*who, pl.exclude(who))


def _tell(what: str, found: "Compared", took: float) -> None:
    from varhouse.people.sketchmatch import UNCLEAR, is_unfit

    counts = Counter(found.pairs["verdict"])
    said = ", ".join(f"{v} {n:,}" for v, n in counts.items()) or "nobody alike"
    log.info("%s: %s, %.1f s", what, said, took)
    for row in found.tiers.iter_rows(named=True):
        n = f"{row['people_1']:,} x {row['people_2']:,}"
        log.info("tier %s: %s people compared", row["tier"], n)
        if is_unfit(row["deviation"], row["least_deviation"]):
            log.warning(
                "tier %s: strangers share more of these sites than of a genome (deviation "
                "%.3f, by chance %.3f): only duplicates have a verdict; a list of sites that "
                "covers the genome, from a cohort with all their ancestries, is better",
                row["tier"],
                row["deviation"],
                row["least_deviation"],
            )
    if counts[UNCLEAR]:
        log.warning("%s: unclear pairs may be strangers; see column strangers", what)


def _say_incomparable(
    name_1: str, one: "pl.DataFrame", name_2: str, two: "pl.DataFrame"
) -> None:
    """Say of whom nothing can be said: nobody of the other file has a tier of theirs."""
    import polars as pl

    for name, own, other in ((name_1, one, two), (name_2, two, one)):
        shared = own.filter(pl.col("tier").is_in(other["tier"].unique().to_list()))
        lacking = own["person"].n_unique() - shared["person"].n_unique()
        if lacking:
            log.warning(
                "%s: %s people have no tier in common with anybody of the other file: "
                "nothing is said of them",
                name,
                f"{lacking:,}",
            )
