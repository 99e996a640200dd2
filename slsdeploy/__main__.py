"""`python -m slsdeploy`."""

from slsdeploy.cli import main

main()
