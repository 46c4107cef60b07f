"""A tree of packages that need each other, of both formats, on an upstream.

    trees.plant(upstream)
    trees.found(folder) == trees.EXPECTED[client.format]     what an install of trees.TOP left in a folder

Each package says who it is in a file of its own, so that one look tells what came, and nothing else did.
Ranges leave out the newest of several, a scope and an extra are among them, and one Python project has no wheel."""

import pathlib

import packages

TOP = "tree"
NPM = {
    ("tree", "1.0.0"): {"@far/branch": "^1.0.0", "twig": "~2.1.0"},
    ("@far/branch", "1.2.0"): {"twig": "^2.0.0", "@far/leaf": "1.x"},
    ("twig", "2.1.3"): {"leaf": ">=1 <3"},
    ("@far/leaf", "1.0.1"): {"leaf": "^2.0.0"},
    ("leaf", "2.5.0"): {"root-hair": "latest"},
    ("root-hair", "0.0.1"): {},
}
NPM_BESIDE = [("@far/branch", "1.1.0"), ("twig", "2.2.0-rc.1"), ("leaf", "3.0.0"), ("leaf", "1.0.0")]
PYPI = {
    ("tree", "1.0"): ["far.branch[more]~=1.0", "twig>=2,<3"],
    ("far.branch", "1.2"): ["twig", "far-leaf==1.*; extra == 'more'"],
    ("twig", "2.1.3"): ["Leaf!=2.6"],
    ("far-leaf", "1.0.1"): ["leaf>=2"],
    ("leaf", "2.5"): ["root_hair"],
    ("root-hair", "0.0.1"): [],
}
PYPI_BESIDE = [("far.branch", "1.1"), ("twig", "3.0"), ("leaf", "2.6"), ("leaf", "2.7rc1")]
EXPECTED = {"npm": {f"{name} {version}" for name, version in NPM},
            "pypi": {f"{name} {version}" for name, version in PYPI}}


def plant(upstream):
    for name, version in NPM_BESIDE:
        upstream.npm.add(name, version, {"who.txt": f"{name} {version}"}, tag=None)
    for (name, version), needed in NPM.items():
        upstream.npm.add(name, version, {"who.txt": f"{name} {version}"}, dependencies=needed)
    for (name, version), needed in [*PYPI.items(), *((beside, []) for beside in PYPI_BESIDE)]:
        make = packages.sdist if name == "twig" else packages.wheel
        extra = ["Provides-Extra: more"] if name == "far.branch" else []
        upstream.pypi.add(make(name, version, {"who.txt": f"{name} {version}"}, requires=needed, extra=extra))


def found(folder):
    """Of what was installed below a folder, who each package says that it is."""
    return {path.read_text() for path in pathlib.Path(folder).rglob("who.txt") if path.is_file()}
