rule commit:
    """What is left to do; then make all visible at once: a Delta commit a table, a release."""
    input:
        done=get_bundles_done if JOBS["bundled"] else get_inputs_done(),
    output:
        "jobs/commit.json",
    log:
        "logs/commit.log",
    threads: JOBS["threads"]
    resources:
        mem_mb=mem_mb("commit"),
        runtime=minutes("commit"),
        store_writer=1,
    params:
        about=about("commit"),
    message:
        SAID
    shell:
        "varhouse stage commit --run run.json --threads {threads}"
        " -o {output} 2> {log}"
