"""INFO: one walk over the text of each record that reads typed values and finds faults.

Keys stand in nearly the same order on every line, so the walk first compares the text
with the key that followed the last time, 32 bytes at once; only another key is looked
up. What a value means is the key's declaration (`keys.KeyTable`). A missing value is
null, never 0, and so is a value that is not of its type, which is a fault too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.account.faults import Faults
from varhouse.vcf.fields.info_values import FLAG, LIST, SCALAR, TEXT
from varhouse.vcf.fields.info_walk import WIDTH, Out, Plan, walk_info
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.text.columns import flag_column, list_column, number_column, text_array
from varhouse.vcf.text.decimals import FLOAT_MISSING, INT_MISSING, exact_floats
from varhouse.vcf.text.lines import RecordBatch

_NEVER = np.uint64(1) << np.uint64(63)


@dataclass
class InfoColumns:
    """What was read from the INFO of a batch.

    Attributes
    ----------
    names, columns
        The columns in the order asked for: bool for flags, int32, float32 or string for
        keys with one value, lists of these for others; null where the key is missing.
    fallback
        Numbers that compiled code could not convert exactly: they took the slow way.
    """

    names: list[str]
    columns: list[pa.Array]
    fallback: int


class InfoReader:
    """Reads and checks the INFO of batches.

    Parameters
    ----------
    table
        The keys (of `keys.key_table(header, "INFO", names)`).
    names
        Keys to give columns for. All others are checked only.
    lists
        Give lists also for numbers of keys with one value. Otherwise such a key is null
        where a record gives it several values (and the fault INFO_NUMBER is noted).
    """

    def __init__(
        self, table: KeyTable, names: Sequence[str] = (), *, lists: bool = False
    ) -> None:
        self.table, self.names = table, list(names)
        n = len(table.names)
        role, row = np.zeros(n, np.int8), np.zeros(n, np.int32)
        self._rows = {SCALAR: 0, LIST: 0, FLAG: 0}
        for name in self.names:
            k = table.number_of(name)
            if k < 0:
                raise KeyError(name)
            kind = table.arrays.kind[k]
            if kind == Kind.FLAG:
                role[k] = FLAG
            elif kind not in (Kind.INTEGER, Kind.FLOAT):
                role[k] = TEXT
            else:
                role[k] = LIST if lists or table.is_list(k) else SCALAR
            group = LIST if role[k] == TEXT else int(role[k])
            row[k] = self._rows[group]
            self._rows[group] += 1
        end = table.number_of("END")
        self._plan = Plan(
            table.arrays, *_pack_names(table), role, row, end, table.strict_names
        )

    def read(self, batch: RecordBatch, faults: Faults) -> InfoColumns:
        """Read the INFO of a batch, and note its faults."""
        out = self._buffers(batch, faults)
        walk_info(batch.text, batch.start, batch.end, batch.pos, self._plan, out)
        used = int(out.used[0])
        if used:
            where, start, end = (np.ascontiguousarray(c) for c in out.near[:used].T)
            with np.errstate(over="ignore"):
                # Beyond float32 is infinite, as the cast of htslib has it.
                values = exact_floats(batch.text, start, end).astype(np.float32)
            on_tape = where >= 0
            out.tape_floats[where[on_tape]] = values[on_tape]
            out.cell_floats.reshape(-1)[-1 - where[~on_tape]] = values[~on_tape]
        columns = [self._column(batch, self.table.number_of(name), out) for name in self.names]
        return InfoColumns(self.names, columns, int(out.used[1]))

    def spans(
        self, batch: RecordBatch, faults: Faults
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        """Find where values of text stand instead of copying them, and what flags are set.

        Returns
        -------
        int64[texts, n], int32[texts, n]
            Start in the text of the batch and bytes of each value, keys in the order asked
            for; -1 bytes where there is none.
        bool[flags, n]
            The flags asked for.
        """
        out = self._buffers(batch, faults)
        walk_info(batch.text, batch.start, batch.end, batch.pos, self._plan, out)
        return out.at, out.many, out.flags

    def _buffers(self, batch: RecordBatch, faults: Faults) -> Out:
        n, rows = batch.size, self._rows
        plan = self._plan
        length = np.minimum(batch.start[:, 8] - 1, batch.end) - batch.start[:, 7]
        size = int(np.maximum(length, 0).sum()) + 1 if n else 1
        cells = np.empty((rows[SCALAR], n), np.int32)
        scalar = plan.role == SCALAR
        real = plan.table.kind == Kind.FLOAT
        cells[plan.row[scalar & real]] = FLOAT_MISSING
        cells[plan.row[scalar & ~real]] = INT_MISSING
        # A value takes a byte of text at least, one that is near takes four: room that is
        # not used is never touched, and so costs nothing.
        tape = np.empty(size if (plan.role == LIST).any() else 1, np.int32)
        near = np.empty((size // 3 + 1 if self.names else 1, 3), np.int64)
        return Out(
            cells,
            cells.view(np.float32),
            tape,
            tape.view(np.float32),
            np.zeros((rows[LIST], n), np.int64),
            np.full((rows[LIST], n), -1, np.int32),
            np.zeros((rows[FLAG], n), np.bool_),
            near,
            np.zeros(2, np.int64),
            faults.tally,
            faults.first,
        )

    def _column(self, batch: RecordBatch, k: int, out: Out) -> pa.Array:
        role, row = self._plan.role[k], self._plan.row[k]
        real = self._plan.table.kind[k] == Kind.FLOAT
        if role == FLAG:
            return flag_column(out.flags[row])
        if role == SCALAR:
            return number_column(out.cells[row], real=real)
        if role == LIST:
            return list_column(out.tape, out.at[row], out.many[row], real=real)
        split = "," if self.table.is_list(k) else None
        return text_array(batch.text, out.at[row], out.many[row], split=split)


def _pack_names(
    table: KeyTable,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    """Pack the names of keys that have no fault of their own for `_same32`."""
    arrays = table.arrays
    n = len(table.names)
    packed = np.zeros((n + 1, WIDTH), np.uint8)
    need = np.full(n + 1, _NEVER)
    for k in range(n):
        name = arrays.names[arrays.offset[k] : arrays.offset[k + 1]].tobytes()
        name += b"" if arrays.kind[k] == Kind.FLAG else b"="
        if len(name) <= WIDTH and arrays.legal[k] and arrays.declared[k]:
            packed[k, : len(name)] = np.frombuffer(name, np.uint8)
            need[k] = (1 << len(name)) - 1
    return packed.reshape(-1), need
