rule settle:
    """Name the new alleles of some partitions, annotate them, add the cohorts up."""
    input:
        cohorts=get_cohorts_done,
    output:
        "jobs/settle/{bundle}.json",
    log:
        "logs/settle/{bundle}.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("settle"),
        runtime=minutes("settle"),
    params:
        about=about("settle"),
    message:
        SAID
    shell:
        "varhouse stage settle --run run.json --threads {threads}"
        " --bundle {wildcards.bundle} -o {output} 2> {log}"
