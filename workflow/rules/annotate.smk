rule alleles:
    """Find the alleles that are new to the store; give them their names."""
    input:
        plan="plan.json",
        cohorts=get_cohort_manifests,
    output:
        manifest="alleles/{bundle}/manifest.json",
    log:
        "logs/alleles/{bundle}.log",
    benchmark:
        "benchmarks/alleles/{bundle}.tsv"
    resources:
        mem_mb=mem_mb(3000),
    params:
        folder=subpath(output.manifest, parent=True),
        cohorts=get_cohort_folders,
        version=VERSION,
    shell:
        "varhouse stage alleles --run run.json --plan {input.plan}"
        " --bundle {wildcards.bundle} {params.cohorts} -o {params.folder} 2> {log}"


rule genes:
    """Compile the gene model, once for each annotation and reference."""
    input:
        annotation=get_nameable([RUN["genes"]] if HAS_GENES else []),
    output:
        marker="genes.done",
    log:
        "logs/genes.log",
    benchmark:
        "benchmarks/genes.tsv"
    resources:
        mem_mb=mem_mb(4000),
    params:
        version=VERSION,
    shell:
        "varhouse stage genes --run run.json -o {output.marker} 2> {log}"


rule source:
    """Compile a source, once for each state of its file, its settings and the reference."""
    input:
        file=lambda wildcards: get_nameable([SOURCES[wildcards.source]["path"]]),
    output:
        marker="sources/{source}.done",
    log:
        "logs/sources/{source}.log",
    benchmark:
        "benchmarks/sources/{source}.tsv"
    resources:
        mem_mb=mem_mb(2000),
    params:
        version=VERSION,
    shell:
        "varhouse stage source --run run.json --source {wildcards.source}"
        " -o {output.marker} 2> {log}"


rule sides:
    """Digest what the gene model and the sources say of each partition."""
    input:
        genes="genes.done" if HAS_GENES else [],
        sources=[f"sources/{name}.done" for name in SOURCES],
    output:
        sides="sides.json",
    log:
        "logs/sides.log",
    benchmark:
        "benchmarks/sides.tsv"
    resources:
        mem_mb=mem_mb(2000),
    params:
        version=VERSION,
    shell:
        "varhouse stage sides --run run.json -o {output.sides} 2> {log}"


rule annotate:
    """Consequences by transcript and joins with the sources, for new alleles only."""
    input:
        plan="plan.json",
        alleles="alleles/{bundle}/manifest.json",
        genes="genes.done" if HAS_GENES else [],
        sources=[f"sources/{name}.done" for name in SOURCES],
    output:
        manifest="annotate/{bundle}/manifest.json",
    log:
        "logs/annotate/{bundle}.log",
    benchmark:
        "benchmarks/annotate/{bundle}.tsv"
    resources:
        mem_mb=mem_mb(4000),
    params:
        folder=subpath(output.manifest, parent=True),
        alleles=subpath(input.alleles, parent=True),
        version=VERSION,
    shell:
        "varhouse stage annotate --run run.json --plan {input.plan}"
        " --bundle {wildcards.bundle} --alleles {params.alleles} -o {params.folder} 2> {log}"
