"""What normalisation found about an allele."""

from enum import IntEnum


class Status(IntEnum):
    """The verdict on one allele; the first five mean that it can be carried on."""

    UNCHANGED = 0
    """REF agrees with the reference, the allele was normalised before (but for case)."""
    CHANGED = 1
    """REF agrees with the reference, the allele was trimmed or shifted."""
    KEPT = 2
    """REF agrees, ALT is no sequence (`<DEL>`, `*`, `.`, `<*>`, breakend): as it was."""
    REF_UNCHECKED = 3
    """REF lies outside the bases the reference holds, or is N of an allele that is no
    sequence: trimmed only, not shifted."""
    REF_MISMATCH = 4
    """REF differs from the reference: as it was."""
    REF_INVALID = 5
    """REF is empty or has a letter that is no IUPAC base: as it was."""
    ALT_INVALID = 6
    """ALT is empty, or neither A, C, G, T, N nor one of the VCF notations: as it was."""
    ALT_EQUALS_REF = 7
    """ALT is REF: as it was."""

    @property
    def is_fault(self) -> bool:
        """Tell whether the allele must be held back whatever the policy."""
        return self >= Status.REF_MISMATCH

    @property
    def code(self) -> str:
        """The reason code of the rejects table, e.g. `ref_mismatch`."""
        return self.name.lower()
