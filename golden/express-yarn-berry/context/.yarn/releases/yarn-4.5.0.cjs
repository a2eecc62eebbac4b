#!/usr/bin/env node
// The release that the project keeps.
