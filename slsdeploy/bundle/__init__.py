"""Project -> Bundle: which files, dependencies for the target, models, the layout on disk, archives.

`pipeline` is the flow, top to bottom: `inputs` says what a bundle is made from, `making` makes it when that changed, `limits` whether
Lambda takes it. The modules, by the question that they answer:

    what is pinned, and where?                  lock (the file, by toml; `slsdeploy lock` is locking): origins, models in S3; base_image,
                                                what an image is built upon (base_choice, base_pin, base_checks); attached, layers of others
    which files ship as code?                   select (patterns: which match nothing); what is in them: contents, credentials,
                                                own_modules, import_time
    what does a model say of itself?            model (external_data; foreign, when it is none), kept by inspection; acceptance, sample
    which packages, in which versions?          requirements (package_names) -> resolution -> wheels (wheel_tags, stated_hashes; refusal,
                                                when uv fails)
    what is in the dependencies?                packages (relocating): distributions, needs_graph; what is left out: slim/
    how does a model ship?                      prepare/
    what is the runtime told?                   manifest
    where does each file lie?                   layout, bytecode (compile_tree); parts keeps what was made, facts (tree_facts) what is in it
    does it start on Lambda?                    verify: handler_source, imports, import_handler; machine_code: shared_objects,
                                                lambda_libraries
    zip, layers or image?                       choosing
    what is uploaded?                           packing: archive (zips), layer and image, begun ahead by workers; of a Dockerfile: engine
                                                (dockerfile reads one), saved
    what was built?                             record and sbom (sbom_components); place puts it there; its digests: tree
"""

from slsdeploy.bundle.pipeline import build, known, last, settle
from slsdeploy.bundle.record import describe

__all__ = ["build", "describe", "known", "last", "settle"]
