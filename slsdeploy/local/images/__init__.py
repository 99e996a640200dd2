"""The local AWS's registry of container images: the OCI distribution API, on the endpoint that everything else has.

    api.py           /v2/...: requests -> answers; what is refused is refused in the specification's form (errors.py)
    manifests.py     a manifest that is pushed, checked to name nothing that is not there
    contents.py      blobs by their digests, on disk; uploads in pieces
    repositories.py  which repository has which images and blobs: moto's ECR knows, so both sides show the same
    of_functions.py  a function's ImageUri -> the image as the local Lambda runs it, refused in AWS's words

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""
