"""What moto lets pass although AWS refuses it, or does otherwise than AWS: mended in place, one file per service.

Each `mend()` replaces methods of moto's backends, once, at start. They are written against the minor version in pyproject.toml.
"""

from __future__ import annotations

from slsdeploy.local.images.repositories import Repositories
from slsdeploy.local.mends import ecr, lambda_, lambda_images, lambda_layers, memory, s3, sqs, stepfunctions

NOT_EMULATED = (
    "IAM is recorded, not enforced: a function may call anything.",
    "Checked once, when they are made: a role's trust, an event source mapping's rights, a bucket notification's permission.",
    "KMS keys, VPCs and X-Ray tracing are recorded only.",
    "Bucket policies, encryption and public access blocks are recorded only.",
    "AppSync APIs, their schemas, data sources and resolvers are recorded: queries are not answered.",
    "Functions of images run as processes, with what the image has below /var/task and /opt, unless --engine runs containers.",
    "Images are not scanned, and lifecycle policies of repositories are recorded only.",
    "Load balancers are not emulated: target groups and listener rules of a stack are recorded, no request comes through them.",
    "Step Functions run without their roles, and StartSyncExecution is not emulated.",
    "Any credentials are good for the endpoint: other users of this machine can connect to it, and run code as you.",
    "Web browsers are kept from the endpoint, with presigned URLs too; function URLs answer them.",
)


def mend(endpoint: str, images: Repositories) -> None:
    """Mend every service."""
    ecr.mend(endpoint, images)
    lambda_.mend()
    lambda_images.mend(endpoint, images)
    lambda_layers.mend(endpoint)
    memory.mend()
    s3.mend()
    sqs.mend()
    stepfunctions.mend()
