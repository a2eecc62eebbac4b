#!/bin/sh
# Prints what the build left behind, one fact a line.
stat -c '%n %a' /tmp/here /opt/secret /opt/open
cat /opt/greeting /opt/list/names /opt/release
pwd
