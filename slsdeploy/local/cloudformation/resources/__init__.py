"""Resource types, one file per AWS service: how a resource of a template is made, changed and removed through the service's API.

A module here has `TYPES`, a tuple of `ResourceType`s. To add one (an SNS topic, say), write `sns.py` with its class: nothing else changes.
"""

from __future__ import annotations

import pkgutil
import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from botocore.exceptions import ClientError, ParamValidationError

from slsdeploy.local.cloudformation.errors import ResourceFailed, ServiceRefused
from slsdeploy.local.cloudformation.resources.coerce import coerce

_LETTERS = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class Request:
    """One resource to act upon: where it belongs, its resolved properties, and a way to the services' APIs."""

    stack: str
    logical_id: str
    region: str
    account: str
    properties: Mapping[str, Any]
    client: Callable[[str], Any]

    def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """Call a service's API ("lambda", "create_function") with values as templates have them ("128", "true").

        Parameters that are None are left out. Raises ServiceRefused, or ResourceFailed when the values are of no use.
        """
        client = self.client(service)
        shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            return getattr(client, operation)(**coerce(given, shape))
        except ClientError as error:
            raise ServiceRefused.of(client.meta.service_model.service_id, error.response) from error
        except ParamValidationError as error:
            raise ResourceFailed(
                f"Properties validation failed for resource {self.logical_id} with message: {error}"
            ) from error

    def remove(self, service: str, operation: str, **parameters: Any) -> None:
        """Call what deletes something; that it is gone already is no error."""
        try:
            self.call(service, operation, **parameters)
        except ServiceRefused as error:
            if error.handler_code != "NotFound":
                raise

    def refused(self, message: str, handler_code: str) -> ServiceRefused:
        """Return the error for what a service would let pass and CloudFormation does not."""
        return ServiceRefused(message, handler_code, handler_code)

    def name(self, key: str, limit: int, *, lower: bool = False) -> str:
        """Return the name that the properties give, or one made of stack, logical id and a random suffix, as CloudFormation does."""
        if key in self.properties:
            return str(self.properties[key])
        suffix = "".join(secrets.choice(_LETTERS) for _ in range(12))
        stem = f"{self.stack}-{self.logical_id}"[: limit - 13]
        return f"{stem}-{suffix}".lower() if lower else f"{stem}-{suffix}"

    def pick(self, *names: str) -> dict[str, Any]:
        """Return the properties of these names, those that are given."""
        return {name: self.properties[name] for name in names if name in self.properties}


class ResourceType(ABC):
    """How one type is made, changed and removed.

    `properties` are all it may have; changing one of `replaced_by` means a new resource; `named_by` is the property that names it
    (a resource with a name of its own cannot be replaced: two cannot have it at once); `imported_by` the property that tells which
    existing one is meant (see `imports.py`). `tags` says that the stack's tags go to it.
    """

    type: ClassVar[str]
    properties: ClassVar[frozenset[str]]
    required: ClassVar[frozenset[str]] = frozenset()
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    named_by: ClassVar[str] = ""
    imported_by: ClassVar[str] = ""
    tags: ClassVar[bool] = False

    @abstractmethod
    def create(self, request: Request) -> str:
        """Make the resource; return its physical id, which is what `Ref` answers."""

    def exists(self, request: Request, physical_id: str) -> bool:
        """Return whether there is such a resource, in a stack or not; types that are `imported_by` a name say so."""
        return False

    def configure(self, request: Request, physical_id: str) -> None:  # noqa: B027 - most types have nothing to do
        """Do what follows once the resource exists; when this fails, it is removed again."""

    def update(self, request: Request, physical_id: str, former: Mapping[str, Any]) -> None:
        """Make the resource have the request's properties; it has the former ones."""
        raise NotImplementedError(f"{self.type}: every property means a new resource")

    @abstractmethod
    def delete(self, request: Request, physical_id: str) -> None:
        """Remove the resource; one that is gone already is no error."""

    def attributes(self, request: Request, physical_id: str) -> dict[str, Any]:
        """Return what `Fn::GetAtt` answers."""
        return {}


def names(text: str) -> frozenset[str]:
    """Return the words of a text: a list of properties, easy to read."""
    return frozenset(text.split())


def tag_map(tags: Any) -> dict[str, str]:
    """Return tags as a map, from the list that templates have."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or []}


def tag_changes(former: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set, and the keys of those to take away."""
    old, new = tag_map(former.get("Tags")), tag_map(wanted.get("Tags"))
    return {key: value for key, value in new.items() if old.get(key) != value}, [key for key in old if key not in new]


@cache
def resource_types() -> dict[str, ResourceType]:
    """Return the resource types by name, found in this folder."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    modules = [import_module(f"{__name__}.{name}") for name in sorted(names)]
    return {kind.type: kind for module in modules for kind in getattr(module, "TYPES", ())}
