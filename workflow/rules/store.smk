rule commit:
    """Make everything visible at once: one Delta commit a table, then the release."""
    input:
        plan="plan.json",
        cohorts=get_cohort_manifests,
        bundles=get_bundle_manifests,
        genes="genes.done" if HAS_GENES else [],
        sides=NEW_SIDES,
    output:
        "commit.json",
    log:
        "logs/commit.log",
    benchmark:
        "benchmarks/commit.tsv"
    resources:
        mem_mb=mem_mb(2000),
        store_writer=1,
    params:
        sides=SIDES_OPTION,
    shell:
        "varhouse stage commit --run run.json --plan {input.plan} {params.sides}"
        " {input.cohorts}"
        " {input.bundles} -o {output} 2> {log}"
