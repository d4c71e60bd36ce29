checkpoint plan:
    """Decide which cohorts go in; bundle the partitions."""
    input:
        done=get_inputs_done(),
    output:
        "jobs/plan.json",
    log:
        "logs/plan.log",
    threads: 1
    resources:
        mem_mb=mem_mb("plan"),
        runtime=minutes("plan"),
    params:
        about=about("plan"),
    message:
        SAID
    shell:
        "varhouse stage plan --run run.json --threads {threads}" " -o {output} 2> {log}"
