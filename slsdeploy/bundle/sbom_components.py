"""What a bundle is made of -> CycloneDX's components: itself, the runtime, packages, models, the base of an image.

What a component's `hashes` are of: a wheel, a model's file (or `sha256sum`'s lines of its files), a base's manifest; of the bundle and the
runtime, the digest that names them. The library has no model cards (11.12): what a model takes and gives is in properties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from packageurl import PackageURL

from slsdeploy import __version__, oci
from slsdeploy.bundle.distributions import Distribution
from slsdeploy.types import Bundle

PREFIX = "slsdeploy:"
_LONGEST_VERSION = 1024  # https://cyclonedx.org/docs/1.6/json/#components_items_version
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")

# What packages write where an id of SPDX is meant, and can mean nothing else.
_SPDX = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "2-clause bsd license": "BSD-2-Clause",
    "isc license (iscl)": "ISC",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}

Said = Mapping[str, Iterable[str]]


def whole(name: str, digest: str, said: Said) -> Component:
    """Return the bundle."""
    return Component(
        type=ComponentType.APPLICATION,
        name=name,
        bom_ref=f"bundle:{name}",
        hashes=_hashes(f"sha256:{digest}"),
        properties=properties(said),
    )


def runtime(bundle: Bundle) -> Component:
    """Return slsdeploy_runtime, by the digest of its part."""
    digests = [f"sha256:{part.digest}" for part in bundle.parts if part.name == "runtime"]
    return Component(
        type=ComponentType.LIBRARY,
        name="slsdeploy_runtime",
        version=__version__,
        bom_ref=f"runtime:slsdeploy_runtime@{__version__}",
        hashes=_hashes(*digests),
        licenses=_licences(("Apache-2.0",)),
    )


def package(of: Distribution) -> Component:
    """Return a package; its hash where it is sure which file was installed."""
    digests = (of.digest,) if of.digest else of.hashes if len(of.hashes) == 1 else ()
    version = of.version[:_LONGEST_VERSION] or None
    purl = PackageURL("pypi", name=of.key, version=version)
    said = {
        "wheel": [of.wheel],
        "wheel-tag": of.tags,
        "licence-file": of.licence_files,
        "locked-hash": () if digests else of.hashes,
    }
    return Component(
        type=ComponentType.LIBRARY,
        name=of.name,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=_hashes(*digests),
        licenses=_licences(of.licences),
        properties=properties(said),
    )


def model(name: str, version: str, digest: str, said: Said) -> Component:
    """Return a model."""
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=name,
        version=version,
        bom_ref=f"model:{name}@{version}",
        hashes=_hashes(f"sha256:{digest}"),
        properties=properties(said),
    )


def base(reference: str) -> Component:
    """Return an image to build upon: https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md."""
    found = oci.reference(reference)
    where = {"repository_url": f"{found.host}/{found.repository}", **({"tag": found.tag} if found.tag else {})}
    return Component(
        type=ComponentType.CONTAINER,
        name=f"{found.host}/{found.repository}",
        version=found.tag or None,
        purl=PackageURL("oci", name=found.repository.rpartition("/")[2], version=found.digest, qualifiers=where),
        bom_ref=f"base:{found}",
        hashes=_hashes(found.digest),
    )


def properties(said: Said) -> list[Property]:
    """Return properties of our own: https://github.com/CycloneDX/cyclonedx-property-taxonomy."""
    return [Property(name=f"{PREFIX}{name}", value=value) for name, values in said.items() for value in values if value]


def _hashes(*digests: str) -> list[HashType]:
    found = (_SHA256.fullmatch(digest) for digest in digests)
    return [HashType(alg=HashAlgorithm.SHA_256, content=each[1]) for each in found if each]


def _licences(said: tuple[str, ...]) -> list[License]:
    """Return what was declared: SPDX's ids and expressions where it is one, names where not. An expression stands alone."""
    make, declared = LicenseFactory(), LicenseAcknowledgement.DECLARED
    said = tuple(dict.fromkeys(_SPDX.get(each.lower(), each) for each in said))
    if len(said) == 1:
        return [make.make_from_string(said[0], license_acknowledgement=declared)]
    found: list[License] = []
    for each in said:
        try:
            found.append(make.make_with_id(each, acknowledgement=declared))
        except InvalidSpdxLicenseException:
            found.append(make.make_with_name(each, acknowledgement=declared))
    return found
