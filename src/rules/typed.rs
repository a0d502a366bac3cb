//! Values of a rule file, read as the type that the vocabulary gives a fact.

use crate::evidence::{Value, Version};
use crate::facts::vocabulary::FactType;

/// The value as that type; `None` if it is of another one.
pub(crate) fn value(kind: FactType, raw: &toml::Value) -> Option<Value> {
    match (kind, raw) {
        (FactType::Bool, toml::Value::Boolean(flag)) => Some(Value::Bool(*flag)),
        (FactType::Int, toml::Value::Integer(number)) => Some(Value::Int(*number)),
        (FactType::Text, toml::Value::String(text)) => Some(Value::text(text)),
        (FactType::Version, toml::Value::String(text)) => Version::parse(text).map(Value::Version),
        (FactType::List, toml::Value::Array(items)) => items
            .iter()
            .map(scalar)
            .collect::<Option<Vec<_>>>()
            .map(Value::List),
        (FactType::Map, toml::Value::Table(items)) => {
            let pairs = items
                .iter()
                .map(|(name, item)| Some((name.clone(), entry(item)?)));
            pairs.collect::<Option<_>>().map(Value::Map)
        }
        _ => None,
    }
}

fn scalar(raw: &toml::Value) -> Option<Value> {
    match raw {
        toml::Value::Boolean(flag) => Some(Value::Bool(*flag)),
        toml::Value::Integer(number) => Some(Value::Int(*number)),
        toml::Value::String(text) => Some(Value::text(text)),
        _ => None,
    }
}

/// An entry of a map: a scalar, or a map of scalars (a service with its properties).
fn entry(raw: &toml::Value) -> Option<Value> {
    let Some(items) = raw.as_table() else {
        return scalar(raw);
    };
    let pairs = items
        .iter()
        .map(|(name, item)| Some((name.clone(), scalar(item)?)));
    pairs.collect::<Option<_>>().map(Value::Map)
}
