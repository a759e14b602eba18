"""Metadata, and the map from the folders of this repository to the one installed package."""

#: Package → folder. The folders are short names that read well in a tree; importing goes through
#: ``synlake.`` only, because PyPI has unrelated packages called ``conf`` and ``schemas``.
PACKAGES = {
    "synlake": "core",
    "synlake.jobs": "jobs",
    "synlake.methods": "methods",
    "synlake.udfs": "udfs",
    "synlake.schemas": "schemas",
    "synlake.conf": "conf",
    "synlake.queries": "queries",
    "synlake.demo": "demo",
    "synlake.report": "report",
}

#: Compiled where there is a C compiler, and done without where there is none.
COMPILED = {"synlake.methods._near": "methods/near.c", "synlake.udfs._resample": "udfs/resample.c"}

# tools/pack.py reads PACKAGES without building anything, and where there is no setuptools: Python 3.12 brings none.
if __name__ == "__main__":
    from setuptools import Extension, setup

    flags = ["-O3", "-std=c99", "-ffp-contract=off"]
    setup(
        packages=list(PACKAGES),
        package_dir=PACKAGES,
        ext_modules=[
            Extension(name, [source], extra_compile_args=flags, optional=True)
            for name, source in COMPILED.items()
        ],
        package_data={
            "synlake": ["py.typed"],
            "synlake.conf": ["*.csv", "*.yaml", "*.conf", "*.properties"],
            "synlake.queries": ["*.sql"],
            "synlake.report": ["*.html", "*.css"],
        },
    )
