"""GT of reference records that name an ALT: what that is only the whole file shows.

In a gVCF the record is taken in, and who has such a GT, as xAtlas writes it, is not called
there (decision 0034, R9); in any other file it is a record that is rejected. So what is wrong
with these records is told apart from all others, and put into the account at the end.
"""

from dataclasses import dataclass, field, replace

from varhouse.vcf.account.faults import Fault, Faults
from varhouse.vcf.account.problems import Account
from varhouse.vcf.check.findings import Findings
from varhouse.vcf.gvcf.recognition import reference_records
from varhouse.vcf.samples.typed import SampleReader, in_text
from varhouse.vcf.text.lines import RecordBatch

_NAMED = (Fault.GT_ALLELE, Fault.GT_NO_ALT)


@dataclass
class BlockCalls:
    """Tells what is wrong with GT of reference records, once it is known what the file is.

    Attributes
    ----------
    account
        Of the file.
    findings
        As those of other records; its account is given here.
    """

    account: Account
    findings: Findings
    _own: Account = field(init=False)

    def __post_init__(self) -> None:
        self._own = Account(self.account.file)
        self.findings = replace(self.findings, account=self._own, _taken={})

    def take(self, batch: RecordBatch, faults: Faults, samples: SampleReader) -> None:
        """Take those of a batch out of its faults; marks stay.

        The samples of a batch without such a GT, as nearly all are, are not looked at again.
        """
        if not faults.count[list(_NAMED)].any():
            return
        rows = in_text(batch)
        is_block = reference_records(batch)[rows]
        if not is_block.any():
            return
        of_blocks, others, apart = Faults.empty(), Faults.empty(), Faults.empty()
        samples.check(batch, of_blocks, rows[is_block])
        samples.check(batch, others, rows[~is_block])
        for fault in _NAMED:
            for to, source in ((apart, of_blocks), (faults, others)):
                to.count[fault], to.first[fault] = source.count[fault], source.first[fault]
        self.findings.take(batch, apart)

    def tell(self, *, is_gvcf: bool) -> None:
        """Put them into the account."""
        own = self._own
        if is_gvcf:
            own = own.recoded("VH-G-005", ": nobody is called with it in a reference block")
        self.account.join(own)
