#!/bin/bash
# The report names the version of git that it was made with.
set -euo pipefail
GIT_VERSION=$(git --version)
export GIT_VERSION
exec "$@"
