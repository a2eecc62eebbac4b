#!/bin/sh
# The official image copies prepared settings into $MAVEN_CONFIG here; the stand-in only starts the command.
exec "$@"
