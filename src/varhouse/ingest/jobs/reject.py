"""What of the records of a batch is rejected: decided by their marks, worded here.

The walks of `varhouse.vcf.check` found what is wrong (`varhouse.vcf.check.judged`), and
`varhouse validate` counted it by its code. Here the marks become rows of the table of
rejects, with the line; only a policy adds to them. A batch without marks, as nearly all
are, costs nothing.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.callability.states import is_filtered
from varhouse.frequencies.count import GT_ALLELE, GT_INVALID, check_genotypes
from varhouse.genome.reference import Reference
from varhouse.genotypes.calls import Genotypes
from varhouse.ingest.jobs.lifted import PLACEHOLDER
from varhouse.ingest.setup.settings import Policy
from varhouse.normalise import Status
from varhouse.vcf.account.faults import Fault
from varhouse.vcf.check.judged import OF_ALLELES, OF_GENOTYPES, UNCHECKED, bits
from varhouse.vcf.fields.alts import legal_alt
from varhouse.vcf.text.lines import RecordBatch

BASES = "^[ACGTNacgtn]+$"
_NS = "^[Nn]+$"

SCHEMA = {
    "record": pl.Int64, "line": pl.Int64, "contig": pl.String, "pos": pl.Int32,
    "alt_index": pl.Int32, "reason": pl.String, "detail": pl.String, "text": pl.String,
}  # fmt: skip

_RECORD_FAULTS = {
    Fault.POS_INVALID: "pos_invalid",
    Fault.CHROM_INVALID: "chrom_invalid",
    Fault.CONTIG_UNKNOWN: "contig_unknown",
    Fault.QUAL_INVALID: "qual_invalid",
}
"""Fault to reason, the gravest first."""

_BLOCK_FAULTS = {
    Fault.REF_INVALID: Status.REF_INVALID.code,
    Fault.REF_DIFFERS: Status.REF_MISMATCH.code,
    Fault.REF_OUTSIDE: "beyond_contig",
}
"""Fault to reason of a record without an allele of its own, the gravest first."""

_GENOTYPE_FAULTS = {GT_INVALID: "gt_invalid", GT_ALLELE: "gt_allele_unknown"}

_ANY_ALT = 2**31
"""More than ALTs that a GT can name."""

UNLIFTED, UNSPECIFIED, UNCALLED = "unlifted", "unspecified", "uncalled"
_TOLD = ~pl.col("fault").is_in([UNLIFTED, UNSPECIFIED]).fill_null(value=False)
"""An allele that was not lifted is among the rejects already; one of no known sequence
(`<*>`, `<NON_REF>`) is none, and no fault of the record; nor one of a gVCF that nobody of the
file is called with, which is found after all rejects."""

_OF_RECORD = ("ref_mismatch", "ref_invalid", "beyond_contig", "ref_unchecked")


@dataclass
class Rejects:
    """The rejects of a batch.

    Attributes
    ----------
    marks
        int64[batch]: see `varhouse.vcf.check.judged.Judged`.
    rows
        Frames of `SCHEMA`.
    """

    batch: RecordBatch
    marks: npt.NDArray[np.int64]
    policy: Policy
    rows: list[pl.DataFrame] = field(default_factory=list)

    def hold_back(self, records: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
        """Move records that have a reason to the rejects; return the others."""
        marked = records.with_columns(reason.alias("_reason"))
        bad = marked.filter(pl.col("_reason").is_not_null())
        if bad.height:
            why = (
                pl.col("why")
                if "why" in bad.columns
                else pl.format(
                    "CHROM {} POS {} QUAL {} FILTER {}", "chrom", "pos", "qual", "filter"
                )
            )
            self._add(
                bad.select(
                    "k",
                    pl.lit(None, pl.Int32).alias("alt_index"),
                    pl.col("_reason").alias("fault"),
                    why.alias("why"),
                ),
                bad,
            )
        return marked.filter(pl.col("_reason").is_null()).drop("_reason")

    def take_records(self, records: pl.DataFrame, *, with_blocks: bool) -> pl.DataFrame:
        """Move records whose fixed columns are at fault, or that a policy leaves out.

        `with_blocks`: of a gVCF whose reference records are kept.
        """
        reasons = []
        if (self.marks & bits(*_RECORD_FAULTS)).any():
            mark = self.marks[records["k"].to_numpy()]
            reasons = [
                pl.when(pl.Series((mark & bits(fault)) != 0)).then(pl.lit(word))
                for fault, word in _RECORD_FAULTS.items()
            ]
        if self.policy.pass_only:
            failed = ~pl.col("filter").is_in(["PASS", "."])
            if with_blocks:
                # A block that fails is not called; RefCall is what DeepVariant writes of 0/0.
                failed = pl.Series(is_filtered(records["filter"])) & ~pl.col("is_block")
            reasons.append(pl.when(failed).then(pl.lit("not_pass")))
        return self.hold_back(records, pl.coalesce(reasons)) if reasons else records

    def take_blocks(self, records: pl.DataFrame) -> pl.DataFrame:
        """Move reference records (`is_block`) of which REF is at fault.

        What `allele_faults` and `take_whole` do for records with an allele of their own.
        """
        mark = self.marks[records["k"].to_numpy()]
        suspect = mark & (bits(*_BLOCK_FAULTS) | UNCHECKED) != 0
        if not suspect.any():
            return records
        reasons = [
            pl.when(pl.Series((mark & bits(fault)) != 0)).then(pl.lit(word))
            for fault, word in _BLOCK_FAULTS.items()
        ]
        if self.policy.unchecked_ref == "reject":
            # REF N says nothing, as of other records whose ALT is no sequence.
            unchecked = pl.Series((mark & UNCHECKED) != 0) & ~pl.col("ref").str.contains(_NS)
            reasons.append(pl.when(unchecked).then(pl.lit("ref_unchecked")))
        why = pl.format("REF {} ALT {}", "ref", "alt")
        reason = pl.when(pl.col("is_block")).then(pl.coalesce(reasons))
        return self.hold_back(records.with_columns(why.alias("why")), reason).drop("why")

    def allele_faults(
        self, alleles: pl.DataFrame, reference: Reference, *, lifted: bool
    ) -> pl.DataFrame:
        """Give alleles the columns fault (the reason, or null) and why.

        Parameters
        ----------
        alleles
            k, contig, pos0, ref0, alt0 as in the file; status of the normalised allele.

        Raises
        ------
        RuntimeError
            If an allele cannot be normalised that nothing was found wrong with.
        """
        mark = self.marks[alleles["k"].to_numpy()]
        wanted = OF_ALLELES | (UNCHECKED if self.policy.unchecked_ref == "reject" else 0)
        suspect = (mark & wanted) != 0
        faults = [
            pl.when((pl.col("alt0") == PLACEHOLDER) & lifted).then(pl.lit(UNLIFTED)),
            pl.when(pl.col("alt0").is_in(UNSPECIFIED_ALTS)).then(pl.lit(UNSPECIFIED)),
        ]
        if suspect.any():
            known = self._faults_of_suspects(alleles, reference)
            faults.append(pl.when(pl.Series(suspect)).then(known))
        fault = pl.coalesce(faults)
        out = alleles.with_columns(
            fault.alias("fault"), pl.format("REF {} ALT {}", "ref0", "alt0").alias("why")
        )
        _check_agreement(out, suspect)
        return out

    def _faults_of_suspects(self, alleles: pl.DataFrame, reference: Reference) -> pl.Expr:
        """Say which alleles of records at fault are, and why."""
        # Few alleles are no bases, and of those many are the same.
        others = alleles.filter(~pl.col("alt0").str.contains(BASES))["alt0"].unique()
        illegal = [a for a in others.to_list() if not legal_alt(a)]
        whole = [c for c in alleles["contig"].unique().to_list() if reference.is_whole(c)]
        unchecked = pl.col("status") == int(Status.REF_UNCHECKED)
        # REF N of such an allele says nothing, at the telomeres (POS 0, N + 1) neither.
        unsaid = pl.col("ref0").str.contains(_NS) & ~pl.col("alt0").str.contains(BASES)
        lengths = {n: reference.sequence(n).size for n in whole}
        size = pl.col("contig").replace_strict(lengths, default=0, return_dtype=pl.Int64)
        past_end = unchecked & pl.col("contig").is_in(whole)
        past_end &= ~(unsaid & (pl.col("pos0") <= size + 1))
        codes = {int(s): s.code for s in Status if s.is_fault}
        reject_unchecked = unchecked & (self.policy.unchecked_ref == "reject")
        return pl.coalesce(
            pl.when(~pl.col("ref0").str.contains(BASES)).then(pl.lit(Status.REF_INVALID.code)),
            pl.when(pl.col("alt0").is_in(illegal)).then(pl.lit(Status.ALT_INVALID.code)),
            pl.col("status").replace_strict(codes, default=None, return_dtype=pl.String),
            pl.when(past_end).then(pl.lit("beyond_contig")),
            pl.when(reject_unchecked).then(pl.lit("ref_unchecked")),
        )

    def take_whole(self, records: pl.DataFrame, alleles: pl.DataFrame) -> pl.DataFrame:
        """Move records of which nothing can be kept for their alleles."""
        if not alleles["fault"].is_not_null().any():
            return records
        whole = (
            alleles.group_by("k", maintain_order=True)
            .agg(
                pl.col("fault").filter(_TOLD).first(),
                pl.col("why").filter(_TOLD).first(),
                (
                    pl.col("fault").is_in(_OF_RECORD).any()
                    | pl.col("fault").is_not_null().all()
                ).alias("all"),
            )
            .filter("all")
            .drop("all")
        )
        marked = records.join(whole, on="k", how="left", maintain_order="left")
        return self.hold_back(marked, pl.col("fault")).drop("fault", "why")

    def take_genotypes(
        self, records: pl.DataFrame, genotypes: Genotypes, *, lifted: bool
    ) -> tuple[pl.DataFrame, Genotypes]:
        """Move records with a GT that is none, or of an ALT that is not there.

        A reference record of a gVCF with such an ALT stays: who has it is not called there
        (decision 0034, R9).

        Parameters
        ----------
        genotypes
            Of all records of the batch.
        lifted
            The records are of a lifted copy, which may hold some of a record's ALT only:
            its genotypes say what the ALT of the record as it was are.

        Returns
        -------
        tuple
            The others, and their genotypes.
        """
        rows = records["k"].to_numpy()
        keep = np.zeros(self.marks.size, np.bool_)
        keep[rows] = True
        found = genotypes.pick(keep)
        suspect = np.full(rows.size, lifted) | ((self.marks[rows] & OF_GENOTYPES) != 0)
        if not suspect.any():
            return records, found
        any_alt = pl.when("is_block").then(_ANY_ALT).otherwise("n_alt").alias("n_alt")
        state, culprit = check_genotypes(found, records.select(any_alt)["n_alt"].to_numpy())
        state[~suspect] = 0
        if not state.any():
            return records, found
        texts = [found.texts[c] if c >= 0 else "" for c in culprit.tolist()]
        reasons = [_GENOTYPE_FAULTS.get(s) for s in state.tolist()]
        no_alt = (pl.col("state") == _GENOTYPE_FAULTS[GT_ALLELE]) & (pl.col("n_alt") == 0)
        marked = records.with_columns(
            pl.Series("state", reasons, dtype=pl.String),
            pl.format("GT {} ALT {}", pl.Series("t", texts), "alt").alias("why"),
        ).with_columns(
            pl.when(no_alt).then(pl.lit("gt_without_alt")).otherwise("state").alias("state")
        )
        kept = self.hold_back(marked, pl.col("state")).drop("state", "why")
        return kept, found.pick(state == 0)

    def take_alleles(self, records: pl.DataFrame, alleles: pl.DataFrame) -> None:
        """Add the alleles at fault of records that are kept."""
        faulty = alleles.filter(pl.col("fault").is_not_null() & _TOLD)
        if faulty.height:
            self._add(faulty.select("k", "alt_index", "fault", "why"), records)

    def _add(self, rows: pl.DataFrame, records: pl.DataFrame) -> None:
        """Add rows (k, alt_index, fault, why) with the places and lines of their records."""
        place = records.select("k", "chrom", "pos", "record", "line")
        lines = self.batch.lines(rows["k"].to_numpy().astype(np.int64))
        self.rows.append(
            rows.with_columns(lines.alias("text"))
            .join(place, on="k", how="left", maintain_order="left")
            .select(
                "record",
                "line",
                pl.col("chrom").alias("contig"),
                pl.when(pl.col("pos") >= 0).then("pos").cast(pl.Int32).alias("pos"),
                pl.col("alt_index").cast(pl.Int32),
                pl.col("fault").alias("reason"),
                pl.col("why").alias("detail"),
                "text",
            )
        )


def _check_agreement(alleles: pl.DataFrame, suspect: npt.NDArray[np.bool_]) -> None:
    """Check that only alleles of records at fault have no normal form."""
    faults = [int(s) for s in Status if s.is_fault]
    wrong = alleles["status"].is_in(faults).to_numpy() & ~suspect
    if not wrong.any():
        return
    odd = alleles.filter(pl.Series(wrong) & pl.col("fault").is_null())
    if odd.height:
        row = odd.row(0, named=True)
        raise RuntimeError(
            f"line {row['line']:,}: {row['why']} has no normal form "
            f"({Status(row['status']).code}), and nothing was found wrong with it"
        )
