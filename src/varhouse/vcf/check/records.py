"""All rules of records, applied batch by batch: one walk over each part of a line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.fields import FieldTape
from varhouse.vcf.account.faults import Fault, Faults
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.blockcalls import BlockCalls
from varhouse.vcf.check.findings import Findings
from varhouse.vcf.fields.fixed import FixedColumns
from varhouse.vcf.fields.info import InfoReader
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.rare.rules import RareRules
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.lines import RecordBatch


@dataclass
class RecordRules:
    """Checks the records of a file in its order and puts what is wrong in the account.

    `take` each batch of lines that have the columns of the header, `finish` at the end.
    """

    account: Account
    header: Header
    walk: Callable[[RecordBatch, Faults], None] | None = None
    """Walks INFO and the samples in place of a check that keeps nothing of them."""
    keeps_marks: bool = False
    """Whether the marks of a batch (see `Faults.marks`) are kept."""
    keeps_calls: bool = False
    keeps_fields: Sequence[str] | None = ()
    """FORMAT keys whose values are kept beside GT; None for all. Of kept calls only."""
    marks: npt.NDArray[np.int64] = field(init=False)
    genotypes: Genotypes = field(init=False)
    fields: FieldTape = field(init=False)
    block_calls: BlockCalls = field(init=False)
    _fixed: FixedColumns = field(init=False)

    def __post_init__(self) -> None:
        info, format_ = key_table(self.header, "INFO"), key_table(self.header, "FORMAT")
        self._fixed = FixedColumns(self.header)
        self._info = InfoReader(info)
        n_samples = len(self.header.samples)
        self._samples = SampleReader.of_calls(
            format_, n_samples, self.keeps_fields if self.keeps_calls else ()
        )
        self._rare = RareRules(self.account, self.header)
        self._findings = Findings(self.account, self.header, info, format_)
        self.block_calls = BlockCalls(self.account, self._findings)

    def take(self, batch: RecordBatch) -> npt.NDArray[np.bool_]:
        """Check a batch; tells for each record whether CHROM differs from the one before.

        The marks, genotypes and fields of the batch are then in `marks`, `genotypes` and
        `fields`, if kept.
        """
        faults = Faults.empty(batch.size if self.keeps_marks else 0)
        self.genotypes = Genotypes.nobody(batch.size)
        self.fields = FieldTape.nothing(batch.size)
        change, structural = self._fixed.check(batch, faults)
        if self.walk is None:
            self._info.read(batch, faults)
            self.check_samples(batch, faults)
        else:
            self.walk(batch, faults)
        self.block_calls.take(batch, faults, self._samples)
        self._findings.take(batch, faults)
        undeclared = bool(faults.count[Fault.INFO_UNDECLARED])
        self._rare.take(batch, structural, undeclared=undeclared)
        self.marks = faults.marks
        return change

    def pieces(self, batch: RecordBatch) -> Iterator[tuple[int, int]]:
        """Cut a batch into what may be taken at once (`SampleReader.pieces`)."""
        return self._samples.pieces(batch)

    def check_samples(self, batch: RecordBatch, faults: Faults) -> None:
        """Check the sample columns of a batch; `keeps_calls` keeps the genotypes."""
        if self.keeps_calls:
            self.genotypes, self.fields = self._samples.check_calls(batch, faults)
        else:
            self._samples.check(batch, faults)

    def finish(self, *, is_gvcf: bool) -> None:
        """Tell what only the whole file shows."""
        self._rare.finish()
        self.block_calls.tell(is_gvcf=is_gvcf)
