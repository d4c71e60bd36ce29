"""What stays the same for all records of a file that is taken in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from varhouse.alleles.key import NOTHING, Declared
from varhouse.callability.states import Rules
from varhouse.frequencies.kits import Kits
from varhouse.frequencies.strata import Strata
from varhouse.genome.contigs import Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.settings import CallableConfig, Policy
from varhouse.tables.labels import Labels
from varhouse.vcf.header.keys import KeyTable


@dataclass
class Context:
    """What stays the same for all chunks of a file.

    `ordinal` is int32[columns]: ordinal in the cohort of each sample column; `male` is
    bool[columns]. `source_assembly` is set when the file was lifted from another one.
    `declared` says what the file's header gives to each ALT. Of a gVCF (`gvcf`) the
    reference records are kept apart, or left out, as the policy says. `keys` are the header's
    FORMAT keys, `fields` those that are kept beside GT (None: all). `labels` are those of the
    file and its samples; `callable` says which bands of quality are told apart. `kits` are
    those of `strata`, if people have kits. A file of a cohort of files of one person each
    (`per_person`) brings runs of its records, whatever it is.
    """

    cohort: str
    file: int
    contigs: Contigs
    reference: Reference
    policy: Policy
    haploid: HaploidRegions
    strata: Strata
    ordinal: npt.NDArray[np.int32]
    male: npt.NDArray[np.bool_]
    source_assembly: str | None = None
    declared: Declared = NOTHING
    gvcf: bool = False
    keys: KeyTable | None = None
    fields: Sequence[str] | None = ()
    labels: Labels | None = None
    callable: CallableConfig = field(default_factory=CallableConfig)
    kits: Kits | None = None
    per_person: bool = False

    @property
    def has_blocks(self) -> bool:
        """Whether its reference records are kept, and say what is called between variants."""
        return self.policy.has_runs(gvcf=self.gvcf)

    @property
    def has_runs(self) -> bool:
        """Whether the file says by itself which bases of its people were assessed."""
        return self.has_blocks or self.per_person

    @property
    def rules(self) -> Rules:
        """What decides the states of its people."""
        policy, bands, gvcf = self.policy, self.callable, self.has_blocks
        pass_only = gvcf and policy.pass_only
        return Rules(policy.adj, bands.gq, bands.dp, gvcf=gvcf, pass_only=pass_only)
