//! Merges the configuration: defaults, then the file, then variables, then flags; and records the source of each value.
//!
//! The `config` crate merges; this file finds out which value is wrong and on which line it is. `tickwire::Config` defines
//! the accepted values.

use std::collections::BTreeMap;
use std::env::vars_os;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use config::builder::DefaultState;
use config::{ConfigBuilder, ConfigError, Environment, File, FileFormat};
use tickwire::Config;
use tracing_subscriber::EnvFilter;

use crate::config_keys::{CONFIG_KEYS, ConfigKey, Flags, LISTS, PREFIX, SECRETS};

/// The effective configuration.
pub struct Settings {
    pub config: Config,
    /// The source of each value, by key; all others are defaults.
    sources: BTreeMap<&'static str, Source>,
    /// Variables with Tickwire's prefix that name no key.
    pub strays: Vec<Stray>,
}

/// A variable with Tickwire's prefix that names no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray(String);

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key) = self;
        let variable = format!("{PREFIX}{}", key.to_uppercase());
        write!(f, "the variable {} names no configuration key and is ignored", variable.escape_debug())?;
        let Some(near) = nearest(key) else { return Ok(()) };
        write!(f, " (did you mean {PREFIX}{}?)", near.to_uppercase())
    }
}

/// The configuration key that was probably meant by `typed`, if one is like it.
fn nearest(typed: &str) -> Option<&'static str> {
    /// Less alike than this, and the suggestion is more of a riddle.
    const ALIKE: f64 = 0.8;
    let alike = |config_key: &ConfigKey| (strsim::jaro_winkler(typed, config_key.key), config_key.key);
    let (score, key) = CONFIG_KEYS.iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= ALIKE).then_some(key)
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(typed) => f.write_str(typed),
        }
    }
}

/// Every key with its default, explained: the output of `tickwire config --commented`.
pub const COMMENTED: &str = include_str!("../../../../../assets/tickwire.toml");

/// The file that is read if none is named.
const DEFAULT_FILE: &str = "tickwire.toml";

impl Settings {
    /// Reads and merges all sources.
    ///
    /// # Errors
    /// One line that names the key, the value, its source and the accepted values.
    pub fn load(flags: &Flags) -> Result<Self, String> {
        let (mut variables, strays) = variables()?;
        let named = flags.file.clone().or_else(|| variables.remove("config").map(PathBuf::from));
        let (text, lines) = read_file(named.as_deref())?;
        let path = named.unwrap_or_else(|| DEFAULT_FILE.into());
        let mut sources = BTreeMap::new();
        for config_key in &CONFIG_KEYS {
            let source = if flags.values.contains_key(config_key.key) {
                Source::Flag(flags.typed(config_key))
            } else if variables.contains_key(config_key.key) {
                Source::Variable(config_key.variable())
            } else if let Some(line) = lines.get(config_key.key) {
                Source::File { path: path.clone(), line: *line }
            } else {
                continue;
            };
            sources.insert(config_key.key, source);
        }
        let typed = flags.values.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        // Secrets are taken literally; other values become numbers if they look like numbers.
        let secrets: Vec<_> = SECRETS.iter().map(|key| (*key, variables.remove(*key))).collect();
        let mut layers = defaults()?
            .add_source(File::from_str(&text, FileFormat::Toml))
            .add_source(words(variables))
            .add_source(words(typed.collect()));
        for (key, secret) in secrets {
            layers = layers.set_override_option(key, secret).map_err(|error| error.to_string())?;
        }
        let merged = layers.build().map_err(|error| error.to_string())?;
        for (key, source) in &sources {
            let value = merged.get::<config::Value>(key).map_err(|error| error.to_string())?;
            let shown = if SECRETS.contains(key) { "(not shown)".to_owned() } else { written(&value) };
            judge(key, value).map_err(|wanted| format!("{key} = {shown} ({source}): {wanted}"))?;
        }
        let config = merged.try_deserialize().map_err(|error| error.to_string())?;
        Ok(Self { config, sources, strays })
    }

    /// The source of the value of `key`.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }

    /// The file that was read, if it sets anything.
    pub fn file(&self) -> Option<PathBuf> {
        self.sources.values().find_map(|source| match source {
            Source::File { path, .. } => Some(path.clone()),
            _ => None,
        })
    }

    /// The effective configuration as TOML, each value with its source; secrets are marked, not shown.
    pub fn describe(&self) -> String {
        let table = toml::Table::try_from(&self.config).expect("a configuration is a table of plain values");
        let line = |config_key: &ConfigKey| {
            let value = table.get(config_key.key).map(toml::Value::to_string).unwrap_or_default();
            let source = self.source(config_key.key);
            let hidden = SECRETS.contains(&config_key.key) && source != Source::Default;
            let unsaid = if hidden { " (not shown)" } else { "" };
            format!("{:40} # {source}{unsaid}\n", format!("{} = {value}", config_key.key))
        };
        CONFIG_KEYS.iter().map(line).collect()
    }
}

/// Variables by key, and those that name no key. An empty variable counts as unset.
fn variables() -> Result<(BTreeMap<String, String>, Vec<Stray>), String> {
    let (mut known, mut strays) = (BTreeMap::new(), Vec::new());
    for (name, value) in vars_os() {
        let Some(key) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let key = key.to_lowercase();
        if key != "config" && CONFIG_KEYS.iter().all(|config_key| config_key.key != key) {
            strays.push(Stray(key));
        } else if !value.is_empty() {
            let text = value.into_string().map_err(|value| format!("{key} = {value:?} (variable): must be UTF-8"))?;
            known.insert(key, text);
        }
    }
    Ok((known, strays))
}

/// The text of the file, and the line of each of its keys.
fn read_file(named: Option<&Path>) -> Result<(String, BTreeMap<String, usize>), String> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let line = |place: usize| 1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count();
    let table = toml::de::DeTable::parse(&text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        format!("{}:{}: {}", path.display(), line(place), error.message().replace('\n', " "))
    })?;
    let lines: BTreeMap<String, usize> =
        table.get_ref().keys().map(|key| (key.get_ref().to_string(), line(key.span().start))).collect();
    let unknown = lines.iter().filter(|(key, _)| CONFIG_KEYS.iter().all(|config_key| config_key.key != key.as_str()));
    let meant = |key: &str| nearest(key).map_or_else(String::new, |near| format!(", did you mean {near}?"));
    let unknown: Vec<String> = unknown.map(|(key, line)| format!("{key:?} (line {line}{})", meant(key))).collect();
    if !unknown.is_empty() {
        let known = CONFIG_KEYS.map(|config_key| config_key.key).join(", ");
        return Err(format!("{}: unknown key {}; there are {known}", path.display(), unknown.join(", ")));
    }
    Ok((text, lines))
}

/// The lowest layer.
fn defaults() -> Result<ConfigBuilder<DefaultState>, String> {
    let text = toml::to_string(&Config::demo()).map_err(|error| error.to_string())?;
    Ok(config::Config::builder().add_source(File::from_str(&text, FileFormat::Toml)))
}

/// A layer of values given as text: numbers are recognised, and lists are split at commas.
fn words(values: BTreeMap<String, String>) -> Environment {
    let layer = Environment::default().try_parsing(true).list_separator(",");
    let layer = LISTS.iter().fold(layer, |layer, key| layer.with_list_parse_key(key));
    layer.source(Some(values.into_iter().collect()))
}

/// Checks `value` for `key` on its own. The error describes the accepted values.
fn judge(key: &str, value: config::Value) -> Result<(), String> {
    let alone = defaults()?.set_override(key, value).and_then(ConfigBuilder::<DefaultState>::build);
    let config: Config = alone.and_then(config::Config::try_deserialize).map_err(innermost)?;
    let filter = EnvFilter::try_new(&config.log).map(|_| ());
    filter.map_err(|_| "must be a filter such as info, or tickwire=debug,warn".to_owned())
}

fn innermost(error: ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => innermost(*error),
        other => other.to_string().replace('\n', " "),
    }
}

/// The value as it would be written in the file, always on one line.
fn written(value: &config::Value) -> String {
    match &value.kind {
        config::ValueKind::String(text) => format!("{text:?}"),
        config::ValueKind::Array(values) => {
            format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string().escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_file_names_every_knob_with_its_default() {
        // `#key` is a default; `# words` is a comment.
        let set = COMMENTED.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' '));
        let text: String = set.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect();
        let table: toml::Table = text.parse().expect("TOML");
        let mut keys: Vec<&str> = CONFIG_KEYS.iter().map(|config_key| config_key.key).collect();
        assert_eq!(text.lines().filter_map(|line| line.split(' ').next()).collect::<Vec<_>>(), keys, "in this order");
        keys.sort_unstable();
        assert_eq!(table.keys().collect::<Vec<_>>(), keys);
        assert_eq!(toml::from_str::<Config>(&text).expect("good values"), Config::demo());
        assert!(COMMENTED.parse::<toml::Table>().expect("TOML").is_empty(), "nothing is set before someone sets it");
    }
}
