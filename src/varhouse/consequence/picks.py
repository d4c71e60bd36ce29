"""One row for each allele, and one for each allele and gene, by VEP's order of picking.

The order is that of VEP 115 (`--pick_order`, its default): MANE Select, MANE Plus Clinical,
canonical, APPRIS, transcript support level, biotype protein_coding, CCDS, the rank of the
most severe term, and the length (of the CDS, or of the spliced transcript without one).
Where all are equal, the transcript with the first id by name is picked.
"""

import numpy as np
from numba import njit

from varhouse.transcripts.genemodel import Bool, GeneModel, Int64


def pick_rows(model: GeneModel, row: Int64, tx: Int64, terms: Int64) -> tuple[Bool, Bool]:
    """Pick one of the rows of each allele, and one for each gene of an allele.

    Parameters
    ----------
    row, tx, terms
        int64[n]: allele, transcript and mask of terms of each pair, sorted by allele and
        name of the transcript.

    Returns
    -------
    pick, pick_gene
        bool[n].
    """
    pick, pick_gene = np.zeros(len(row), bool), np.zeros(len(row), bool)
    n_genes = int(model.gene.max(initial=0)) + 1
    _pick(
        row,
        tx,
        terms,
        model.preference,
        model.gene,
        model.coding,
        model.cds_length,
        model.cdna_length,
        np.full(n_genes, -1, np.int64),
        pick,
        pick_gene,
    )
    return pick, pick_gene


@njit(cache=True, nogil=True)
def _is_before(  # type: ignore[no-untyped-def]
    i, k, tx, terms, preference, coding, cds_length, cdna_length
):
    """Whether pair i is to be picked before pair k."""
    a, b = tx[i], tx[k]
    if preference[a] != preference[b]:
        return preference[a] < preference[b]
    one, two = terms[i] & -terms[i], terms[k] & -terms[k]
    if one != two:
        return two == 0 or 0 < one < two
    n = cds_length[a] if coding[a] else cdna_length[a]
    m = cds_length[b] if coding[b] else cdna_length[b]
    return n > m


@njit(cache=True, nogil=True)
def _pick(  # type: ignore[no-untyped-def]
    row, tx, terms, preference, gene, coding, cds_length, cdna_length, best, pick, pick_gene
):
    low = 0
    while low < row.size:
        first, high = low, low
        while high < row.size and row[high] == row[low]:
            if high > low and _is_before(
                high, first, tx, terms, preference, coding, cds_length, cdna_length
            ):
                first = high
            g = gene[tx[high]]
            # Rows of alleles before this one are stale.
            if best[g] < low or _is_before(
                high, best[g], tx, terms, preference, coding, cds_length, cdna_length
            ):
                best[g] = high
            high += 1
        pick[first] = True
        for i in range(low, high):
            pick_gene[best[gene[tx[i]]]] = True
        low = high
