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

/// The methods by what they are about.
pub(super) const GROUPS: [(&str, &[Method]); 5] = [
    ("The process", process::METHODS),
    ("Profiles", profile::METHODS),
    ("Chats", chats::METHODS),
    ("Messages, apps, calls", messages::METHODS),
    ("Contacts", contacts::METHODS),
];

/// All methods.
pub(super) fn all() -> impl Iterator<Item = &'static Method> {
    GROUPS.into_iter().flat_map(|(_, methods)| methods)
}

/// The method of a name.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    TABLE.get(name).copied()
}
