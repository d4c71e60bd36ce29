"""The gene model room: GFF3 or GTF and a reference in, flat arrays out.

`compile_genes` reads an annotation once and writes a gene model; `load_genes` maps it
into memory; `genes_frame` and `transcripts_frame` give the rows of the tables `genes` and
`transcripts`.
"""

from varhouse.genes.compile import compile_genes, genes_frame
from varhouse.genes.listing import transcripts_frame
from varhouse.transcripts.genemodel import GeneModel, load_genes

__all__ = ["GeneModel", "compile_genes", "genes_frame", "load_genes", "transcripts_frame"]
