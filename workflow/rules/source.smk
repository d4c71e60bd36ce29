rule source:
    """Compile a source, once for each state of its file, its settings and the reference."""
    input:
        file=lambda wildcards: get_nameable([SOURCES[wildcards.source]]),
    output:
        "jobs/source/{source}.json",
    log:
        "logs/source/{source}.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("source"),
        runtime=minutes("source"),
    params:
        about=about("source"),
    message:
        SAID
    shell:
        "varhouse stage source --run run.json --threads {threads}"
        " --source {wildcards.source} -o {output} 2> {log}"
