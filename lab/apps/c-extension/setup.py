from setuptools import Extension, setup

setup(
    name="checksum",
    version="1.0",
    packages=["checksum"],
    package_dir={"": "src"},
    ext_modules=[Extension("checksum._adler", ["src/checksum/_adler.c"])],
)
