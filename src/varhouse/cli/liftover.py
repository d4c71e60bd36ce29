"""`varhouse liftover`: carry a VCF over to another assembly."""

import argparse
import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain as chain_of
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from varhouse.liftover.alleles import Lifter
    from varhouse.liftover.chain import Chain
    from varhouse.liftover.vcf import Split, VcfLifter
    from varhouse.normalise.split import Splitter
    from varhouse.vcf.header.header import Header
    from varhouse.vcf.text.lines import RecordBatch

log = logging.getLogger("varhouse.liftover")

_ENDINGS = (".vcf.gz", ".vcf.bgz", ".bcf", ".vcf", ".parquet")
_REJECT_COLUMNS = ("line", "contig", "pos", "ref", "alt", "reason", "detail", "text")

_EXAMPLE = """\
example:  printf 'chain 1 chr1 120000 + 0 120000 chr1 120000 + 0 120000\\n120000\\n' > c.chain
          varhouse liftover demo/data/beijing.vcf.gz -o beijing.lifted.vcf.gz \\
            --chain c.chain --target-reference demo/data/demo.fa \\
            --aliases demo/data/aliases.tsv --rejects beijing.rejects.tsv
"""

_EPILOG = """\
files written:
  OUT        .vcf.gz, .bcf or .vcf: records of the target, sorted, with INFO/LIFTED_FROM
             (original place) and the flags LIFT_REVERSE, LIFT_SWAP, LIFT_AMBIGUOUS;
             .parquet: one row for each ALT, with source_contig ... source_alt
  --rejects  TSV: line contig pos ref alt reason detail text (tabs in text as \\t)

Without --source-reference REF is not checked in the source, and LIFT_AMBIGUOUS does not
tell of indels that were moved over a difference between the assemblies.
Where the target's reference is ALT, REF and ALT change places: GT, AC, AF (and EAS_AF and
the like), AD, PL, GL, GP, RO with AO, local alleles and declared Number=R or G follow.
What cannot follow (other Number=A fields, consequences of the ALT, tests of ALT against
REF) is left out, and named on stderr; what is about the place or the person stays.
On the other strand counts of forward and reverse reads change places (DP4, SB, SAF and SAR,
ADF and ADR, AS_SB_TABLE), AA is complemented; CSQ, ANN, HGVS names and the like are left out.
A record with several ALTs is lifted as one if all ALTs share the outcome, or split.
reasons of rejects:
  contig_not_in_chain  the chain file has no source contig of this name
  no_chain             REF lies in no block of any chain
  ambiguous            several chains of equal score hold REF
  strand_mixed         the ends of REF lie in blocks on different strands
  spans_gap            the bases of REF do not lie in one block of a chain
  contig_missing       the target FASTA does not hold the contig
  target_outside       the place lies past what the target FASTA holds of the contig
  source_ref_mismatch  REF is not what the source FASTA has at POS
  ref_not_found        the target has neither REF nor ALT at the place
  indel_at_gap         the indel reaches the edge of its block in the chain
  symbolic             symbolic alleles, breakends and reference blocks are not lifted
  allele_invalid       REF or ALT is no sequence of bases, or ALT equals REF
  swap_off             the target's reference is ALT, and swapping was switched off
  swap_of_split        the target's reference is one of several ALTs of unlike outcome
  line_invalid         the line is no record
Without --aliases well-known names are found too (1 = chr1); OUT has the FASTA's.

exit codes: 0 OUT is written, also where records went to the rejects; 1 a file cannot be
read: nothing is written; 2 usage
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "liftover",
        help="lift a VCF over to another assembly",
        description=_EXAMPLE,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, metavar="IN", help="VCF (plain, gzip, BGZF) or BCF; - or a pipe"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument(
        "--chain",
        type=Path,
        required=True,
        metavar="C",
        help="source to target, plain or gzip",
    )
    parser.add_argument("--source-reference", type=Path, metavar="FASTA")
    parser.add_argument("--target-reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="contigs of the target")
    parser.add_argument(
        "--source-aliases", type=Path, metavar="TSV",
        help="contigs of the source (default: --aliases)",
    )  # fmt: skip
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="what was not lifted")
    parser.add_argument(
        "--swap", action=argparse.BooleanOptionalAction, default=True,
        help="exchange REF and ALT where the target's reference is ALT (default: yes)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lift one file."""
    from varhouse.alleles.swap import Swapper
    from varhouse.cli.files import as_file, keep_inputs, output_ending, put
    from varhouse.genome.contigs import read_aliases
    from varhouse.ingest.setup.known_names import open_reference
    from varhouse.liftover import Lifter, read_chain
    from varhouse.liftover.vcf import VcfLifter
    from varhouse.normalise import normalise_alleles
    from varhouse.normalise.split import Splitter
    from varhouse.vcf.stream import open_records

    ending = output_ending(args.output, _ENDINGS)
    keep_inputs(
        [args.output, args.rejects],
        [args.input, args.chain, args.source_reference, args.target_reference, args.aliases,
         args.source_aliases],
    )  # fmt: skip
    aliases = read_aliases(args.aliases) if args.aliases else None
    own = read_aliases(args.source_aliases) if args.source_aliases else None
    chain = read_chain(args.chain)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=args.output.parent)))
        header, batches = open_records(as_file(args.input, folder))
        target = stack.enter_context(open_reference(args.target_reference, args.aliases))
        source = None
        if args.source_reference:
            source = stack.enter_context(
                open_reference(args.source_reference, args.source_aliases or args.aliases)
            )
        lifter = Lifter(
            chain, target, normalise_alleles, source=source, source_contigs=own or aliases,
            swap=args.swap,
        )  # fmt: skip
        # The other ALTs may not be lifted: in GT they are unknown, not REF.
        splitter = Splitter(header.numbers, header.types, other=".")
        _warn_of_sizes(lifter, args.chain)
        vcf = VcfLifter(lifter, Swapper(header.numbers), _split_with(splitter))
        rejects = None
        if args.rejects:
            made = folder / "rejects.tsv"
            rejects = stack.enter_context(made.open("w", encoding="utf-8"))
            rejects.write("\t".join(_REJECT_COLUMNS) + "\n")
        work = _Work(args, header, batches, vcf, splitter, rejects)
        out = folder / f"out{ending}"
        write = {".parquet": _write_parquet, ".bcf": _write_bcf}.get(ending, _write_text)
        write(out, work)
        if rejects is not None:
            rejects.close()
            put(made, args.rejects)
        put(out, args.output)
    _account(work, chain)
    return 0


def _warn_of_sizes(lifter: "Lifter", chain: Path) -> None:
    unlike = lifter.unlike_sizes()
    if unlike:
        name, size, has = unlike[0]
        log.warning(
            "%s: %s has %s bases there and %s in the assembly (%s contigs like it): is the "
            "chain of other assemblies, or is a FASTA without table of contigs a part?",
            chain.name, name, f"{size:,}", f"{has:,}", f"{len(unlike):,}",
        )  # fmt: skip


@dataclass
class _Work:
    args: argparse.Namespace
    header: "Header"
    batches: "Iterator[RecordBatch]"
    vcf: "VcfLifter"
    splitter: "Splitter"
    rejects: IO[str] | None

    @property
    def lifter(self) -> "Lifter":
        return self.vcf.lifter

    def records(self) -> "Iterator[pl.DataFrame]":
        """Give the records in frames; lines that are none go to the rejects."""
        import numpy as np
        import polars as pl

        from varhouse.liftover.reasons import Reason
        from varhouse.liftover.vcf import COLUMNS
        from varhouse.vcf.text.lines import COLUMNS as NAMES
        from varhouse.vcf.text.lines import text_array

        columns = 8 + (1 + len(self.header.samples) if self.header.has_format else 0)
        for batch in self.batches:
            filled = batch.end > batch.start[:, 0]
            good = filled & (batch.tabs == columns - 1) & (batch.pos >= 0)
            bad = np.flatnonzero(filled & ~good)
            if bad.size:
                self.vcf.counts[Reason.LINE_INVALID.code] += bad.size
                self.reject_lines(_no_records(batch, bad))
            rows = np.flatnonzero(good)
            text = {c: batch.column(n, rows) for c, n in zip(COLUMNS, NAMES[:8], strict=False)}
            start = np.ascontiguousarray(batch.start[rows, 8])
            text["rest"] = text_array(batch.text, start, batch.end[rows])
            text["pos"] = pl.Series(batch.pos[rows], dtype=pl.Int64)
            yield pl.DataFrame({"line": pl.Series(rows + batch.line), **text})

    def reject_lines(self, rejects: "pl.DataFrame") -> None:
        """Write rejects."""
        import polars as pl

        if self.rejects is None or not rejects.height:
            return
        text = (
            pl.col("text").str.replace_all("\\", "\\\\", literal=True)
            .str.replace_all("\t", "\\t", literal=True)
        )  # fmt: skip
        lines = rejects.with_columns(text).select(
            pl.concat_str(*_REJECT_COLUMNS, separator="\t")
        )
        self.rejects.write("\n".join([*lines.to_series().to_list(), ""]))


def _no_records(batch: "RecordBatch", rows: "npt.NDArray[np.int64]") -> "pl.DataFrame":
    """Give the rejects of lines that are no records."""
    import polars as pl

    from varhouse.liftover.reasons import Reason

    text = batch.lines(rows)
    cells = text.str.splitn("\t", 6).struct
    reason = Reason.LINE_INVALID
    return pl.DataFrame(
        [
            pl.Series(rows + batch.line), *(cells[k].fill_null("") for k in (0, 1, 3, 4)),
            pl.repeat(reason.code, rows.size, eager=True),
            pl.repeat(reason.says, rows.size, eager=True), text,
        ],
        schema=list(_REJECT_COLUMNS),
    )  # fmt: skip


def _split_with(splitter: "Splitter") -> "Split":
    def split(info: bytes, rest: bytes, n_alt: int) -> list[tuple[bytes, bytes]]:
        infos = splitter.info(info, n_alt)
        keys, tab, cells = rest.partition(b"\t")
        if not tab:
            return [(i, rest) for i in infos]
        pairs = splitter.samples(keys, cells, n_alt)
        return [(i, k + b"\t" + c) for i, (k, c) in zip(infos, pairs, strict=True)]

    return split


def _write_text(out: Path, work: _Work) -> None:
    import numpy as np
    import polars as pl

    from varhouse.ingest.jobs.lift import lifted_header
    from varhouse.liftover.lines import SortedLines, sort_keys
    from varhouse.vcf.text.bgzf import BgzfWriter

    ranks = work.lifter.target.contigs.ordinal
    with SortedLines(out.with_name("lines")) as lines:
        for records in work.records():
            done = work.vcf.block(records)
            work.reject_lines(done.rejects)
            rank = done.lines["contig"].replace_strict(ranks, return_dtype=pl.Int64)
            sizes = done.lines["line"].str.len_bytes().to_numpy()
            at = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
            data = np.frombuffer("".join(done.lines["line"].to_list()).encode(), np.uint8)
            lines.add(sort_keys(rank.to_numpy(), done.lines["pos"].to_numpy()), at, data)
        sink = out.open("wb") if out.suffix == ".vcf" else BgzfWriter(out)
        sink.write(lifted_header(work.header, work.lifter.target, work.args.chain.name))
        for piece in lines.pieces():
            sink.write(piece)
        sink.close()


def _write_bcf(out: Path, work: _Work) -> None:
    from varhouse.cli.bcf_output import write_bcf

    text = out.with_name("body.vcf")
    _write_text(text, work)
    write_bcf(text, out, work.args.input)


def _write_parquet(out: Path, work: _Work) -> None:
    """Write alleles: one row for each ALT, whatever the others of its record."""
    import polars as pl

    from varhouse.liftover.reasons import Reason
    from varhouse.liftover.vcf import COLUMNS, line_text
    from varhouse.tables.schema import SPELT

    counts = work.vcf.counts
    frames = []
    # Without records the table has its columns all the same.
    texts = {c: pl.Int64 if c == "pos" else pl.String for c in COLUMNS}
    none = pl.DataFrame(schema={"line": pl.Int64, **texts})
    for records in chain_of(work.records(), [none]):
        first = counts["records"]
        counts["records"] += records.height
        alleles = (
            records.select(
                "line", "contig", pl.col("pos").cast(pl.Int32), "ref",
                pl.col("alt").str.split(","),
                id=pl.when(pl.col("id") != ".").then("id"),
                record=pl.int_range(first, first + records.height, dtype=pl.Int64),
                alt_index=pl.int_ranges(
                    1, pl.col("alt").str.count_matches(",", literal=True) + 2, dtype=pl.Int32
                ),
            )
            .explode("alt", "alt_index", empty_as_null=True, keep_nulls=True)
        )  # fmt: skip
        done = work.lifter.lift(alleles)
        frames.append(done.lifted.drop("line"))
        counts["lifted"] += done.lifted.height
        for name in ("reverse", "swapped", "ambiguous"):
            counts[name] += int(done.lifted[name].sum())
        for reason, n in done.rejects["reason"].value_counts().iter_rows():
            counts[reason] += n
        lines = records.select("line", text=line_text())
        says = pl.col("reason").replace_strict({r.code: r.says for r in Reason})
        work.reject_lines(
            done.rejects.join(lines, on="line", maintain_order="left").with_columns(
                detail=says
            )
        )
    ranks = work.lifter.target.contigs.ordinal
    key = pl.col("contig").replace_strict(ranks, return_dtype=pl.Int64)
    table = pl.concat(frames).sort(key, *SPELT[1:], maintain_order=True)
    table.write_parquet(out, compression="zstd")


def _account(work: _Work, chain: "Chain") -> None:
    """Say on stderr what was lifted and what was not."""
    from varhouse.ingest.setup.known_names import tell_other_names
    from varhouse.liftover.reasons import Reason

    counts, args = work.vcf.counts, work.args
    tell_other_names(chain.targets, work.lifter.target, log)
    log.info(
        "%s: %s records, %s lifted, %s on the other strand, %s swapped, %s split, "
        "%s ambiguous on the way back",
        args.input.name,
        *(f"{counts[n]:,}" for n in ("records", "lifted", "reverse", "swapped", "split",
                                     "ambiguous")),
    )  # fmt: skip
    bad = {r.code: counts[r.code] for r in Reason if r and counts[r.code]}
    if bad:
        what = ", ".join(f"{code} {n:,}" for code, n in bad.items())
        where = f"see {args.rejects}" if args.rejects else "--rejects FILE lists them"
        log.warning("%s not lifted: %s; %s", f"{sum(bad.values()):,}", what, where)
    if bad.get(Reason.CONTIG_NOT_IN_CHAIN.code) and not counts["lifted"]:
        log.warning(
            "%s has the source contigs %s; --source-aliases maps names",
            args.chain.name, ", ".join(chain.sources[:5]),
        )  # fmt: skip
    if bad.get(Reason.CONTIG_MISSING.code) and not counts["lifted"]:
        log.warning(
            "%s leads to %s, %s has %s; --aliases maps names",
            args.chain.name, ", ".join(chain.targets[:5]), args.target_reference.name,
            ", ".join(work.lifter.target.contigs.names[:5]),
        )  # fmt: skip
    if work.lifter.unchecked:
        log.warning(
            "%s alleles lifted without a check of REF: %s does not hold their place",
            f"{work.lifter.unchecked:,}", args.source_reference.name,
        )  # fmt: skip
    if counts["again"]:
        log.warning(
            "%s records had been lifted before: the older LIFTED_FROM and flags are replaced",
            f"{counts['again']:,}",
        )
    for name, n in sorted(work.vcf.swapper.removed.items()):
        log.warning("%s left out of %s records: it cannot follow", name, f"{n:,}")
    for (name, loss), lost in sorted(work.splitter.losses.items()):
        log.warning("%s of %s split records: %s", name, f"{lost.records:,}", loss.says)
