"""Installed packages -> what a function needs of them: `slimming`, when the part is made; `models`, once for each project's models.

What can go is in `cuts/`, one file each; `wish` is what a project says about it. What is taken out is tried out, and put back where
something breaks. A build that changes nothing imports `wish` and `memory` only.
"""
