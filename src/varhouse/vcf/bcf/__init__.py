"""BCF: as text by htslib, and as it stands where records are plain."""
