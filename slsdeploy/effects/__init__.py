"""Every effect: AWS, other programs. Each implements a protocol of `slsdeploy.tools`."""
