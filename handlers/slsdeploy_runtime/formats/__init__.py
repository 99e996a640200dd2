"""Model formats, one file each: `load(path, settings)` gives a session that runs numpy arrays."""
