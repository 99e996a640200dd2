"""Project -> the section of a lock file that its bundle is made from: found there, or resolved and written now.

What Lambda gets is in slsdeploy.lock, beside the project and meant to be committed. A target that is not Lambda's (this machine's
Python or glibc, with `--local`) is nobody else's business: its section is in the stage's work folder, and follows slsdeploy.lock.

Decision (2026-11): a local build resolves for AWS first, when slsdeploy.lock does not say it yet. It costs a third of a second once, gives
a fresh project the file to commit, and the versions that are tried locally are then those that AWS gets, as far as there are wheels.
Not where that hangs on a base that was not looked at: its registry is not asked for a local build. What is locked then counts with Lambda's
runtime client and without it, whichever was found right; and nothing is added.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from slsdeploy.bundle import base_choice, base_image, lock
from slsdeploy.bundle import requirements as needs
from slsdeploy.bundle.lock import Section
from slsdeploy.bundle.requirements import Requirements
from slsdeploy.errors import BuildError, ToolError
from slsdeploy.project import lambda_platform
from slsdeploy.tools import Tools
from slsdeploy.types import Project, Target


def find(project: Project) -> Section | None:
    """Return what is locked for the project's target, if it was resolved from what the project needs now."""
    return _locked(project, needs.read(project), _model(project))


def settle(project: Project, tools: Tools) -> Section:
    """Return what is locked for the project's target, resolving it when it is not.

    Raises BuildError when something has no wheel for the target or nothing fits, ToolError when uv or the index fails.
    """
    requirements, model = needs.read(project), _model(project)
    section = _locked(project, requirements, model)
    if model is None and (section is None or not _is_lambdas(project)):
        lock.insist(project, _lacking(project))
    if section is None and model is None and not _is_lambdas(project):
        model = _try(_on_lambda(project), tools)
        section = _locked(project, requirements, model)
    return section or _resolve(project, requirements, model, tools)


def _lacking(project: Project) -> str:
    """Say what slsdeploy.lock lacks of the requirements."""
    if not (project.root / lock.FILE).is_file():
        return f"there is no {lock.FILE}"
    remote = _on_lambda(project)
    section = lock.find(lock.read(project.root), remote.target.python, remote.target.platform)
    if section is None:
        from slsdeploy.bundle import wheels

        return f"{lock.FILE} has no packages for {wheels.words(remote.target)}"
    origin = needs.read(remote).origin or "what the function needs"
    return f"{origin} changed since {lock.FILE} was written"


def _try(project: Project, tools: Tools) -> Section | None:
    """Resolve for AWS; what it fails for does not keep anyone from trying locally."""
    if base_choice.is_open(project):
        tools.reporter.note(
            f"{lock.FILE} stays as it is: `slsdeploy lock` looks at the image's base for what AWS needs"
        )
        return None
    try:
        return _resolve(project, needs.read(project), None, tools)
    except (BuildError, ToolError) as error:
        tools.reporter.note(f"on AWS this would fail: {error.message.splitlines()[0].rstrip(':')}")
        return None


def _resolve(project: Project, requirements: Requirements, model: Section | None, tools: Tools) -> Section:
    from slsdeploy.bundle import wheels  # not needed while the lock holds

    target, folder = project.target, _folder(project)
    sections = lock.read(folder)
    before = model or lock.find(sections, target.python, target.platform) or next(iter(sections), None)
    with tools.reporter.step(f"resolve dependencies for {wheels.words(target)}"):
        packages = wheels.resolve(project, requirements, before.packages if before else (), tools)
    section = Section(target.python, target.platform, _digest(requirements, model), packages)
    lock.write(folder, section)
    return section


def _locked(project: Project, requirements: Requirements, model: Section | None) -> Section | None:
    section = lock.find(lock.read(_folder(project)), project.target.python, project.target.platform)
    return section if section and section.requirements == _digest(requirements, model) else None


def _model(project: Project) -> Section | None:
    """Return the section of slsdeploy.lock that a local one follows; None when there is none that is still true."""
    return None if _is_lambdas(project) else on_lambda(project)


def _digest(requirements: Requirements, model: Section | None) -> str:
    """Return what a section must be made from to be true: one that follows another is made from that, too."""
    if model is None:
        return requirements.digest
    return hashlib.sha256(f"{requirements.digest}\n{model.text}".encode()).hexdigest()


def _folder(project: Project) -> Path:
    return project.root if _is_lambdas(project) else project.work


def on_lambda(project: Project) -> Section | None:
    """Return what is locked for AWS, whatever the project's target; None when that is not known, or not true any more."""
    remote = _on_lambda(project)
    if not base_choice.is_open(remote):
        return _locked(remote, needs.read(remote), None)
    return _locked(remote, needs.read(remote, True), None) or _locked(remote, needs.read(remote, False), None)


def _is_lambdas(project: Project) -> bool:
    """Say whether the target is Lambda's. Of a local image no base is used: what it then needs is not what AWS does."""
    if project.local and base_choice.is_open(project):
        return False
    return (project.target.python, project.target.platform) == (project.config.python, lambda_platform(project.config))


def _on_lambda(project: Project) -> Project:
    """Return the project as it is deployed to AWS; enough of it to resolve for. Its base is known where it was looked at."""
    config = project.config
    target = Target(config.python, config.architecture, lambda_platform(config))
    return base_image.find(replace(project, local=False, target=target))
