//! The methods of the interface, sorted as the schema is. A method is one line: name, parameters, result, request.

mod chats;
mod contacts;
mod messages;
mod process;
mod profile;

use std::{collections::HashMap, sync::LazyLock};

use super::method::Method;

static TABLE: LazyLock<HashMap<&'static str, &'static Method>> =
    LazyLock::new(|| all().map(|method| (method.name, method)).collect());

/// All methods.
pub(super) fn all() -> impl Iterator<Item = &'static Method> {
    [process::METHODS, profile::METHODS, chats::METHODS, messages::METHODS, contacts::METHODS]
        .into_iter()
        .flatten()
}

/// The method of a name.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    TABLE.get(name).copied()
}
