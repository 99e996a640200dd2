"""Functions of container images on the local AWS, with no engine: `up` of a project, and images that others pushed."""

from __future__ import annotations

import io
import json
import platform
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.exceptions import ClientError

from slsdeploy import app, invoking, oci
from slsdeploy.app import Where
from slsdeploy.effects.aws import Aws
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.effects.shell import SystemShell
from slsdeploy.results.deploy import Upped
from slsdeploy.tools import Tools
from tests.fakes import FakeReporter

SAMPLES = Path(__file__).parents[2] / "samples"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
ENTRY = ["/lambda-entrypoint.sh"]
HERE = f"python3.{sys.version_info.minor}"
HANDLER = """
import os, sys
def handler(event, context):
    with open("/opt/said" if os.path.exists("/opt/said") else __file__) as file:
        said = file.read()
    return {"event": event, "cwd": os.getcwd(), "said": said, "variables": dict(os.environ), "version": context.function_version,
            "python": "python%d.%d" % sys.version_info[:2], "files": sorted(os.listdir(os.environ["LAMBDA_TASK_ROOT"]))}
def other(event, context):
    return "other"
"""
pytestmark = pytest.mark.e2e


class Desk:
    """A copy of samples/iris as an image, the local AWS, and every call that was made to it and its registry."""

    def __init__(self, root: Path, endpoint: str) -> None:
        self.root = root
        self.calls: list[str] = []
        shell = SystemShell()
        images = OciRegistry(shell, on_call=self.calls.append)
        self.reporter = FakeReporter()
        self.tools = Tools(shell, self.reporter, lambda _: Aws(None, endpoint, on_call=self.calls.append), images)

    def up(self) -> Upped:
        self.calls.clear()
        return app.up(Where(self.root, local=True), self.tools)

    def ask(self, **given: Any) -> Any:
        event = b'{"instances": [[7.0, 3.2, 4.7, 1.4]]}'
        return invoking.invoke(Where(self.root, local=True), self.tools, event, **given).payload

    @property
    def sent(self) -> list[str]:
        return [call.split()[0] for call in self.calls if call.startswith(("PUT ", "PATCH ", "POST "))]


@pytest.fixture
def desk(local_aws: Any, tmp_path: Path) -> Desk:
    root = tmp_path / "iris"
    shutil.copytree(SAMPLES / "iris", root, ignore=shutil.ignore_patterns(".slsdeploy"))
    text = (root / "slsdeploy.toml").read_text().replace('"iris"', f'"{local_aws.name("iris")}"')
    (root / "slsdeploy.toml").write_text('package = "image"\n' + text)
    return Desk(root, local_aws.endpoint)


def test_up_answers_a_changed_line_sends_only_the_code_and_down_takes_everything(desk: Desk, local_aws: Any) -> None:
    (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return {'was': 1}\n")
    first = desk.up()
    repository = f"slsdeploy/{first.stack}"
    assert (first.package, first.uploaded_bytes > 20_000_000) == ("image", True)
    assert desk.ask() == desk.ask(over_url=True) == {"was": 1}
    again = desk.up()
    assert (again.changed, again.uploaded_bytes, desk.sent) == (False, 0, [])
    (desk.root / "handler.py").write_text("def postprocess(outputs):\n    return {'was': 2}\n")
    second = desk.up()
    assert second.uploaded_bytes < 20_000
    assert desk.sent.count("POST") == 3  # the configuration, the code, and the bill of materials
    assert (desk.ask(), int(second.version)) == ({"was": 2}, int(first.version) + 1)
    functions = local_aws.client("lambda")
    former = functions.invoke(
        FunctionName=first.function_name, Qualifier=first.version, Payload=b'{"instances": [[1, 2, 3, 4]]}'
    )
    assert json.load(former["Payload"]) == {"was": 1}
    pushed = local_aws.client("ecr").list_images(repositoryName=repository)["imageIds"]
    assert len(pushed) == 4  # each image with its bill of materials
    app.down(Where(desk.root, local=True), desk.tools)
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        local_aws.client("ecr").list_images(repositoryName=repository)


class Foreign:
    """Images as somebody else would build and push them, and functions of them."""

    def __init__(self, local_aws: Any) -> None:
        self.aws = local_aws
        self.functions = local_aws.client("lambda")
        self.repository = f"foreign/{local_aws.name('app')}"
        self.host = urlsplit(local_aws.endpoint).netloc
        local_aws.client("ecr").create_repository(repositoryName=self.repository)
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = local_aws.client("iam").create_role(RoleName=local_aws.name("role"), AssumeRolePolicyDocument=document)
        self.role = role["Role"]["Arn"]

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://{self.host}/v2/{self.repository}/{path}"
        return urllib3.request(method, url, body=body, headers=named, retries=False, timeout=10)

    def push(
        self,
        tag: str,
        *layers: Mapping[str, str],
        architecture: str = ARCHITECTURE,
        layer_type: str = oci.DOCKER_LAYER,
        **config: Any,
    ) -> str:
        """Push an image of these files; return its URI."""
        packed = json.dumps({"architecture": architecture, "os": "linux", "config": config}).encode()
        said = {
            "schemaVersion": 2,
            "mediaType": oci.DOCKER_MANIFEST,
            "config": self._blob(packed, oci.DOCKER_CONFIG),
            "layers": [self._blob(tarred(files), layer_type) for files in layers],
        }
        answer = self.ask("PUT", f"manifests/{tag}", json.dumps(said).encode(), Content_Type=oci.DOCKER_MANIFEST)
        assert answer.status == 201, answer.data
        return f"{self.host}/{self.repository}:{tag}"

    def _blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        digest = oci.digest_of(content)
        assert self.ask("POST", f"blobs/uploads/?digest={digest}", content).status == 201
        return oci.Descriptor(media_type, digest, len(content)).document()

    def create(self, uri: str, **options: Any) -> str:
        name = self.aws.name("function")
        architectures = ["x86_64" if ARCHITECTURE == "amd64" else "arm64"]
        given = {"PackageType": "Image", "Architectures": architectures, "MemorySize": 256, "Timeout": 10, **options}
        self.functions.create_function(FunctionName=name, Role=self.role, Code={"ImageUri": uri}, **given)
        return str(name)

    def invoke(self, name: str, **given: Any) -> Any:
        answer = self.functions.invoke(FunctionName=name, Payload=b'{"a": 1}', **given)
        return answer.get("FunctionError"), json.load(answer["Payload"])

    def run(self, uri: str, **options: Any) -> Any:
        failed, payload = self.invoke(self.create(uri, **options))
        assert failed is None, payload
        return payload


def tarred(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.fixture
def foreign(local_aws: Any) -> Foreign:
    return Foreign(local_aws)


def test_an_image_of_awss_base_runs_as_far_as_its_task_goes(foreign: Foreign) -> None:
    uri = foreign.push(
        "v1",
        {
            "lambda-entrypoint.sh": "#!/bin/sh",
            f"var/lang/lib/{HERE}/os.py": "",
            "opt/said": "base",
            "var/task/gone": "",
        },
        {"var/task/app.py": HANDLER, "var/task/.wh.gone": "", "opt/said": "layer above"},
        Entrypoint=ENTRY,
        Cmd=["app.handler"],
        WorkingDir="/var/task",
        Env=["PATH=/var/lang/bin", "LAMBDA_TASK_ROOT=/var/task", "GREETING=from the image", "LEVEL=image"],
    )
    said = foreign.run(uri, Environment={"Variables": {"LEVEL": "function"}})
    assert (said["event"], said["said"], said["files"]) == ({"a": 1}, "layer above", ["app.py"])
    assert (said["python"], said["variables"]["AWS_EXECUTION_ENV"]) == (HERE, f"AWS_Lambda_{HERE}")
    variables = said["variables"]
    assert (variables["GREETING"], variables["LEVEL"], variables["_HANDLER"]) == (
        "from the image",
        "function",
        "app.handler",
    )
    assert variables["PATH"] != "/var/lang/bin"


def test_an_image_with_awslambdaric_and_docker_s_python(foreign: Foreign) -> None:
    uri = foreign.push(
        "v1",
        {"var/task/app.py": HANDLER},
        Entrypoint=["/usr/local/bin/python", "-m", "awslambdaric"],
        Cmd=["app.handler"],
        Env=[f"PYTHON_VERSION={HERE.removeprefix('python')}.7"],
    )
    said = foreign.run(uri)
    assert (said["python"], said["variables"]["_HANDLER"]) == (HERE, "app.handler")


def test_the_functions_own_settings_stand_above_the_images(foreign: Foreign) -> None:
    uri = foreign.push(
        "v1", {"var/task/inner/data": "", "var/task/app.py": HANDLER}, Entrypoint=["/bin/other"], Cmd=["no.such"]
    )
    settings = {"EntryPoint": ENTRY, "Command": ["app.handler"], "WorkingDirectory": "/var/task/inner"}
    name = foreign.create(uri, ImageConfig=settings)
    said = foreign.invoke(name)[1]
    assert said["cwd"] == said["variables"]["LAMBDA_TASK_ROOT"] + "/inner"
    shown = foreign.functions.get_function_configuration(FunctionName=name)
    assert shown["ImageConfigResponse"]["ImageConfig"] == settings
    foreign.functions.update_function_configuration(
        FunctionName=name, ImageConfig={"EntryPoint": ENTRY, "Command": ["app.other"]}
    )
    assert foreign.invoke(name) == (None, "other")


def test_versions_keep_their_image_and_a_tag_that_moves_moves_no_function(foreign: Foreign) -> None:
    def image(number: int) -> str:
        code = f"def handler(event, context):\n    return {number}\n"
        return foreign.push("live", {"var/task/app.py": code}, Entrypoint=ENTRY, Cmd=["app.handler"])

    name = foreign.create(image(1), Publish=True)
    foreign.functions.publish_version(FunctionName=name)
    uri = image(2)
    assert foreign.invoke(name)[1] == 1
    foreign.functions.update_function_code(FunctionName=name, ImageUri=uri, Publish=True)
    assert [foreign.invoke(name, Qualifier=qualifier)[1] for qualifier in ("1", "2", "$LATEST")] == [1, 2, 2]
    code = [foreign.functions.get_function(FunctionName=name, Qualifier=each)["Code"] for each in ("1", "2")]
    assert [each["ImageUri"] for each in code] == [uri, uri]
    first, second = (each["ResolvedImageUri"] for each in code)
    assert first != second
    assert first.startswith(f"{foreign.host}/{foreign.repository}@sha256:")
    shown = foreign.functions.get_function_configuration(FunctionName=name)
    assert (shown["PackageType"], shown["CodeSha256"]) == ("Image", second.rpartition(":")[2])
    assert "ImageConfigResponse" not in shown


def test_a_function_goes_on_when_its_repository_is_deleted(foreign: Foreign) -> None:
    name = foreign.create(foreign.push("v1", {"var/task/app.py": HANDLER}, Entrypoint=ENTRY, Cmd=["app.other"]))
    foreign.aws.client("ecr").delete_repository(repositoryName=foreign.repository, force=True)
    assert foreign.invoke(name) == (None, "other")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"Entrypoint": ["/usr/bin/node"], "Cmd": ["app.js"]},
            "the image starts /usr/bin/node app.js, not Lambda's runtime client",
        ),
        ({"Cmd": ["python3"]}, "the image starts python3, not"),
        ({}, "the image starts nothing, not"),
        ({"Entrypoint": ENTRY, "Cmd": ["app.handler"], "WorkingDir": "/app"}, "the image's working directory is /app"),
        (
            {"Entrypoint": ENTRY, "Cmd": ["app.handler"], "Env": ["PYTHON_VERSION=3.4.1"]},
            "the image is for Python3.4, which is not here",
        ),
    ],
)
def test_what_needs_a_container_says_so(foreign: Foreign, config: Any, said: str) -> None:
    failed, payload = foreign.invoke(foreign.create(foreign.push("v1", {"var/task/app.py": HANDLER}, **config)))
    assert (failed, payload["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
    assert payload["errorMessage"].startswith(said)
    assert "slsdeploy up --local --engine docker" in payload["errorMessage"]


def test_an_image_that_gets_out_of_its_folder_does_not_start(foreign: Foreign) -> None:
    uri = foreign.push("v1", {"var/task/../../escaped": "x"}, Entrypoint=ENTRY, Cmd=["app.handler"])
    failed, payload = foreign.invoke(foreign.create(uri))
    assert (failed, "outside of it" in payload["errorMessage"]) == ("Unhandled", True)


def refused(foreign: Foreign, uri: str, **options: Any) -> str:
    with pytest.raises(foreign.functions.exceptions.InvalidParameterValueException) as caught:
        foreign.create(uri, **options)
    return str(caught.value.response["Error"]["Message"])


def test_what_aws_refuses_is_refused_with_its_words(foreign: Foreign) -> None:
    uri = foreign.push("v1", {"var/task/app.py": HANDLER}, Entrypoint=ENTRY, Cmd=["app.handler"])
    repository = uri.removesuffix(":v1")
    for missing in (f"{repository}:v2", f"{repository}@sha256:{'0' * 64}", f"{foreign.host}/foreign/nowhere:v1"):
        assert refused(foreign, missing) == f"Source image {missing} does not exist. Provide a valid source image."
    for other in ("public.ecr.aws/lambda/python:3.13", "app:v1", repository, f"{repository}:", "NO REFERENCE:v1"):
        assert refused(foreign, other) == f"Source image {other} is not valid. Provide a valid source image."
    index = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": []}
    foreign.ask("PUT", "manifests/index", json.dumps(index).encode(), Content_Type=oci.OCI_INDEX)
    attested = foreign.push("attested", {"a": ""}, layer_type="application/vnd.in-toto+json")
    for unsupported in (f"{repository}:index", attested):
        expected = (
            f"The image manifest, config or layer media type for the source image {unsupported} is not supported."
        )
        assert refused(foreign, unsupported) == expected
    assert refused(foreign, uri, Handler="app.handler", Runtime="python3.13") == (
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
    )
    elsewhere = foreign.aws.client("lambda", "eu-west-1")
    given = {"FunctionName": "f", "Role": foreign.role, "PackageType": "Image", "Architectures": ["x86_64"]}
    with pytest.raises(ClientError, match=r"does not exist\. Provide a valid source image"):
        elsewhere.create_function(Code={"ImageUri": uri}, **given)


def test_another_architecture_is_refused_when_made_and_when_updated(foreign: Foreign) -> None:
    other = "arm64" if ARCHITECTURE == "amd64" else "amd64"
    uri = foreign.push("other", {"var/task/app.py": HANDLER}, architecture=other, Entrypoint=ENTRY, Cmd=["app.handler"])
    assert f"is for linux/{'arm64' if other == 'arm64' else 'x86_64'}, the function for linux/" in refused(foreign, uri)
    name = foreign.create(foreign.push("v1", {"var/task/app.py": HANDLER}, Entrypoint=ENTRY, Cmd=["app.other"]))
    with pytest.raises(ClientError, match="the function for linux"):
        foreign.functions.update_function_code(FunctionName=name, ImageUri=uri)
    with pytest.raises(ClientError, match="Please provide ImageUri when updating a function with packageType Image"):
        foreign.functions.update_function_code(FunctionName=name, ZipFile=b"PK")
    with pytest.raises(ClientError, match="does not exist"):
        foreign.functions.update_function_code(
            FunctionName=name,
            ImageUri=uri.replace(":other", ":gone"),
            Architectures=["arm64" if other == "arm64" else "x86_64"],
        )
    assert foreign.functions.get_function_configuration(FunctionName=name)["Architectures"] != [
        "arm64" if other == "arm64" else "x86_64"
    ]
    assert foreign.invoke(name) == (None, "other")


def test_a_stack_whose_image_is_not_there_fails_with_the_reason(foreign: Foreign) -> None:
    properties = {
        "PackageType": "Image",
        "Role": foreign.role,
        "Code": {"ImageUri": f"{foreign.host}/{foreign.repository}:none"},
    }
    template = {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}}
    stack = foreign.aws.deploy(foreign.aws.name(), template)
    assert "does not exist. Provide a valid source image." in stack.first_failure()["ResourceStatusReason"]


def test_a_stack_updates_its_image_and_takes_settings_back(foreign: Foreign) -> None:
    uris = [
        foreign.push(
            f"v{number}",
            {"var/task/app.py": f"def handler(*_): return {number}\ndef other(*_): return 'other'\n"},
            Entrypoint=ENTRY,
            Cmd=["app.handler"],
        )
        for number in (1, 2)
    ]

    def template(uri: str, **more: Any) -> dict[str, Any]:
        properties = {
            "PackageType": "Image",
            "Role": foreign.role,
            "Code": {"ImageUri": uri},
            "Architectures": ["x86_64" if ARCHITECTURE == "amd64" else "arm64"],
            **more,
        }
        resources = {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}
        return {"Resources": resources, "Outputs": {"Name": {"Value": {"Ref": "Function"}}}}

    stack = foreign.aws.name()
    name = foreign.aws.deploy(stack, template(uris[0], ImageConfig={"Command": ["app.other"]})).outputs["Name"]
    assert foreign.invoke(name) == (None, "other")
    assert foreign.aws.update(stack, template(uris[0])).status == "UPDATE_COMPLETE"
    assert foreign.invoke(name) == (None, 1)
    assert foreign.aws.update(stack, template(uris[1])).status == "UPDATE_COMPLETE"
    assert foreign.invoke(name) == (None, 2)
