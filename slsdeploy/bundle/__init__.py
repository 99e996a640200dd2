"""Project -> Bundle: which files, dependencies for the target, models, the layout on disk, archives."""
