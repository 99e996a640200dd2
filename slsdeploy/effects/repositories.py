"""The account's registry of images (ECR): repositories of the stacks' own, private, encrypted, scanned."""

from __future__ import annotations

import json
from typing import Any

from slsdeploy.errors import AwsError

# Lambda pulls an image once more when a function was idle for long; without this it may not:
# https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#gettingstarted-images-permissions
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "LambdaPulls",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        }
    ],
}
_GONE = "RepositoryNotFoundException"


def digests(client: Any, repository: str) -> frozenset[str] | None:
    """Return the digests of the images in a repository, None when there is no such repository."""
    try:
        pages = client.pages("list_images", repositoryName=repository)
        return frozenset(item["imageDigest"] for page in pages for item in page["imageIds"] if "imageDigest" in item)
    except AwsError as refused:
        if refused.code == _GONE:
            return None
        raise


def create(client: Any, repository: str) -> None:
    """Create a repository; one whose creation was interrupted is finished."""
    try:
        client.create_repository(
            repositoryName=repository,
            imageScanningConfiguration={"scanOnPush": True},
            encryptionConfiguration={"encryptionType": "AES256"},
        )
    except AwsError as refused:
        if refused.code != "RepositoryAlreadyExistsException":
            raise
    client.set_repository_policy(repositoryName=repository, policyText=json.dumps(_POLICY))


def delete(client: Any, repository: str) -> None:
    """Delete a repository with all images in it, if it is there."""
    try:
        client.delete_repository(repositoryName=repository, force=True)
    except AwsError as refused:
        if refused.code != _GONE:
            raise


def credentials(client: Any) -> tuple[str, str]:
    """Return the user and the password for the registry; they hold for 12 hours."""
    from base64 import b64decode

    token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = b64decode(token).decode().partition(":")
    return user, password
