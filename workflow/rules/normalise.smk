rule read:
    """Read some chunks: split, normalise, count; sites, genotypes and rejects."""
    input:
        plan="plan.json",
    output:
        task="read/{task}/task.json",
    log:
        "logs/read/{task}.log",
    benchmark:
        "benchmarks/read/{task}.tsv"
    resources:
        mem_mb=mem_mb(3000),
    params:
        folder=subpath(output.task, parent=True),
        version=VERSION,
    shell:
        "varhouse stage read --run run.json --plan {input.plan} --task {wildcards.task}"
        " -o {params.folder} 2> {log}"


rule cohort:
    """Join the chunks of a cohort; its samples, files and own row."""
    input:
        plan="plan.json",
        tasks=get_tasks,
    output:
        manifest="cohorts/{cohort}/manifest.json",
        alleles="cohorts/{cohort}/alleles.json",
    log:
        "logs/cohort/{cohort}.log",
    benchmark:
        "benchmarks/cohort/{cohort}.tsv"
    resources:
        mem_mb=mem_mb(3000),
    params:
        folder=subpath(output.manifest, parent=True),
        version=VERSION,
    shell:
        "varhouse stage cohort --run run.json --plan {input.plan}"
        " --cohort {wildcards.cohort} {input.tasks} -o {params.folder} 2> {log}"
