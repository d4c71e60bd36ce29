"""Lift alleles: a frame of source alleles in, target alleles and rejects out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.liftover.chain import Chain, Ints, Longs, match_names
from varhouse.liftover.gaps import at_sliding_gap, check_indels
from varhouse.liftover.kernel import Blocks, Held, Texts, lift_packed
from varhouse.liftover.reasons import Reason
from varhouse.tables.schema import SPELT
from varhouse.tables.textcolumn import pack, strings

Normalise = Callable[[pl.DataFrame, Reference], pl.DataFrame]
"""Trims and left-aligns: a frame with contig, pos, ref, alt and its reference in, the same
rows in the same order with pos, ref and alt replaced out."""

_SOURCE = {c: f"source_{c}" for c in SPELT}
_MARKS = ("reverse", "swapped", "ambiguous")
ADDED = (*_SOURCE.values(), *_MARKS)
"""Columns that `Lifter.lift` adds: a frame that is lifted has none of them."""

_REASONS = pl.Series([r.code for r in Reason], dtype=pl.String)


@dataclass(frozen=True)
class LiftedAlleles:
    """What came of a frame of alleles; rows keep their order.

    Attributes
    ----------
    lifted
        contig, pos, ref, alt in the target, normalised; source_contig, source_pos,
        source_ref, source_alt as they came; reverse (the target has the minus strand),
        swapped (the target's reference was ALT), ambiguous (the way back may not lead
        here, see `Lifter`); then the other columns of the frame.
    rejects
        The columns of the frame and `reason`, a word of `Reason`.
    """

    lifted: pl.DataFrame
    rejects: pl.DataFrame


class Lifter:
    """Lifts alleles along one chain file.

    A REF allele, an indel's anchor base and every base of an MNV included, must lie in one
    block (see `kernel` for the rule). Lifting back along the inverse chain returns every
    lifted allele that is not marked `ambiguous`, which says that several source places
    lead to this place, or that the indel was moved over a base in which the assemblies
    differ. The second needs the source reference.

    Parameters
    ----------
    chain
        From `read_chain`.
    target
        Reference of the target; its aliases find the chain's target contigs.
    normalise
        Left-aligns in the target.
    source
        Reference of the source; REF is checked against what it holds.
    source_contigs
        Aliases of the source, for the names in frames and in the chain.
    swap
        Swap REF and ALT where the target's reference is ALT; otherwise reject those.

    Attributes
    ----------
    unchecked
        Alleles lifted so far whose place the source reference does not hold: their REF was
        not checked there. 0 without a source reference.
    """

    def __init__(
        self,
        chain: Chain,
        target: Reference,
        normalise: Normalise,
        *,
        source: Reference | None = None,
        source_contigs: Contigs | None = None,
        swap: bool = True,
    ) -> None:
        self.chain, self.target, self.swap = chain, target, swap
        self._normalise = normalise
        self._source_contigs = source_contigs
        own = match_names(chain.targets, target.contigs.names, target.contigs)
        self.targets = [target.contigs.names[own[t]] if t in own else t for t in chain.targets]
        self._target = _packed_bases(target, self.targets)
        none = np.zeros(len(chain.sources), np.int64)
        self._source = Held(_frozen(np.zeros(0, np.uint8), np.uint8), none, none)
        self.unchecked = 0
        self._checks = source is not None
        if source is not None:
            names = source.contigs.names
            found = match_names(chain.sources, names, source_contigs or source.contigs)
            known = [names[found[s]] if s in found else s for s in chain.sources]
            self._source = _packed_bases(source, known)

    def unlike_sizes(self) -> list[tuple[str, int, int]]:
        """List contigs whose size in the chain file is not that of the assembly.

        Returns
        -------
        list
            (name in the chain file, bases there, bases in the assembly). The size in the
            assembly is that of the aliases, without one that of what the FASTA holds.
        """
        chain, out = self.chain, []
        sides = [
            (chain.sources, chain.source_sizes, self._source.lengths, self._source_contigs),
            (chain.targets, chain.target_sizes, self._target.lengths, self.target.contigs),
        ]
        for names, sizes, held, contigs in sides:
            for name, size, has in zip(names, sizes.tolist(), held.tolist(), strict=True):
                own = contigs.canonical(name) if contigs is not None else None
                known = contigs.by_name[own].length if contigs is not None and own else None
                if has and (has > size or (known or size) != size):
                    out.append((name, size, max(has, known or 0)))
        return out

    def lift(self, frame: pl.DataFrame) -> LiftedAlleles:
        """Lift every allele of a frame (one ALT a row) and part lifted ones from rejects.

        Parameters
        ----------
        frame
            contig (String), pos (1-based), ref, alt (String) and any other columns.
        """
        rows = self.lift_rows(frame)
        others = [c for c in frame.columns if c not in SPELT]
        good = rows["reason"] == int(Reason.LIFTED)
        lifted = pl.concat(
            [
                rows.filter(good).select(*SPELT, *_MARKS),
                frame.filter(good).select(*SPELT).rename(_SOURCE),
                frame.filter(good).select(others),
            ],
            how="horizontal",
        )
        order = [*SPELT, *ADDED, *others]
        reason = _REASONS.gather(rows["reason"].filter(~good).cast(pl.Int64)).alias("reason")
        return LiftedAlleles(lifted.select(order), frame.filter(~good).with_columns(reason))

    def lift_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Lift every allele of a frame: the same number of rows, in the same order.

        Returns
        -------
        pl.DataFrame
            reason (Int8, of `Reason`); contig, pos, ref, alt in the target (those of
            rows that are not lifted mean nothing); image (Int64): 0-based place in the
            target of the first base of REF before left-aligning, -1 if there is none;
            reverse, swapped, ambiguous (Boolean).
        """
        chain = self.chain
        names = frame["contig"].unique().drop_nulls().to_list()
        codes = match_names(names, chain.sources, self._source_contigs or self.target.contigs)
        contig = frame["contig"].replace_strict(codes, default=-1, return_dtype=pl.Int32)
        pos = frame["pos"].cast(pl.Int64, strict=False).fill_null(0).to_numpy() - 1
        size = frame["ref"].fill_null("").str.len_bytes().cast(pl.Int64).to_numpy()
        own, places = (
            _frozen(contig.fill_null(-1).to_numpy(), np.int32),
            _frozen(pos, np.int64),
        )
        alleles = Texts(*pack(frame["ref"]), *pack(frame["alt"]))
        reason, target, image, block, reverse, swapped, ref, ref_at, alt, alt_at = lift_packed(
            chain.forward, self._target, self._source, own, places, alleles, self.swap
        )
        good = reason == int(Reason.LIFTED)
        if self._checks:
            code = contig.fill_null(-1).to_numpy()[good]
            self.unchecked += int((pos[good] + size[good] > self._source.lengths[code]).sum())
        raw = pl.DataFrame(
            {
                # -1, in no chain, takes the last: null.
                "contig": pl.Series([*self.targets, None], dtype=pl.String).gather(
                    np.where(target < 0, len(self.targets), target)
                ),
                "pos": pl.Series((image + 1).astype(np.int32)),
                "ref": strings(ref, ref_at),
                "alt": strings(alt, alt_at),
            }
        )
        rows = np.flatnonzero(good)
        normal = self._normalise(raw.filter(good), self.target).select(SPELT)
        unsure = self._look_again(
            reason, (own, places), alleles, (block[rows], image[rows], size[rows]), normal
        )
        if rows.size == reason.size:
            spread = normal
        else:
            back = np.full(reason.size, -1, np.int64)
            back[rows] = np.arange(rows.size)
            spread = normal[pl.Series(np.where(back < 0, 0, back)), :] if rows.size else raw
        return spread.select(SPELT).with_columns(
            reason=pl.Series(reason),
            contig=raw["contig"],
            image=pl.Series(image),
            reverse=pl.Series(reverse),
            swapped=pl.Series(swapped),
            ambiguous=pl.Series(unsure),
        )

    def _look_again(
        self,
        reason: npt.NDArray[np.int8],
        source: tuple[Ints, Longs],
        alleles: Texts,
        image: tuple[Longs, Longs, Longs],
        normal: pl.DataFrame,
    ) -> npt.NDArray[np.bool_]:
        """Look at indels again (`gaps.py`): those at a gap get their `reason`.

        Parameters
        ----------
        source, alleles
            Contig and 0-based position of all alleles in the source; their letters.
        image, normal
            Of those that are lifted: block, place in the target, bases of REF; and what
            left-aligning made of them.

        Returns
        -------
        bool[n]
            Ambiguous on the way back.
        """
        chain, rows = self.chain, np.flatnonzero(reason == int(Reason.LIFTED))
        blocks = Blocks(*(getattr(chain, name) for name in Blocks._fields))
        no_block = np.isin(reason, (int(Reason.NO_CHAIN), int(Reason.SPANS_GAP)))
        unsure_of = np.flatnonzero(no_block)
        sliding = at_sliding_gap(
            unsure_of, *source, alleles, chain.forward, blocks, self._target, self._source
        )
        reason[unsure_of[sliding]] = int(Reason.INDEL_AT_GAP)
        at_gap, ambiguous = check_indels(
            blocks,
            chain.target_sizes,
            chain.source_sizes,
            chain.backward,
            self._target,
            self._source,
            image,
            _frozen(normal["pos"].to_numpy(), np.int64) - 1,
            Texts(*pack(normal["ref"]), *pack(normal["alt"])),
        )
        reason[rows[at_gap]] = int(Reason.INDEL_AT_GAP)
        unsure = np.zeros(reason.size, np.bool_)
        unsure[rows] = ambiguous
        return unsure


def lift_alleles(
    frame: pl.DataFrame,
    chain: Chain,
    target: Reference,
    normalise: Normalise,
    source: Reference | None = None,
) -> LiftedAlleles:
    """Lift the alleles of one frame; see `Lifter`, which serves many frames."""
    return Lifter(chain, target, normalise, source=source).lift(frame)


def _packed_bases(reference: Reference, names: list[str]) -> Held:
    bases, starts, lengths = reference.packed(names)
    return Held(_frozen(bases, np.uint8), starts, lengths)


def _frozen(array: npt.NDArray[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """View an array as read-only and of the type: one compiled version serves all."""
    view = np.ascontiguousarray(array, dtype).view(np.ndarray).view()
    view.flags.writeable = False
    return view
