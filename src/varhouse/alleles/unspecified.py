"""The unspecified allele: of no known sequence, it stands for whatever else may be there.

`<*>` of VCF 4.2 to 4.5 (section 5.5), `<NON_REF>` of GATK, `<X>` of samtools 1.0 and 1.1.
htslib takes the three for reference alike (`bcf_set_variant_type`). It is no allele that can
be stored or counted.
"""

import re

UNSPECIFIED_ALTS = ("<*>", "<X>", "<NON_REF>")
"""Its names in ALT."""

_NAMES = "|".join(map(re.escape, UNSPECIFIED_ALTS))

NO_ALT = rf"^(\.|{_NAMES})(,({_NAMES}))*$"
"""Pattern of the ALT column of a record without an allele that could be stored."""
