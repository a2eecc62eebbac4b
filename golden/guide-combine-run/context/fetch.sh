#!/bin/sh
set -e
curl -fsS https://example.com/ >/dev/null
wget -q --spider https://example.com/
