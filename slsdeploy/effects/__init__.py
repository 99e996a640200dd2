"""Every effect on the world outside: AWS, other programs, registries; each implements a seam of `tools`."""
