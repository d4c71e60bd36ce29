"""Sentences on FORMAT, the samples, genotypes and local alleles."""

from rulebook import Sentence, row


def _format(name: str, number: str, type_: str) -> str:
    return f'##FORMAT=<ID={name},Number={number},Type={type_},Description="x">'


GT, DP = _format("GT", "1", "String"), _format("DP", "1", "Integer")
FORMATS = (
    GT, DP, _format("X", "1", "Integer"), _format("Y", ".", "String"),
    _format("Z", "1", "Float"), _format("AD", "R", "Integer"), _format("GQ", "1", "Integer"),
    _format("PL", "G", "Integer"), _format("GL", "G", "Float"), _format("EC", "A", "Integer"),
    _format("HQ", "2", "Integer"), _format("FT", "1", "String"),
    _format("C", "1", "Character"), _format("PS", "1", "Integer"),
    _format("MQ", "1", "Integer"), _format("PQ", "1", "Integer"),
)  # fmt: skip
LOCAL = (
    _format("LAA", ".", "Integer"), _format("LAD", "LR", "Integer"),
    _format("LEC", "LA", "Integer"), _format("LPL", "LG", "Integer"),
    _format("LGL", "LG", "Float"), _format("LEN", "1", "Integer"),
)  # fmt: skip
PHASE = (
    _format("PSL", "P", "String"),
    _format("PSO", "P", "Integer"),
    _format("PSQ", "P", "Integer"),
)


def samples(
    keys: str,
    *cells: str,
    alt: str = "C",
    info_: str = ".",
    ref: str = "A",
    meta: tuple[str, ...] = FORMATS,
) -> str:
    """Write an example of one record with the samples given."""
    names = " ".join(f"s{k}" for k in range(len(cells)))
    line = f"1 5 . {ref} {alt} . . {info_} {keys} {' '.join(cells)}"
    return row(line, meta=meta, samples=names)


def local(keys: str, *cells: str, alt: str = "C") -> str:
    """Write an example with fields of local alleles."""
    return samples(keys, *cells, alt=alt, meta=(*FORMATS, *LOCAL))


def listed(keys: str, *cells: str, alt: str = "C") -> str:
    """Write an example with LAA, as files of any version have it."""
    meta = (GT, FORMATS[2], _format("LAA", ".", "Integer"), _format("LAD", ".", "Integer"))
    return samples(keys, *cells, alt=alt, meta=meta)


def phased(keys: str, *cells: str, alt: str = "C") -> str:
    """Write an example with lists of phase sets."""
    return samples(keys, *cells, alt=alt, meta=(*FORMATS, *PHASE))


_FORMAT = (
    Sentence(
        "format-key", "1.6.2",
        "colon-separated FORMAT keys matching the regular expression "
        "^[A-Za-z_][0-9A-Za-z_.]*$",
        "3-5 error", "VH-M-002",
        good=(samples("GT:X", "0/1:1"), samples("_a.B9", "1", meta=())),
        bad=(samples("GT:X*Y", "0/1:1"), samples("GT:9X", "0/1:1"), samples("GT:X-Y", "0/1:1"),
             samples("GT:1000G", "0/1:1")),
        note="4.1 and 4.2: `colon-separated alphanumeric String', which no caller keeps to",
    ),
    Sentence(
        "format-key-empty", "1", "Zero length fields are not allowed",
        "1-5 error", "VH-M-001",
        good=(samples("GT", "0/1"), samples(".", ".")),
        bad=(samples("GT::X", "0/1:1:1"), samples("GT:", "0/1:"), samples(":GT", ":0/1")),
    ),
    Sentence(
        "format-twice", "1.6.2", "duplicate keys are not allowed",
        "1-2 warning, 3-5 error", "VH-M-003",
        good=(samples("GT:X", "0/1:1"),),
        bad=(samples("GT:X:X", "0/1:1:1"), samples("GT:GT", "0/1:0/1")),
        note="4.1 and 4.2 do not say so",
    ),
    Sentence(
        "format-gt-first", "1.6.2",
        "The first key must always be the genotype (GT) if it is present",
        "1-5 error", "VH-M-005",
        good=(samples("GT:X", "0/1:1"), samples("X:Y", "1:a")),
        bad=(samples("X:GT", "1:0/1"), samples("X:Y:GT", "1:a:0/1")),
    ),
    Sentence(
        "format-declared", "1.4.4",
        "Additional Genotype keys can be defined in the meta-information",
        "1-5 warning", "VH-M-004",
        good=(samples("GT:X", "0/1:1"),), bad=(samples("GT:Q", "0/1:1"),),
    ),
    Sentence(
        "sample-fields", "1.6.2",
        "one data block per sample, with the colon-separated data corresponding to the types "
        "specified in the format",
        "1-5 error", "VH-M-006",
        good=(samples("GT:X", "0/1:1", "0/0:2"),),
        bad=(samples("GT", "0/1:1"), samples("GT:X", "0/1:1", "0/0:2:3")),
    ),
    Sentence(
        "sample-trailing", "1.6.2",
        "Trailing fields can be dropped, with the exception of the GT field, which should "
        "always "
        "be present if specified in the FORMAT field",
        good=(samples("GT:X:Y:PL", "0/1:1", "0/0", "./."), samples("X:Y:Z", "1", ".", "1:a")),
    ),
    Sentence(
        "sample-missing", "1.6.2",
        "If any of the fields is missing, it is replaced with the MISSING value; ... "
        "either as a "
        "single MISSING value ('.') or as a list of missing values",
        good=(samples("GT:HQ:AD:PL:X", "0/1:.:.:.:.", "./.:.,.:.,.:.,.,.:."),),
    ),
    Sentence(
        "sample-empty", "1",
        "Zero length fields are not allowed, a dot ('.') must be used instead",
        "1-5 error", "VH-M-011",
        good=(samples("GT:X:Y", "0/1:.:a"),),
        bad=(samples("GT:X:Y", "0/1::a"), samples("GT:X", "0/1:"), samples("GT:X", ":1"),
             samples("X:AD", "1:1,")),
        note="a warning in files that declare LAA: section 1.6.2 of 4.5 itself writes "
        "`0/0::30:0`",
    ),
    Sentence(
        "sample-number", "1.4.4",
        "this field is otherwise defined precisely as the INFO field",
        "1-5 error", "VH-M-007",
        good=(samples("GT:HQ:X", "0/1:1,2:3"),),
        bad=(samples("GT:HQ", "0/1:1"), samples("GT:HQ", "0/1:1,2,3"), samples("GT:X",
             "0/1:1,2"),
             samples("GT:HQ", "0/1:.,.,.")),
    ),
    Sentence(
        "sample-number-a-r", "1.4.2",
        "A: one value per alternate allele; R: for each possible allele",
        "1-5 error", "VH-M-007",
        good=(samples("GT:AD:EC", "0/1:3,4:1", "./.:.:."),
              samples("GT:AD:EC", "0/2:3,4,5:1,2", "0/1:.,.,.:.,.", alt="C,G")),
        bad=(samples("GT:AD", "0/1:3"), samples("GT:AD", "0/1:3,4,5"),
             samples("GT:AD", "0/1:3,4", alt="C,G"), samples("GT:EC", "0/1:1,2"),
             samples("GT:EC", "0/1:1", alt="C,G")),
    ),
    Sentence(
        "sample-number-g", "1.6.2",
        "In presence of the GT field the same ploidy is expected; without GT field, "
        "diploidy is "
        "assumed",
        "1-5 error", "VH-M-007",
        good=(samples("GT:PL", "0/1:1,2,3", "0:1,2", "0/0/1:1,2,3,4", "./.:.", ".:0,0,0"),
              samples("GT:PL", "0/2:1,2,3,4,5,6", "2:1,2,3", alt="C,G"),
              samples("PL", "1,2,3", "."), samples("PL:GL", "1,2,3,4,5,6:.", alt="C,G")),
        bad=(samples("GT:PL", "0/1:1,2"), samples("GT:PL", "0:1,2,3"),
             samples("GT:PL", "0/0/1:1,2,3"), samples("GT:PL", "0/1:1,2,3", alt="C,G"),
             samples("GT:PL", "0/1:1,2,3", "0:1,2,3"), samples("PL", "1,2"),
             samples("PL", "1,2,3,4"), samples("GL", "-1,-2,-3", alt="C,G"),
             samples("GT:GL", "0|1:-1,-2")),
        note="the ploidy of GT `.` is not known",
    ),
    Sentence(
        "sample-number-by-habit", "1.4.4",
        "The Number entry is an Integer that describes the number of values",
        "1-5 warning", "VH-M-018",
        good=(samples("GT:HDS", "0|1:0,0.9", meta=(GT, _format("HDS", "2", "Float"))),
              samples("GT:DP4", "0/1:1", meta=(GT, _format("DP4", "1", "String"))),
              samples("GT:RNC", "0/1:.,M", meta=(GT, _format("RNC", "2", "Character")))),
        bad=(samples("GT:RNC", "0/1:..", meta=(GT, _format("RNC", "2", "Character"))),
             samples("GT:RNC", "./.:MM", "0/.:-I",
                     meta=(GT, _format("RNC", "2", "Character"))),
             samples("GT:DP4", "0/1:1,2,3,4", meta=(GT, _format("DP4", "1", "String"))),
             samples("GT:HDS", "1:0.9", meta=(GT, _format("HDS", "2", "Float")))),
        note="names GLnexus, VarScan 2 and minimac4; any third count is an error",
    ),
    Sentence(
        "sample-number-beside-habit", "1.4.4",
        "The Number entry is an Integer that describes the number of values",
        "1-5 error", "VH-M-007",
        good=(samples("GT:HDS", "0|1:0,0.9", meta=(GT, _format("HDS", "2", "Float"))),),
        bad=(samples("GT:HDS", "0|1:0,1,0", meta=(GT, _format("HDS", "2", "Float"))),
             samples("GT:DP4", "0/1:1,2,3", meta=(GT, _format("DP4", "1", "String"))),
             samples("GT:RNC", "0/1:M,M,M", meta=(GT, _format("RNC", "2", "Character")))),
        note="of the keys of the row before",
    ),
    Sentence(
        "sample-type", "1.3", "Integer ..., Float ..., Character and String",
        "1-5 error", "VH-M-008",
        good=(samples("GT:X:Z:C:Y", "0/1:-3:1e-5:x:a,b", "0/1:7:nan:é:%3A",
              "0/0:+1:-INF:.:."),),
        bad=(samples("GT:X", "0/1:1.5"), samples("GT:X", "0/1:x"), samples("GT:Z", "0/1:abc"),
             samples("GT:C", "0/1:xy"), samples("GT:X", "0/1:2147483648"),
             samples("GT:X", "0/1:-2147483648"), samples("GT:AD", "0/1:3,b"),
             samples("GT:Z", "0/1:1e"), samples("GT:GQ", "0/1:3x")),
    ),
    Sentence(
        "sample-space", "1.6.2", "No whitespace or semicolons permitted (FT)",
        "1-5 error", "VH-M-010",
        good=(samples("GT:FT:Y", "0/1:PASS:a_b", "0/1:q10;s50:."),),
        bad=(samples("GT:FT", "0/1:q10~s50"), samples("GT:Y", "0/1:a~b"), samples("GT:X",
             "0/1:1~")),
        note="a list of FT is divided by semicolons, says the sentence before: they pass",
    ),
    Sentence(
        "sample-not-negative", "1.6.2",
        "Read depth; quality, encoded as a phred quality; phase set (non-negative 32-bit "
        "Integer)",
        "1-5 error", "VH-M-009",
        good=(samples("GT:DP:GQ:HQ:PS:MQ:PQ", "0|1:0:99:1,2:5:60:3"),),
        bad=(samples("GT:DP", "0/1:-1"), samples("GT:GQ", "0/1:-5"), samples("GT:HQ",
             "0/1:-1,-1"),
             samples("GT:PS", "0|1:-7"), samples("GT:MQ", "0/1:-1")),
    ),
    Sentence(
        "sample-copies-unknown", "4", "Copy number genotype",
        "1-5 warning", "VH-M-019",
        good=(samples("GT:CN", "0/1:2"),),
        bad=(samples("GT:CN", "0/1:-1", meta=(GT, _format("CN", "1", "Integer"))),
             samples("GT:CN", "0/1:-1", meta=())),
        note="names Delly",
    ),
    Sentence(
        "sample-copies-negative", "4", "Copy number genotype",
        "1-5 error", "VH-M-009",
        good=(samples("GT:CN", "0/1:0"),),
        bad=(samples("GT:CN", "0/1:-2", meta=(GT, _format("CN", "1", "Integer"))),
             samples("GT:CN", "0/1:-3", meta=())),
    ),
    Sentence(
        "sample-gp", "1.6.2", "Genotype posterior probabilities in the range 0 to 1",
        "3-5 error", "VH-M-009",
        good=(samples("GT:GP", "0/1:0,1,0", "0/0:0.98,0.02,0",
                      meta=(GT, _format("GP", "G", "Float"))),),
        bad=(samples("GT:GP", "0/1:30,0,45", meta=(GT, _format("GP", "G", "Float"))),
             samples("GT:GP", "0/1:0.1,1.1,0.1", meta=(GT, _format("GP", "G", "Float")))),
        note="4.1 and 4.2: phred-scaled",
    ),
    Sentence(
        "sample-reserved", "1.6.2",
        "reference Number, Type and Description (table of genotype keys)",
        "1-5 error", "VH-M-008",
        good=(samples("GT:DP:GQ:PL", "0/1:9:50:10,0,20", meta=()),),
        bad=(samples("GT:DP", "0/1:9.5", meta=()), samples("GT:GQ", "0/1:high", meta=()),
             samples("GT:PL", "0/1:a,0,1", meta=())),
        note="also where the header does not declare them",
    ),
    Sentence(
        "format-declared-otherwise", "1.6.2", "reserved keywords that are standards",
        "1-5 error", "VH-H-006",
        good=(samples("GT", "0/1", meta=FORMATS),),
        bad=(samples("GT", "0/1", meta=(_format("GT", "1", "Float"),)),
             samples("GT", "0/1", meta=(GT, _format("HQ", "1", "Integer"))),
             samples("GT", "0/1", meta=(GT, _format("GQ", "2", "Integer"))),
             samples("GT", "0/1", meta=(GT, _format("PL", "G", "Float"))),
             samples("GT", "0/1", meta=(GT, _format("DP", "1", "String")))),
    ),
    Sentence(
        "format-declared-by-habit", "1.6.2",
        "GL: G Float, GQ: 1 Integer, PL: G, FT: 1 (table)",
        "1-5 warning", "VH-H-024",
        good=(samples("GT:GQ", "0/1:50"),),
        bad=(samples("GT:GQ", "0/1:50.5", meta=(GT, _format("GQ", "1", "Float"))),
             samples("GT:GL", "0/1:-1.5,0,-3", meta=(GT, _format("GL", "G", "Integer"))),
             samples("GT:GL", "0/1:-1,0,-3", meta=(GT, _format("GL", "3", "Float"))),
             samples("GT:GL", "1/2:-1,-1,-1", alt="C,G", meta=(GT, _format("GL", ".",
             "Float"))),
             samples("GT:PL", "0/1:1,0,3", meta=(GT, _format("PL", "3", "Integer"))),
             samples("GT:AD", "0/1:4", meta=(GT, _format("AD", "1", "Integer"))),
             samples("GT:AD", "0/1:3,4", meta=(GT, _format("AD", ".", "Integer"))),
             samples("GT:FT", "0/1:a", meta=(GT, _format("FT", ".", "String"))),
             samples("GT:PS", "0|1:PATMAT", meta=(GT, _format("PS", "1", "String"))),
             samples("GT", "0/1", "1", meta=(_format("GT", "1", "Integer"),))),
        note="names the tool (freebayes, samtools 0.1, VarScan, PharmCAT, Genome in a Bottle)",
    ),
)  # fmt: skip

_GENOTYPE = (
    Sentence(
        "gt-syntax",
        "1.6.2",
        "encoded as allele value preceded by either of / or | depending on whether that "
        "allele is "
        "considered phased",
        "1-5 error",
        "VH-G-001",
        good=(
            samples("GT", "0/1", "1|0", "0", ".", "./.", "0/0/1", "0|1|1", ".|1", "0/1|1"),
            samples("GT", "0/10", alt=",".join("A" * k + "C" for k in range(10))),
        ),
        bad=(
            samples("GT", "0/"),
            samples("GT", "/"),
            samples("GT", "0//1"),
            samples("GT", "a/b"),
            samples("GT", "-1/0"),
            samples("GT", "0\\1"),
            samples("GT", "0/1/"),
            samples("GT", "0,1"),
            samples("GT", "01x"),
            samples("GT:X", "0/x:1"),
            samples("GT", "1.0"),
            samples("GT", "A/C"),
            samples("GT", "*/1"),
        ),
    ),
    Sentence(
        "gt-alleles",
        "1.6.2",
        "0 for the reference allele ..., 1 for the first allele listed in ALT, 2 for the "
        "second "
        "allele list in ALT and so on",
        "1-5 error",
        "VH-G-002",
        good=(
            samples("GT", "0/1"),
            samples("GT", "1/2", alt="C,G"),
            samples("GT", "2", alt="C,*"),
        ),
        bad=(
            samples("GT", "0/2"),
            samples("GT", "3|0", alt="C,G"),
            samples("GT", "2"),
            samples("GT:X", "0/0:1", "1/2:1"),
            samples("GT", "0/1234"),
            samples("GT", "2/2", alt="."),
        ),
    ),
    Sentence(
        "gt-without-alt",
        "1.6.2",
        "1 for the first allele listed in ALT",
        "1-5 warning",
        "VH-G-003",
        good=(samples("GT", "0/0", alt="."),),
        bad=(samples("GT", "0/1", alt="."),),
        note="callers that know of an allele and hide it; an ingest rejects the record, in a "
        "gVCF (VH-G-005) nobody is called with it",
    ),
    Sentence(
        "gt-leading-phase",
        "4.1 to 4.3: 1.4.2, 1.6.2",
        "encoded as allele values separated by either of / or |",
        "1-3 error",
        "VH-G-004",
        good=(samples("GT", "0/1"),),
        bad=(samples("GT", "/0/1"), samples("GT", "|1")),
        note="4.4 brought the first phase mark",
    ),
    Sentence(
        "gt-missing",
        "1.6.2",
        "If a call cannot be made for a sample at a given locus, '.' must be specified for "
        "each "
        "missing allele in the GT field",
        "1-5 error",
        "VH-M-011",
        good=(samples("GT", "./.", ".", "./././."),),
        bad=(samples("GT:X", ":1"),),
        note="`.` for a diploid person is let pass: its ploidy is not known",
    ),
)

_LOCAL = (
    Sentence(
        "laa-first", "1.6.2",
        "If any local-allele field is present, LAA must also be present and precede all "
        "fields "
        "other than GT",
        "5 error", "VH-M-012",
        good=(local("GT:LAA:LAD:LPL", "0/1:1:3,4:1,2,3"), local("LAA:LAD", "1:3,4"),
              local("GT:LAA", "0/1:1"), local("GT:LAA:X:LAD", "0/1:1:5:3,4")),
        bad=(local("GT:LAD", "0/1:3,4"), local("GT:X:LAA:LAD", "0/1:2:1:3,4"),
             local("LAD:LAA", "3,4:1"), local("GT:LPL", "0/1:1,2,3")),
    ),
    Sentence(
        "laa-values", "1.6.2",
        "LAA is a list of n distinct integers, giving the 1-based indices of the ALT "
        "alleles that "
        "are observed in the sample",
        "1-4 warning, 5 error", "VH-M-014",
        good=(listed("GT:LAA", "0/1:1"), listed("GT:LAA", "1/2:1,2", "0/0:.", "0/2:2",
              alt="C,G"),
              listed("GT:LAA:LAD", "0/1:1:3,4", "0/0:.:3")),
        bad=(listed("GT:LAA", "0/1:2"), listed("GT:LAA", "0/1:0"),
             listed("GT:LAA", "0/1:1,1", alt="C,G"), listed("GT:LAA", "0/1:1,3", alt="C,G"),
             listed("GT:LAA", "0/0:.", "0/1:1,2,1", alt="C,G,T"),
             listed("LAA:LAD", "0,1:3,4,5", alt="C,G")),
        note="reserved from 4.5 on; DRAGEN writes it in older files",
    ),
    Sentence(
        "laa-order", "1.6.2",
        "defining the alleles that are actually in-play for that sample and the order in "
        "which "
        "they are interpreted",
        "1-5 warning", "VH-M-015",
        good=(listed("GT:LAA", "1/2:1,2", alt="C,G"),),
        bad=(listed("GT:LAA:X", "1/2:2,1:5", alt="C,G"),),
        note="any order is legal: not all tools read it",
    ),
    Sentence(
        "laa-observed", "1.6.2", "the ALT alleles that are observed in the sample",
        "1-5 warning", "VH-M-016",
        good=(listed("GT:LAA", "0/2:2", alt="C,G"), listed("GT:LAA", "./.:."),
              listed("GT:LAA", "0/0:1")),
        bad=(listed("GT:LAA", "0/2:1", alt="C,G"), listed("GT:LAA", "0/1:.")),
    ),
    Sentence(
        "local-numbers", "1.4.4",
        "LA, LR, LG: Identical to A, R, G except the only alternate alleles defined in the "
        "LAA "
        "field are considered present",
        "5 error", "VH-M-007",
        good=(local("GT:LAA:LAD:LEC:LPL", "0/2:2:3,4:1:1,2,3", "0/0:.:9:.:0", "2:2:3,4:1:1,2",
                    "1/2:1,2:1,2,3:1,2:1,2,3,4,5,6", "0/0:.:.:.:.", alt="C,G"),
              local("LAA:LAD:LPL", "1:3,4:1,2,3", ".:9:0", alt="C,G")),
        bad=(local("GT:LAA:LAD", "0/1:1:3,4,5", alt="C,G"), local("GT:LAA:LAD", "0/0:.:3,4"),
             local("GT:LAA:LPL", "0/1:1:1,2"), local("GT:LAA:LPL", "0/1:1:1,2,3,4,5,6",
             alt="C,G"),
             local("GT:LAA:LPL", "1:1:1,2,3"), local("GT:LAA:LEC", "0/2:2:1,2", alt="C,G"),
             local("LAA:LPL", "1:1,2")),
    ),
    Sentence(
        "local-same", "1.6.2",
        "If a field and it's local-allele equivalent are both defined they must encode "
        "identical "
        "information or one must ignored by containing the MISSING value or omitted",
        "5 error", "VH-M-017",
        good=(local("GT:LAA:LAD:AD", "0/2:2:3,4:3,.,4", "0/0:.:9:9,.,.", "0/1:1:.:1,2,3",
                    "0/1:1:1,2:.", alt="C,G"),
              local("GT:LAA:LAD:AD", "0/2:2:3,4:3,7,4", alt="C,G"),
              local("GT:LAA:LPL:PL", "0/2:2:1,2,3:1,.,.,2,.,3", "0:.:1:1,.,.", alt="C,G")),
        bad=(local("GT:LAA:LAD:AD", "0/2:2:3,5:3,.,4", alt="C,G"),
             local("GT:LAA:LAD:AD", "0/1:1:3,4:4,3"),
             local("GT:LAA:LPL:PL", "0/2:2:1,2,3:1,.,.,2,.,4", alt="C,G"),
             local("GT:LAA:LAD:AD", "0/0:.:9:8,.,.", alt="C,G")),
        note="values of alleles that are not local say nothing against it",
    ),
    Sentence(
        "phase-lists", "1.6.2 (from 4.4 on)",
        "The list of phase sets, one for each allele value specified in the GT",
        "4-5 error", "VH-M-007",
        good=(phased("GT:PSL", "|0/1:a,.", "1|2:.,b", "0/0:.,.", ".:.", "0/1:.", alt="C,G"),
              phased("GT:PSL:PSO:PSQ", "0|1:a,b:1,2:30,40"), phased("GT:PSL", "|0|1|1:a,b,b")),
        bad=(phased("GT:PSL", "0|1:a"), phased("GT:PSL", "0|1:a,b,c"),
             phased("GT:PSL:PSO", "0|1:a,b:1"), phased("GT:PSL:PSQ", "0|1:a,b:1,2,3"),
             phased("GT:PSL", "0|1|1:a,b")),
    ),
    Sentence(
        "phase-list-unphased", "1.6.2 (from 4.4 on)",
        "Unphased alleles (without a | separator before them) must have the value '.' in "
        "their "
        "corresponding position in the list",
        "4-5 error", "VH-V-012",
        good=(phased("GT:PSL", "/0/1:.,."), phased("GT:PSL", "/0|1:.,a")),
        bad=(phased("GT:PSL", "0/1:a,b"), phased("GT:PSL", "/0|1:a,b"),
             phased("GT:PSL", "|0/1:a,b")),
    ),
    Sentence(
        "phase-list-and-set", "1.6.2 (from 4.4 on)",
        "A given sample-genotype must not have values for both PS and PSL",
        "4-5 error", "VH-V-012",
        good=(phased("GT:PS:PSL", "0|1:.:a,b", "0|1:5:.", "0|1:5:.,."),),
        bad=(phased("GT:PS:PSL", "0|1:5:a,b"),),
    ),
    Sentence(
        "phase-list-missing", "1.6.2 (from 4.4 on)",
        "The missing value '.' should be used when the corresponding PSL value is missing",
        "4-5 error", "VH-V-012",
        good=(phased("GT:PSL:PSO:PSQ", "/0|1:.,a:.,1:.,30"),),
        bad=(phased("GT:PSL:PSO", "/0|1:.,a:1,2"), phased("GT:PSL:PSQ", "0/1:.,.:1,2")),
        note="an error as EVA's validator has it: a value of nothing",
    ),
    Sentence(
        "modification-gt", "1.4.4",
        "If any base modification key is present for a sample, GT must be defined for that "
        "sample",
        "5 error", "VH-M-013",
        good=(samples("GT:M5mC", "0/1:0.5", ref="C", alt="A", meta=(GT, _format("M5mC", "M",
              "Float"))),),
        bad=(samples("M5mC", "0.5", ref="C", alt="A", meta=(_format("M5mC", "M", "Float"),)),),
    ),
    Sentence(
        "modification-number", "1.4.4",
        "The cardinality of M fields is determined by genotype and number of possible base "
        "modifications for the corresponding alleles",
        note="not counted: any number of values passes",
    ),
    Sentence(
        "modification-range", "1.6.2", "Values must be between 0 and 1",
        "5 error", "VH-M-009",
        good=(samples("GT:M5mC", "0/1:1", ref="C", alt="A", meta=(GT, _format("M5mC", "M",
              "Float"))),),
        bad=(samples("GT:M5mC", "0/1:50", ref="C", alt="A", meta=(GT, _format("M5mC", "M",
             "Float"))),
             samples("GT:M5mC", "0/1:-0.1", ref="C", alt="A", meta=(GT, _format("M5mC", "M",
             "Float")))),
    ),
)  # fmt: skip

SAMPLES: dict[str, tuple[Sentence, ...]] = {
    "FORMAT and samples": _FORMAT,
    "Genotypes": _GENOTYPE,
    "Local alleles, phase sets and base modifications": _LOCAL,
}
"""Heading of the page to its sentences, in order."""
