"""The cuts, one file each. What a cut takes, why that is safe and when it must not is its class's docstring."""
