rule reads_gvcf:
    """Join the calls of somebody to a gVCF, and measure him."""
    input:
        regions=get_regions_done,
        index=ancient("jobs/reads_index.json"),
    output:
        job="jobs/reads_gvcf/{calls}.json",
    log:
        "logs/reads_gvcf/{calls}.log",
    priority: 3
    conda:
        get_environment("caller")
    threads: JOBS["threads"]["reads_gvcf"]
    resources:
        mem_mb=mem_mb("reads_gvcf"),
        runtime=minutes("reads_gvcf"),
    params:
        about=about("reads_gvcf"),
    message:
        SAID
    shell:
        "varhouse stage reads_gvcf --run run.json --threads {threads}"
        " --calls {wildcards.calls} -o {output.job} 2> {log}"
