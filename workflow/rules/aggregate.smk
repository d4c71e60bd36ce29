rule totals:
    """Add the cohorts up; take out alleles that nobody carries any more."""
    input:
        plan="plan.json",
        cohorts=get_cohort_manifests,
        alleles="alleles/{bundle}/manifest.json",
    output:
        manifest="totals/{bundle}/manifest.json",
    log:
        "logs/totals/{bundle}.log",
    benchmark:
        "benchmarks/totals/{bundle}.tsv"
    resources:
        mem_mb=mem_mb(3000),
    params:
        folder=subpath(output.manifest, parent=True),
        cohorts=get_cohort_folders,
        version=VERSION,
    shell:
        "varhouse stage totals --run run.json --plan {input.plan}"
        " --bundle {wildcards.bundle} {params.cohorts} -o {params.folder} 2> {log}"
