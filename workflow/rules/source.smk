rule validate:
    """Check a file: header, shape, order, contigs, REF; cut it into chunks."""
    input:
        vcf=get_input_file,
    output:
        verdict="validate/{cohort}/{file}.json",
    log:
        "logs/validate/{cohort}/{file}.log",
    benchmark:
        "benchmarks/validate/{cohort}/{file}.tsv"
    resources:
        mem_mb=mem_mb(2000),
    params:
        version=VERSION,
    shell:
        "varhouse stage validate --run run.json --cohort {wildcards.cohort}"
        " --file {wildcards.file} -o {output.verdict} 2> {log}"


checkpoint plan:
    """Decide which cohorts go in and which job reads what."""
    input:
        verdicts=get_verdicts,
    output:
        plan="plan.json",
    log:
        "logs/plan.log",
    benchmark:
        "benchmarks/plan.tsv"
    resources:
        mem_mb=mem_mb(2000),
    shell:
        "varhouse stage plan --run run.json {input.verdicts} -o {output.plan} 2> {log}"
