"""What each command answers. The fields are the keys of its `--json` document: other programs rely on them (docs/commands.md).

One file for each of `cli/`; `views/` has one of the same name that says what a person sees of it.
"""
