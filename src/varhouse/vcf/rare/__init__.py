"""Rules of single rare records: structural variants, tandem repeats, mates, phase sets."""
