"""The whole job: join the stages, from the configuration to the commit."""
