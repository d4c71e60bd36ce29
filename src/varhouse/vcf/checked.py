"""Reading and checking in one pass: tables, and everything `varhouse validate` would say."""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.account.faults import Faults
from varhouse.vcf.account.problems import Account
from varhouse.vcf.blocks import iter_text, read_block
from varhouse.vcf.check.scanner import Scanner
from varhouse.vcf.reader import Converted, VcfReader
from varhouse.vcf.text.cuts import Cutter
from varhouse.vcf.text.limits import DEFAULTS
from varhouse.vcf.text.lines import RecordBatch
from varhouse.vcf.text.otherformats import vcf_kind

_WHOLE = 1 << 62


class CheckedVcfReader(VcfReader):
    """Reads a whole file in its order, and applies all rules of header and records.

    `account` is complete, and `account.verdict` is the file's, when everything was read.
    Lines with another number of columns than the header are in the account only.
    """

    def arrow(self) -> Iterator[pa.RecordBatch]:
        """Yield the records as pyarrow record batches, in the order of the file."""
        self.account = Account(self.path.name)
        self.n_records = self.fallback = 0
        cutter = Cutter(_WHOLE, _WHOLE)
        scanner = Scanner(self.path, AnyContigs(), None, self.account, cutter, DEFAULTS)
        results: list[Converted] = []

        def walk(batch: RecordBatch, faults: Faults) -> None:
            results.append(self.convert(batch, faults))
            if self.formats is None and scanner.rules is not None:
                scanner.rules.check_samples(batch, faults)

        kind = vcf_kind(self.path)
        plain = partial(scanner.plain_samples, self.formats.names if self.formats else ())
        for block in iter_text(self.path, kind, self.batch_bytes, plain=plain):
            data = scanner.take_block(block)
            if scanner.rules is not None:
                scanner.rules.walk = walk
            if data:
                line = scanner.n_lines + 1
                scanner.take_records(read_block(block, data, scanner.n_records, line), 0)
            for result in results:
                self.n_records += result.batch.size
                self.fallback += result.fallback
                yield result.table
            results.clear()
        scanner.take_end(kind)
        scanner.tell_whole(kind)
        scanner.finish()
