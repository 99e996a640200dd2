"""The pipeline, top to bottom. Read this first: `up` is the product.

    slsdeploy.toml -> Config -> Project -> Bundle -> Artifact -> Template --.
                                                                 Observed --+-> Plan -> Deployment

Each noun is a frozen value (types.py, artifacts.py, steps.py); each verb lives in the module of its name, and is imported by the function
that needs it; what touches the world comes in through `Tools`.

Decision (2026-11): the smoke test asks for no answer. While it starts, a function has run its models on zeros; what else an answer runs
is the project's code, which may refuse any input that we make up, and whose answers may go to queues, tables and other people.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy import bundle as building
from slsdeploy import config as configuration
from slsdeploy import preflight, rules, shipping, targets
from slsdeploy import project as projects
from slsdeploy.bundle import attached, origins, place
from slsdeploy.commands import command
from slsdeploy.errors import BuildError, DeployError, ProjectError, SlsdeployError

if TYPE_CHECKING:
    from slsdeploy.artifacts import Artifact, Observed, StackState, Template
    from slsdeploy.bundle.locking import Pinned
    from slsdeploy.preflight import Gate, Looked
    from slsdeploy.results.check import Checked
    from slsdeploy.results.deploy import Downed, Planned, Stated, Upped
    from slsdeploy.results.prepare import Built, Inspected, Locked
    from slsdeploy.rules import Severity
    from slsdeploy.steps import Deployment, Plan
    from slsdeploy.tools import Cloud, LogLine, Tools
    from slsdeploy.types import Bundle, ModelInfo, Project

ALIAS = "live"


@dataclass(frozen=True, slots=True)
class Where:
    """Which project, which stage, which AWS: what every command is told. `overrides` are options that stand above the file.

    `engine` is the program that runs local functions in containers, "" for none; `locked` as `Project` has it. `fail_on` and `ignore` are
    what the preflight lets pass beside `[check]`.
    """

    root: Path
    stage: str | None = None
    local: bool = False
    overrides: Mapping[str, object] = field(default_factory=dict)
    engine: str = ""
    locked: bool = False
    fail_on: Severity | None = None
    ignore: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Planning:
    """Everything that was decided before anything is written."""

    project: Project
    bundle: Bundle
    artifact: Artifact
    template: Template
    observed: Observed
    plan: Plan


def up(where: Where, tools: Tools) -> Upped:
    """Build, plan, publish, deploy, smoke-test."""
    from slsdeploy import apply as applying

    began = time.perf_counter()
    project = open_project(where, tools)
    with place.exclusive(project.work, tools, "deployment"):
        looked, cloud = preflight.connect(project, _gate(project, where), tools)
        project = building.settle(project, tools, cloud)
        bundle = make_bundle(project, tools, where, looked)
        built = time.perf_counter()
        decided = decide(project, bundle, cloud, tools)
        deployment = applying.apply(decided.plan, decided.template, cloud, tools)
        if decided.artifact.image is not None and not deployment.changed:
            from slsdeploy import attaching

            attaching.attach_again(decided.artifact.image, tools)
        smoke_test(project, deployment, cloud, tools)
    ended = time.perf_counter()
    seconds = {
        "build": built - began,
        "publish": deployment.publish_seconds,
        "deploy": ended - built - deployment.publish_seconds,
        "total": ended - began,
    }
    return _upped(decided, deployment, cloud.endpoint, seconds)


def plan(where: Where, tools: Tools) -> Planned:
    """Decide what `up` would do; write nothing to AWS."""
    from slsdeploy import plan as planning
    from slsdeploy.results.deploy import Planned

    project = open_project(where, tools)
    with place.exclusive(project.work, tools, "deployment"):
        looked, cloud = preflight.connect(project, _gate(project, where), tools)
        project = building.settle(project, tools, cloud)
        decided = decide(project, make_bundle(project, tools, where, looked), cloud, tools).plan
    return Planned(
        changed=decided.changed,
        steps=[planning.describe(step) for step in decided.steps],
        resources=[
            {"logical_id": change.logical_id, "type": change.type, "action": change.action}
            for change in decided.resources
        ],
        digest=decided.digest,
    )


def build(where: Where, tools: Tools, push: str = "", outputs: Sequence[str] = (), html: str = "") -> Built:
    """Make the bundle on disk; push its image to a registry, write it to files, show what takes the space, when told so."""
    page = _page(html) if html else None
    project = open_project(where, tools)
    project, shipment = shipping.read(project, push, outputs, tools)
    with place.exclusive(project.work, tools, "deployment"):
        try:
            looked = preflight.look_first(project, _gate(project, where), tools)
            bundle = make_bundle(building.settle(project, tools), tools, where, looked)
        except BuildError as error:
            _show_too_large(error, project, page)
            raise
        return _shown(shipping.ship(bundle, shipment, tools), project, page)


def _show_too_large(error: BuildError, project: Project, page: Path | None) -> None:
    from slsdeploy.results.prepare import TooLargeError

    if isinstance(error, TooLargeError):
        error.built = _shown(error.built, project, page)


def _page(html: str) -> Path:
    from slsdeploy import pages

    return pages.place(html)


def _shown(built: Built, project: Project, page: Path | None) -> Built:
    """Write the page that shows what takes the bundle's space, if it is asked for."""
    if page is None:
        return built
    from slsdeploy import pages, treemap

    files = [
        treemap.Sized(part, path, Path(built.path, path).stat().st_size)
        for part, paths in place.files_of(Path(built.path)).items()
        for path in paths
    ]
    pages.write(page, treemap.page(built, files, project.stack, targets.find(built.package).LIMIT))
    return replace(built, html=str(page))


def lock(where: Where, tools: Tools, again: Set[Pinned]) -> Locked:
    """Complete slsdeploy.lock; say anew what the models, the requirements or the image's base are when told so."""
    from slsdeploy.bundle import locking

    return locking.complete(open_project(where, tools), tools, again)


def make_bundle(project: Project, tools: Tools, where: Where, looked: Looked | None = None) -> Bundle:
    """Build, unless the preflight knows already that it is no use; and let it look at what was built.

    `looked` is what it said before all was known of the project.
    """
    gate = _gate(project, where)
    looked = preflight.look(project, gate, tools.reporter, looked)
    bundle = building.build(project, tools)
    after = rules.subject(project, bundle, looked.subject)
    preflight.enforce(preflight.find(after, gate, "bundle"), gate, tools.reporter)
    return bundle


def _gate(project: Project, where: Where) -> Gate:
    return preflight.gate(project.config, where.fail_on, where.ignore)


def open_project(where: Where, tools: Tools) -> Project:
    """Read slsdeploy.toml and find out what it means on this machine."""
    config, stage = configuration.load(
        where.root / configuration.FILE, stage=where.stage, overrides=where.overrides, environ=os.environ
    )
    read = projects.resolve(config, where.root, stage=stage, local=where.local, shell=tools.shell, engine=where.engine)
    return replace(read, locked=where.locked)


def decide(project: Project, bundle: Bundle, cloud: Cloud, tools: Tools) -> Planning:
    """Read the facts, then decide: pure from here to the plan."""
    from slsdeploy import plan as planning
    from slsdeploy import stack as stacks
    from slsdeploy.artifacts import Store

    with tools.reporter.waiting(f"read what is deployed as {project.stack}"):
        target = targets.find(bundle.package)
        observed = cloud.observe(project.stack, images=bundle.image is not None, layers=target.layers(bundle))
    store = Store(observed.bucket, observed.registry, project.stack)
    artifact = target.artifact(bundle, store)
    template = stacks.make_template(project, artifact, observed.region, bundle.models)
    plan = planning.make_plan(template, artifact, observed, command(project, "down"))
    return Planning(project, bundle, artifact, template, observed, plan)


def template(where: Where, tools: Tools) -> Template:
    """Return the template as it would be deployed: the account's id is a placeholder in it.

    AWS is asked nothing but for a model in S3 that is not pinned or copied yet.
    """
    from slsdeploy import stack as stacks
    from slsdeploy.artifacts import Store

    project = open_project(where, tools)
    with place.exclusive(project.work, tools, "deployment"):
        looked = preflight.look_first(project, _gate(project, where), tools)
        project = building.settle(project, tools)
        bundle = make_bundle(project, tools, where, looked)
    named = (project.config.region, os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION"))
    region = next(filter(None, named), "us-east-1")
    store = Store(f"slsdeploy-ACCOUNT-{region}", f"ACCOUNT.dkr.ecr.{region}.amazonaws.com", project.stack)
    artifact = targets.find(bundle.package).artifact(bundle, store)
    return stacks.make_template(project, artifact, region, bundle.models)


def smoke_test(project: Project, deployment: Deployment, cloud: Cloud, tools: Tools) -> None:
    """Ask the deployed function whether it has loaded its models; once it has said so, no more.

    Raises DeployError when it does not start.
    """
    from slsdeploy import failure
    from slsdeploy.effects import record

    if record.is_tested(project.work, deployment.id):
        return
    with tools.reporter.step("smoke test"):
        answer = cloud.invoke(project.stack, ALIAS, b'{"slsdeploy": "ready"}')
        if answer.function_error:
            told = failure.read(failure.decoded(answer.payload), answer.function_error)
            raise DeployError(
                f"the stack is deployed, but the function does not start: {told.text}",
                hint=f"read `{command(project, 'logs')}`, mend the project and run `{command(project, 'up')}` again",
                where=project.stack,
            )
    record.remember_tested(project.work, deployment.id)


def status(where: Where, tools: Tools) -> Stated:
    """Say what is deployed."""
    from slsdeploy import stack as stacks
    from slsdeploy.results.deploy import Stated

    project = open_project(where, tools)
    cloud = tools.connect(project)
    state = deployed(project, cloud)
    said = (state.template or {}).get("Metadata", {}).get("slsdeploy", {})
    return Stated(
        stack=state.name,
        status=state.status,
        function_name=state.outputs.get("FunctionName", ""),
        version=state.outputs.get("Version", ""),
        url=state.outputs.get("Url", ""),
        endpoint=cloud.endpoint,
        package=said.get("package", ""),
        bundle_digest=said.get("bundle", ""),
        deployed_at=state.updated_at,
        outputs=state.outputs,
        models=stacks.models_of(state.template or {}),
    )


def _upped(decided: Planning, deployment: Deployment, endpoint: str, seconds: Mapping[str, float]) -> Upped:
    from slsdeploy.results.deploy import Upped

    outputs = deployment.outputs
    return Upped(
        name=decided.project.name,
        stage=decided.project.stage,
        target="local" if decided.project.local else "aws",
        stack=decided.project.stack,
        function_name=outputs["FunctionName"],
        function_arn=outputs["FunctionArn"],
        alias=ALIAS,
        version=outputs["Version"],
        url=outputs.get("Url", ""),
        package=decided.bundle.package,
        bundle_digest=decided.bundle.digest,
        changed=deployment.changed,
        uploaded_bytes=deployment.uploaded_bytes,
        outputs=outputs,
        seconds={phase: round(amount, 3) for phase, amount in seconds.items()},
        endpoint=endpoint,
    )


def deployed(project: Project, cloud: Cloud) -> StackState:
    """Return the project's stack.

    Raises ProjectError when there is none.
    """
    from slsdeploy import plan as planning

    state = cloud.stack_state(project.stack)
    if state is None or state.status in planning.EMPTY:
        raise ProjectError(
            f"{project.name} is not deployed to stage {project.stage}{' of the local AWS' if project.local else ''}",
            hint=f"run `{command(project, 'up')}` first",
            where=project.stack,
        )
    return state


def logs(where: Where, tools: Tools, minutes: int, follow: bool) -> Iterator[LogLine]:
    """Yield the function's log events of the last minutes; go on as they come when told to follow."""
    project = open_project(where, tools)
    cloud = tools.connect(project)
    deployed(project, cloud)
    yield from cloud.logs(project.stack, int((time.time() - minutes * 60) * 1000), follow)


def inspect(path: Path) -> Inspected:
    """Say what a model file takes and gives."""
    from slsdeploy.bundle import model
    from slsdeploy.results.prepare import Inspected

    info = model.inspect(path)
    return Inspected(
        format=info.format,
        inputs=[asdict(tensor) for tensor in info.inputs],
        outputs=[asdict(tensor) for tensor in info.outputs],
        bytes=info.bytes,
        operators=info.operators,
        opset=info.opset,
        digest=info.digest,
        notes=[_cost(info)],
    )


def _cost(info: ModelInfo) -> str:
    from slsdeploy.rules import model_memory
    from slsdeploy.targets import layer

    memory, share = model_memory.needed(info.bytes) // 1024**2, info.bytes / layer.LIMIT
    return f"in Lambda: about {memory} MB of memory, {share:.1%} of the {layer.LIMIT:,} bytes that a zip and its layers unpack to"


def check(where: Where, tools: Tools) -> Checked:
    """Run every rule of the preflight over the project, and its bundle if the last build is still true; no AWS call."""
    from slsdeploy.results.check import Checked

    project = attached.find(origins.find(open_project(where, tools)))
    gate = _gate(project, where)
    bundle = building.last(project)
    findings = preflight.find(rules.subject(project, bundle), gate)
    if bundle is None:
        _tell_of_waiting(preflight.waiting(gate), project, tools)
    return Checked(
        problems=[asdict(finding) for finding in findings],
        waiting=[] if bundle else preflight.waiting(gate),
        exit_code=preflight.exit_code(findings, gate),
    )


def unreadable(error: SlsdeployError) -> Checked:
    """Return what `check` finds when the project cannot be read at all, for those who want findings and nothing else."""
    from slsdeploy import sarif
    from slsdeploy.results.check import Checked

    return Checked(problems=sarif.problems_of(error), exit_code=error.exit_code)


def _tell_of_waiting(waiting: Sequence[str], project: Project, tools: Tools) -> None:
    if waiting:
        count = "1 rule waits" if len(waiting) == 1 else f"{len(waiting)} rules wait"
        tools.reporter.note(f"{count} for a bundle: `{command(project, 'build')}` makes it")


def down(where: Where, tools: Tools, delete_data: bool = False) -> Downed:
    """Remove the stack and what it published; never data it was not told to delete."""
    from slsdeploy import removal

    project = open_project(where, tools)
    return removal.remove(project, tools.connect(project), tools, delete_data)
