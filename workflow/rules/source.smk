rule validate:
    """Check files: header, shape, order, contigs, REF; cut them into chunks."""
    input:
        vcf=get_input_files,
    output:
        marker="validate/{cohort}/batch-{batch}.done",
    log:
        "logs/validate/{cohort}/{batch}.log",
    benchmark:
        "benchmarks/validate/{cohort}/{batch}.tsv"
    resources:
        mem_mb=mem_mb(2000),
    params:
        files=get_batch,
        version=VERSION,
    shell:
        "varhouse stage validate --run run.json --cohort {wildcards.cohort}"
        " --files {params.files} -o {output.marker} 2> {log}"


checkpoint plan:
    """Decide which cohorts go in and which job reads what."""
    input:
        verdicts=get_verdicts,
        sides=NEW_SIDES,
    output:
        plan="plan.json",
    log:
        "logs/plan.log",
    benchmark:
        "benchmarks/plan.tsv"
    resources:
        mem_mb=mem_mb(2000),
    params:
        sides=SIDES_OPTION,
    shell:
        "varhouse stage plan --run run.json --verdicts validate"
        " {params.sides} -o {output.plan} 2> {log}"
