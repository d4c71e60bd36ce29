"""The HGVS room: pairs of an allele and a transcript in, their names out.

`alleles.py` trims the alleles and measures how far they may be shifted; `transcript.py`
writes c. and n. names, `protein.py` p. names, each in one compiled pass that writes into
one buffer (`text.py`); `describe.py` puts them together.
"""

from varhouse.hgvs.describe import Describer, Names

__all__ = ["Describer", "Names"]
