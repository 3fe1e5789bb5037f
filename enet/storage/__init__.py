"""Files: atomic writes, hashes, the artifact cache, the journal of an interrupted run."""
