"""The consequence room: alleles and a gene model in, one row per allele x transcript out.

Whole batches are annotated as arrays. `alleles.py` packs and trims the alleles and puts
them on the model's axis; SNVs go through `snv.py`, everything else through `interval.py`
(with `coding.py` for the reading frame, and `edges.py` and `rules.py` for the few rows at the
start and stop codon); `zones.py` holds the splice sites, `terms.py` the Sequence Ontology
terms, `annotate.py` joins the paths and `render.py` writes the columns. Terms and their ranks
are those of Ensembl VEP 115; where its answers contradict the sequence ours do not
(`vep115.py`, decision 0017).
"""

from varhouse.consequence.annotate import consequences, iter_consequences
from varhouse.consequence.terms import IMPACT, TERMS, mask_of, terms_of

__all__ = ["IMPACT", "TERMS", "consequences", "iter_consequences", "mask_of", "terms_of"]
