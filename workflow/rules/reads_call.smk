rule reads_call:
    """Call some stretches of the genome of somebody."""
    input:
        reads=get_alignment,
        index=ancient("jobs/reads_index.json"),
    output:
        job="jobs/reads_call/{calls}/{job}.json",
        regions=temp(directory("regions/{calls}/{job}")),
    log:
        "logs/reads_call/{calls}/{job}.log",
    priority: 2
    conda:
        get_environment("caller")
    threads: JOBS["threads"]["reads_call"]
    resources:
        mem_mb=mem_mb("reads_call"),
        runtime=minutes("reads_call"),
    params:
        about=about("reads_call"),
    message:
        SAID
    shell:
        "varhouse stage reads_call --run run.json --threads {threads}"
        " --calls {wildcards.calls} --job {wildcards.job} -o {output.job} 2> {log}"
