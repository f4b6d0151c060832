//! Settings as a table of keys and values, as given by TOML and `--set`.

use toml::{Table, Value};

use super::names;
use crate::networks::cond::CondConfig;
use crate::networks::{DiscriminatorConfig, GeneratorConfig};

/// The leaves of a table with their keys, joined by dots.
pub(crate) fn flatten(table: &Table, prefix: &str, list: &mut Vec<(String, String)>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => flatten(inner, &format!("{prefix}{key}."), list),
            leaf => list.push((format!("{prefix}{key}"), leaf.to_string())),
        }
    }
}

/// Drops obsolete settings of earlier versions that had no effect.
pub(crate) fn forget_removed(settings: &mut Table) {
    if let Some(Value::Table(generator)) = settings.get_mut("generator") {
        generator.remove("range");
    }
}

/// Applies `overrides` to the settings; an unknown key is an error that lists the known ones.
pub(crate) fn merge(settings: &mut Table, overrides: Table) -> Result<(), String> {
    let mut flat = Vec::new();
    flatten(settings, "", &mut flat);
    let keys: Vec<String> = flat.into_iter().map(|(key, _)| key).collect();
    merge_below(settings, overrides, "", &keys)
}

fn merge_below(
    table: &mut Table,
    overrides: Table,
    prefix: &str,
    keys: &[String],
) -> Result<(), String> {
    let overrides = if prefix == "optimizer." { for_both(overrides) } else { overrides };
    if let Some(Value::String(family)) = overrides.get("family") {
        change_family(table, prefix, family)?;
    }
    for (key, value) in overrides {
        if !table.contains_key(&key) {
            return Err(unknown(&format!("{prefix}{key}"), &value, table, keys));
        }
        let slot = &mut table[&key];
        match (slot, value) {
            (Value::Table(inner), Value::String(words)) if key == "cond" && prefix.is_empty() => {
                for (side, value) in CondConfig::words(&words)? {
                    inner.insert(side.to_owned(), Value::String(value));
                }
            }
            (Value::Table(inner), Value::Table(value)) => {
                merge_below(inner, value, &format!("{prefix}{key}."), keys)?
            }
            (slot, value) => *slot = fit(slot, value, &format!("{prefix}{key}"))?,
        }
    }
    Ok(())
}

/// Switches to another family: the table is replaced by the defaults of that family.
fn change_family(table: &mut Table, prefix: &str, family: &str) -> Result<(), String> {
    if table.get("family").and_then(Value::as_str) == Some(family) {
        return Ok(());
    }
    let named = || Table::from_iter([("family".to_owned(), Value::String(family.to_owned()))]);
    let written = match prefix {
        "generator." => named()
            .try_into::<GeneratorConfig>()
            .and_then(|c| Table::try_from(c).map_err(serde::de::Error::custom)),
        "discriminator." => named()
            .try_into::<DiscriminatorConfig>()
            .and_then(|c| Table::try_from(c).map_err(serde::de::Error::custom)),
        _ => return Ok(()),
    };
    *table = written
        .map_err(|e: toml::de::Error| format!("{prefix}family = {family}: {}", e.message()))?;
    Ok(())
}

/// The error for an unknown key. It suggests the keys that are meant, or else lists those of
/// `table`.
fn unknown(key: &str, value: &Value, table: &Table, keys: &[String]) -> String {
    // A table in the place of a value lacks a prefix of its key: its first key identifies it.
    let (word, value) = match value {
        Value::Table(inner) => match inner.iter().next() {
            Some((first, value)) => (format!("{key}.{first}"), value),
            None => (key.to_owned(), value),
        },
        _ => (key.to_owned(), value),
    };
    let meant = names::nearest(&word, keys);
    if meant.is_empty() {
        let known = table.keys().cloned().collect::<Vec<_>>().join(", ");
        return format!("unknown setting {word}; expected one of {known}");
    }
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let typed: Vec<String> = meant.iter().map(|key| format!("--set {key}={value}")).collect();
    format!("unknown setting {word}; the full name is {}: {}", meant.join(" or "), typed.join(" "))
}

/// Applies settings of `[optimizer]` itself to both networks; those under a network's own name take
/// precedence.
fn for_both(overrides: Table) -> Table {
    const NETWORKS: [&str; 2] = ["generator", "discriminator"];
    let (own, common): (Table, Table) =
        overrides.into_iter().partition(|(key, _)| NETWORKS.contains(&key.as_str()));
    let mut split = Table::new();
    if !common.is_empty() {
        split.extend(NETWORKS.map(|network| (network.to_owned(), Value::Table(common.clone()))));
    }
    for (network, value) in own {
        match (split.get_mut(&network), value) {
            (Some(Value::Table(values)), Value::Table(own)) => values.extend(own),
            (_, value) => drop(split.insert(network, value)),
        }
    }
    split
}

/// Converts `value` to the type of `slot`; integers are accepted as floats.
fn fit(slot: &Value, value: Value, key: &str) -> Result<Value, String> {
    match (slot, value) {
        (Value::Float(_), Value::Integer(n)) => Ok(Value::Float(n as f64)),
        (slot, value) if slot.same_type(&value) => Ok(value),
        (Value::Integer(_), Value::String(digits))
            if digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty() =>
        {
            Err(format!("{key} = {digits}: the number is too large"))
        }
        (Value::Table(_), value) if !names::of_table(key).is_empty() => {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let typed: Vec<String> =
                names::of_table(key).iter().map(|key| format!("--set {key}={value}")).collect();
            Err(format!("{key} is a table of settings: {}", typed.join(" ")))
        }
        (slot, value) => Err(format!("{key} is a {}, not {value}", slot.type_str())),
    }
}

/// Returns true if `assignment` chooses a network's family.
pub(crate) fn is_of_family(assignment: &str) -> bool {
    assignment.split_once('=').is_some_and(|(key, _)| key.trim().ends_with(".family"))
}

/// Applies one `key=value`; the value is TOML or a bare word.
pub(crate) fn assign(table: &mut Table, assignment: &str) -> Result<(), String> {
    let (key, text) =
        assignment.split_once('=').ok_or("expected key=value, for example schedule.batch=64")?;
    let value = format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()));
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut overrides = Table::from_iter([(last.to_owned(), value)]);
    for part in parts.into_iter().rev() {
        overrides = Table::from_iter([(part.to_owned(), Value::Table(overrides))]);
    }
    merge(table, overrides)
}
