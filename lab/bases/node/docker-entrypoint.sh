#!/bin/sh
# What is no command goes to Node: `docker run IMAGE app.js`, `docker run IMAGE --version`.
set -e
is_command() {
    command -v "$1" >/dev/null 2>&1 && { [ ! -f "$1" ] || [ -x "$1" ]; }
}
case ${1-} in
-*) set -- node "$@" ;;
*) is_command "${1-}" || set -- node "$@" ;;
esac
exec "$@"
