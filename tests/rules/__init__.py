"""Fixture projects, one module per rule of the preflight, named as the rule's own: each trips that rule, and only that.

`write(root)` writes the project into an empty folder. Where a bundle is needed, `wheels(index)` adds wheels to the package index, and
the project is built before it is checked; `amend(root)` then changes what was built. `ENVIRONMENT` are variables of the process.
"""
