"""Lift the records of a VCF, block by block, as frames of text columns.

Records with one ALT go through as columns. A record with several is lifted as one record
when all its ALTs are lifted, or when one of them is the target's reference and changes
places with REF; it is rejected as one record when all have the same reason; otherwise it
is split first, and each ALT goes its own way.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from varhouse.alleles.key import last_of_ref
from varhouse.alleles.swap import Swapper
from varhouse.genome.reference import COMPLEMENT
from varhouse.infotext import encoded
from varhouse.liftover.alleles import Lifter
from varhouse.liftover.join import join_alleles
from varhouse.liftover.reasons import Reason
from varhouse.liftover.strand import Alleles, turn_info, turn_samples

COLUMNS = ("contig", "pos", "id", "ref", "alt", "qual", "filter", "info", "rest")
"""Columns of a block: those of VCF as text (pos Int64); rest is FORMAT and all that
follows it, empty in a file without samples."""

HEADER = (
    '##INFO=<ID=LIFTED_FROM,Number=1,Type=String,Description="Original place '
    'contig:pos:ref:alt in the source assembly; several ALTs are separated by /">\n'
    '##INFO=<ID=LIFT_REVERSE,Number=0,Type=Flag,Description="The target has the other '
    'strand; REF and ALT are reverse-complemented">\n'
    '##INFO=<ID=LIFT_SWAP,Number=0,Type=Flag,Description="The reference of the target was '
    "an ALT in the source; they have changed places, and AC, AF, GT, AD and likelihoods "
    'with them">\n'
    '##INFO=<ID=LIFT_AMBIGUOUS,Number=0,Type=Flag,Description="Lifting back may not lead to '
    "LIFTED_FROM: several source places lead here, or the indel was moved over a base in "
    'which the assemblies differ">\n'
)

Split = Callable[[bytes, bytes, int], list[tuple[bytes, bytes]]]
"""Splits INFO and `rest` of a record with n ALTs: a pair for each ALT."""

_TEXT = bytes(COMPLEMENT)
_END = r"(^|;)END="
_AROUND_END = r"^(?<a>(?:.*;)?END=)[^;]*(?<b>(?:;.*)?)$"
_OWN = r"LIFTED_FROM=[^;]*|LIFT_REVERSE|LIFT_SWAP|LIFT_AMBIGUOUS"


@dataclass(frozen=True)
class Output:
    """What came of a block.

    Attributes
    ----------
    lines
        contig, pos (Int64) in the target and line (String, ends with a newline).
    rejects
        line, contig, pos, ref, alt, reason, detail, text: records or single ALTs.
    """

    lines: pl.DataFrame
    rejects: pl.DataFrame


@dataclass
class VcfLifter:
    """Lifts blocks of records of one file.

    Attributes
    ----------
    lifter
        Lifts alleles.
    swapper
        Rewrites the fields of records whose REF and ALT change places.
    split
        Splits the fields of records with several ALTs.
    counts
        records, lifted, reverse, swapped, ambiguous, split, again (those that an earlier
        lift-over has marked); and each reason.
    """

    lifter: Lifter
    swapper: Swapper
    split: Split
    counts: Counter[str] = field(default_factory=Counter)

    def block(self, records: pl.DataFrame) -> Output:
        """Lift records: a frame with the columns `line` (Int64) and COLUMNS."""
        self.counts["records"] += records.height
        lines, rejects, pieces = self._lift(records)
        if pieces:
            self.counts["split"] += len({p["line"] for p in pieces})
            more = pl.DataFrame(pieces, schema=records.schema)
            new_lines, new_rejects, _ = self._lift(more, split=True)
            lines, rejects = pl.concat([lines, new_lines]), pl.concat([rejects, new_rejects])
        for reason, n in rejects["reason"].value_counts().iter_rows():
            self.counts[reason] += n
        return Output(lines, rejects.sort("line", maintain_order=True))

    def _lift(
        self, records: pl.DataFrame, *, split: bool = False
    ) -> tuple[pl.DataFrame, pl.DataFrame, list[dict[str, object]]]:
        n_alts = records["alt"].str.count_matches(",", literal=True).to_numpy() + 1
        alleles = records.select(
            "contig", "pos", "ref", alt=pl.col("alt").str.split(",")
        ).explode("alt", empty_as_null=True, keep_nulls=True)
        rows = self.lifter.lift_rows(alleles)
        first = np.cumsum(n_alts, dtype=np.int64) - n_alts
        # One outcome for each record; those with several ALTs are mended below.
        plan = rows[pl.Series(first), :].with_columns(
            pl.col("pos").cast(pl.Int64),
            k=pl.col("swapped").cast(pl.Int32),
        )
        if (records["alt"] == ".").any():
            plan = _hold_blocks(records, plan)
        if split:
            # AC and AF of an exchange need those of the other ALTs.
            unable = pl.lit(int(Reason.SWAP_OF_SPLIT), pl.Int8)
            plan = plan.with_columns(
                reason=pl.when(pl.col("k") > 0).then(unable).otherwise("reason")
            )
        pieces: list[dict[str, object]] = []
        several = np.flatnonzero(n_alts > 1)
        if several.size:
            plan, pieces = self._several(records, rows, plan, several, first, n_alts)
        good = (plan["reason"] == int(Reason.LIFTED)).to_numpy()
        taken_apart = (plan["reason"] < 0).to_numpy()
        lines = self._lines(
            records.filter(pl.Series(good)), plan.filter(pl.Series(good)), n_alts[good]
        )
        bad = pl.Series(~good & ~taken_apart)
        return lines, _rejects(records.filter(bad), plan.filter(bad)), pieces

    def _several(
        self,
        records: pl.DataFrame,
        rows: pl.DataFrame,
        plan: pl.DataFrame,
        several: np.ndarray[tuple[int], np.dtype[np.int64]],
        first: np.ndarray[tuple[int], np.dtype[np.int64]],
        n_alts: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> tuple[pl.DataFrame, list[dict[str, object]]]:
        """Decide on records with several ALTs: (the plan, pieces of those that are split)."""
        pieces: list[dict[str, object]] = []
        new: dict[str, list[object]] = {
            c: [] for c in ("reason", "pos", "ref", "alt", "k", "ambiguous")
        }
        for i in several.tolist():
            mine = rows[first[i] : first[i] + n_alts[i]]
            record = records.row(i, named=True)
            reasons = mine["reason"].to_list()
            alts = record["alt"].split(",")
            k = _exchanged(reasons, mine["swapped"].to_list(), record["ref"], alts)
            if k is not None:
                found = self._joined(mine.row(0, named=True), record["ref"], alts, k)
                values = [int(Reason.LIFTED), *found, k, bool(mine["ambiguous"].any())]
            else:
                alone = reasons[0] if len(set(reasons)) == 1 else -1
                values = [alone or -1, int(record["pos"]), "", "", 0, False]
                if values[0] == -1:
                    pieces += self._pieces(record, alts)
            for column, value in zip(new.values(), values, strict=True):
                column.append(value)
        for name, values in new.items():
            patch = pl.Series(values, dtype=plan.schema[name], strict=False)
            plan = plan.with_columns(plan[name].scatter(several, patch))
        return plan, pieces

    def _joined(
        self, row: dict[str, object], ref: str, alts: list[str], k: int
    ) -> tuple[int, str, str]:
        """Give pos (1-based), REF and ALT of a record that is lifted as a whole."""
        alleles = [ref, *alts]
        alleles[0], alleles[k] = alleles[k], alleles[0]
        alleles = [a.upper() if a != "*" else a for a in alleles]
        if row["reverse"]:
            alleles = [a.encode()[::-1].translate(_TEXT).decode() for a in alleles]
        image = row["image"]
        assert isinstance(image, int)
        bases = self.lifter.target.sequence(str(row["contig"]))
        place, alleles = join_alleles(bases, image, alleles)
        return place + 1, alleles[0], ",".join(alleles[1:])

    def _pieces(self, record: dict[str, object], alts: list[str]) -> list[dict[str, object]]:
        info, rest = str(record["info"]).encode(), str(record["rest"]).encode()
        parts = self.split(info, rest, len(alts))
        return [
            {**record, "alt": alt, "info": own.decode(), "rest": cells.decode()}
            for alt, (own, cells) in zip(alts, parts, strict=True)
        ]

    def _mended(
        self,
        records: pl.DataFrame,
        info: pl.Series,
        plan: pl.DataFrame,
        n_alts: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> tuple[pl.Series, pl.Series]:
        """Give INFO and FORMAT with samples: turned, REF and ALT exchanged where they are."""
        rest = records["rest"]
        turned = plan["reverse"].arg_true()
        if turned.len():
            lost, alleles = self.swapper.removed, _alleles(records[turned], plan[turned])
            info = info.scatter(turned, turn_info(info.gather(turned), alleles, lost))
            rest = rest.scatter(turned, turn_samples(rest.gather(turned), lost))
        swapped = np.flatnonzero(plan["k"].to_numpy() > 0)
        self.counts["swapped"] += swapped.size
        if swapped.size:
            ks = plan["k"].to_list()
            new_info, new_rest = [], []
            for i in swapped.tolist():
                n, k = int(n_alts[i]), ks[i]
                new_info.append(self.swapper.info(info[i].encode(), n, k).decode())
                new_rest.append(self.swapper.samples(rest[i].encode(), n, k).decode())
            info = info.scatter(swapped, pl.Series(new_info, dtype=pl.String))
            rest = rest.scatter(swapped, pl.Series(new_rest, dtype=pl.String))
        return info, rest

    def _lines(
        self,
        records: pl.DataFrame,
        plan: pl.DataFrame,
        n_alts: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> pl.DataFrame:
        self.counts["lifted"] += records.height
        for name in ("reverse", "ambiguous"):
            self.counts[name] += int(plan[name].sum())
        info, n_marked = _without_marks(records["info"])
        self.counts["again"] += n_marked
        info, rest = self._mended(records, info, plan, n_alts)
        kept = (
            pl.when(info == ".")
            .then(pl.lit(""))
            .otherwise(
                pl.concat_str(
                    _with_end(info, plan.select(last_of_ref())),
                    pl.lit(";"),
                )
            )
        )
        tail = pl.when(rest.str.len_bytes() > 0).then(pl.concat_str(pl.lit("\t"), rest))
        tab = pl.lit("\t")
        return plan.select(
            "contig",
            "pos",
            line=pl.concat_str(
                "contig",
                tab,
                "pos",
                tab,
                records["id"],
                tab,
                "ref",
                tab,
                "alt",
                tab,
                records["qual"],
                tab,
                records["filter"],
                tab,
                kept,
                pl.lit("LIFTED_FROM="),
                _source(records),
                _flags(),
                tail.otherwise(pl.lit("")),
                pl.lit("\n"),
            ),
        )


def _alleles(records: pl.DataFrame, plan: pl.DataFrame) -> Iterator[Alleles]:
    """Give the alleles of lifted records before and after, in the order of the source."""
    rows = zip(
        records.select("ref", "alt").iter_rows(),
        plan.select("ref", "alt", "k").iter_rows(),
        strict=True,
    )
    for (ref, alts), (new_ref, new_alts, k) in rows:
        new = [new_ref, *new_alts.split(",")]
        new[0], new[k] = new[k], new[0]
        yield Alleles([ref, *alts.split(",")], new)


def _source(records: pl.DataFrame) -> pl.Expr:
    """Make the value of LIFTED_FROM: contig, pos, REF and ALT as the file has them."""
    alts = pl.col("alt").str.replace_all(",", "/", literal=True)
    # Names of contigs and ALTs may hold what means something in INFO.
    return pl.concat_str(
        records.select(encoded(pl.col("contig"))).to_series(),
        pl.lit(":"),
        records["pos"],
        pl.lit(":"),
        records["ref"],
        pl.lit(":"),
        records.select(encoded(alts)).to_series(),
    )


def _flags() -> pl.Expr:
    """Make the flags of INFO that say how records of a plan were lifted."""
    return pl.concat_str(
        *(
            pl.when(column).then(pl.lit(f";{flag}")).otherwise(pl.lit(""))
            for flag, column in (
                ("LIFT_REVERSE", pl.col("reverse")),
                ("LIFT_SWAP", pl.col("k") > 0),
                ("LIFT_AMBIGUOUS", pl.col("ambiguous")),
            )
        )
    )


def _hold_blocks(records: pl.DataFrame, plan: pl.DataFrame) -> pl.DataFrame:
    """Give records with ALT `.` and an END behind REF a reason: blocks of a gVCF.

    Their bases need not stay together, and END alone would shrink to that of REF.
    """
    end = records["info"].str.extract(r"(?:^|;)END=(\d{1,18})(?:;|$)").cast(pl.Int64)
    last = records.select(last_of_ref()).to_series()
    block = (records["alt"] == ".") & (end > last).fill_null(value=False)
    held = block & (plan["reason"] == int(Reason.LIFTED))
    symbolic = pl.lit(int(Reason.SYMBOLIC), plan.schema["reason"])
    return plan.with_columns(reason=pl.when(held).then(symbolic).otherwise("reason"))


def _without_marks(info: pl.Series) -> tuple[pl.Series, int]:
    """Take the marks of an earlier lift-over out of INFO: (INFO, records that had them)."""
    marked = info.str.contains(rf"(?:^|;)(?:{_OWN})(?:;|$)")
    n = int(marked.sum())
    if not n:
        return info, 0
    # Each item gets separators of its own, as a pattern cannot share them.
    items = pl.concat_str(pl.lit(";"), pl.col("info").str.replace_all(";", ";;"), pl.lit(";"))
    kept = items.str.replace_all(f";(?:{_OWN});", "").str.replace_all(";;", ";")
    bare = kept.str.strip_chars(";")
    frame = pl.DataFrame({"info": info, "marked": marked}).select(
        pl.when(~pl.col("marked"))
        .then("info")
        .when(bare == "")
        .then(pl.lit("."))
        .otherwise(bare)
        .alias("info")
    )
    return frame.to_series(), n


def _with_end(info: pl.Series, ends: pl.DataFrame) -> pl.Series:
    """Set INFO/END (1-based) where it is."""
    has = info.str.contains(_END)
    if not has.any():
        return info
    parts = pl.DataFrame({"info": info, "end": ends.to_series(0).cast(pl.String), "has": has})
    # The value is set from a column, which a pattern cannot do: cut and join.
    cut = parts["info"].str.extract_groups(_AROUND_END).struct
    return parts.select(
        pl.when("has")
        .then(pl.concat_str(cut.field("a"), "end", cut.field("b")))
        .otherwise("info")
        .alias("info")
    ).to_series()


def _exchanged(
    reasons: list[int], swapped: list[bool], ref: str, alts: list[str]
) -> int | None:
    """Tell with which ALT (1-based) REF changes places; 0: none; None: not as one record."""
    if not any(reasons):
        return None if any(swapped) else 0
    if sum(swapped) != 1:
        return None
    # Each other ALT alone has no reference in the target; with this one it has.
    k = swapped.index(True)
    for i, reason in enumerate(reasons):
        if i != k and (reason != Reason.REF_NOT_FOUND or len(alts[i]) != len(ref)):
            return None
    return None if "." in alts or ("*" in alts and len(ref) > 1) else k + 1


def _rejects(records: pl.DataFrame, plan: pl.DataFrame) -> pl.DataFrame:
    codes = pl.Series([r.code for r in Reason])
    says = pl.Series([r.says for r in Reason])
    reason = plan["reason"].cast(pl.Int64)
    where = (
        pl.when((plan["image"] >= 0) & plan["contig"].is_not_null())
        .then(
            pl.concat_str(
                pl.lit(" ("), plan["contig"], pl.lit(":"), plan["image"] + 1, pl.lit(")")
            )
        )
        .otherwise(pl.lit(""))
    )
    return records.select(
        "line",
        "contig",
        "pos",
        "ref",
        "alt",
        reason=codes.gather(reason),
        detail=pl.concat_str(says.gather(reason), where),
        text=line_text(),
    )


def line_text() -> pl.Expr:
    """Give the line of a record again, from the columns of a block."""
    rest = pl.when(pl.col("rest").str.len_bytes() > 0).then("rest")
    return pl.concat_str(*COLUMNS[:8], rest, separator="\t", ignore_nulls=True)
