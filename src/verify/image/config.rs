//! The configuration of an image.

use serde::Deserialize;
use std::collections::HashMap;

/// The configuration of an image (OCI image specification, "config").
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Config {
    /// `NAME=value`.
    pub env: Option<Vec<String>>,
    /// USER.
    pub user: String,
    /// WORKDIR.
    pub working_dir: String,
    /// ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// CMD.
    pub cmd: Option<Vec<String>>,
    /// EXPOSE.
    pub exposed_ports: Option<HashMap<String, serde_json::Value>>,
    /// VOLUME.
    pub volumes: Option<HashMap<String, serde_json::Value>>,
    /// LABEL.
    pub labels: Option<HashMap<String, String>>,
    /// STOPSIGNAL.
    pub stop_signal: String,
    /// HEALTHCHECK.
    pub healthcheck: Option<Healthcheck>,
    /// SHELL.
    pub shell: Option<Vec<String>>,
    /// ONBUILD.
    pub on_build: Option<Vec<String>>,
}

/// A HEALTHCHECK.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `NONE`, `CMD …` or `CMD-SHELL …`.
    pub test: Vec<String>,
    /// Nanoseconds between two.
    pub interval: u64,
    /// Nanoseconds that one may take.
    pub timeout: u64,
    /// Nanoseconds before failures count.
    pub start_period: u64,
    /// Failures in a row that count.
    pub retries: u64,
}

impl Config {
    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let mut pairs = self.env.iter().flatten().filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// What a container starts: ENTRYPOINT and CMD.
    pub fn command(&self) -> Vec<&str> {
        self.entrypoint.iter().chain(&self.cmd).flatten().map(String::as_str).collect()
    }

    /// The command of the healthcheck, where there is one.
    pub fn health_command(&self) -> Option<&[String]> {
        let test = &self.healthcheck.as_ref()?.test;
        test.first().filter(|first| *first != "NONE").map(|_| test.as_slice())
    }

    /// The ports of EXPOSE for TCP, sorted.
    pub fn ports(&self) -> Vec<u16> {
        let keys = self.exposed_ports.iter().flatten().map(|(key, _)| key.as_str());
        let mut ports: Vec<u16> = keys
            .filter(|key| !key.ends_with("/udp"))
            .filter_map(|key| key.split('/').next()?.parse().ok())
            .collect();
        ports.sort_unstable();
        ports
    }
}
