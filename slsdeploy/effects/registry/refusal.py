"""What a registry refused for good -> our errors, with what to do next.

The codes: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

from __future__ import annotations

from slsdeploy import oci
from slsdeploy.effects.registry.auth import Auth
from slsdeploy.effects.registry.credentials import ECR
from slsdeploy.effects.registry.http import Answer
from slsdeploy.errors import AwsError, NoRepository, SlsdeployError, ToolError

# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
_ECR_PUSH = (
    "allow ecr:BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, PutImage, "
    "BatchGetImage and GetDownloadUrlForLayer to whoever deploys"
)
_ECR_PULL = "allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to whoever deploys"
_GONE = "it was removed, or never whole: `slsdeploy lock --base` takes what the tag names now; or name another base in [image]"
_TOO_LARGE = "raise the limit of the proxy before the registry (nginx: client_max_body_size 0)"


def refusal(answer: Answer, to: oci.Reference, doing: str, auth: Auth) -> SlsdeployError:
    """Return the error for an answer that is none of those that were expected; `doing` is what was asked ("push the layer code")."""
    code, said = answer.told()
    said = auth.hide(said)
    where, status = str(to), answer.status
    if status == 404 and (code == "NAME_UNKNOWN" or doing.startswith("push")):
        hint = "create it there first, or look at its name; some registries say so to those without rights, too"
        return NoRepository(f"there is no repository {to.repository} at {to.host}", hint, where)
    if status == 404:
        hint = _GONE if "sha256:" in doing else "look at the name and the tag"
        return ToolError(f"cannot {doing}: {to.host} does not have it", hint, where)
    told = f"{to.host} refuses to {doing} ({f'{status} {code}'.strip()})" + (f": {said}" if said else "")
    hint = _hint(status, to, doing)
    if ECR.fullmatch(to.host):
        return AwsError(told, hint, where, code=code or str(status))
    return ToolError(told, hint, where)


def _hint(status: int, to: oci.Reference, doing: str) -> str:
    if status == 413:
        return _TOO_LARGE
    if status in (401, 403):
        if ECR.fullmatch(to.host):
            return _ECR_PUSH if doing.startswith("push") else _ECR_PULL
        return f"`docker login {to.host}` as somebody who may, and look at the repository's name"
    return "look at what it says; a registry may refuse tags that are there already (immutable), names and media types"
