"""What leaves a store: facts gathered, the gate asked, views and packs made, all noted."""
