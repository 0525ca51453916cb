//! Lists of what was asked for by id: entries in the order of the ids, each id once.

use std::collections::HashSet;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    ChatListItemFetchResult, ChatListItems, Contact, ContactMap, MessageLoadResult, MessageLoadResults,
    MessageSearchResult, MessageSearchResults, chat_list_items, contact_map, message_load_results,
    message_search_results,
};

macro_rules! lists {
    ($($list:ident of $value:ident as $module:ident { $id:ident, $field:ident })*) => {
        $(
            impl $list {
                /// What an id stands for, if it was asked for.
                pub fn get(&self, id: u32) -> Option<&$value> {
                    self.entries.iter().find(|entry| entry.$id == id)?.$field.as_ref()
                }
            }

            /// An id that comes twice keeps its first place.
            impl FromIterator<(u32, $value)> for $list {
                fn from_iter<I: IntoIterator<Item = (u32, $value)>>(values: I) -> Self {
                    let mut known = HashSet::new();
                    let values = values.into_iter().filter(|(id, _)| known.insert(*id));
                    let entry = |(id, value)| $module::Entry { $id: id, $field: Some(value) };
                    Self { entries: values.map(entry).collect() }
                }
            }

            impl IntoIterator for $list {
                type Item = (u32, $value);
                type IntoIter = Box<dyn Iterator<Item = (u32, $value)> + Send>;

                fn into_iter(self) -> Self::IntoIter {
                    Box::new(self.entries.into_iter().filter_map(|entry| Some((entry.$id, entry.$field?))))
                }
            }

            /// An object by id: clients of JSON-RPC look entries up.
            impl Serialize for $list {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut map = serializer.serialize_map(Some(self.entries.len()))?;
                    for entry in &self.entries {
                        map.serialize_entry(&entry.$id, &entry.$field)?;
                    }
                    map.end()
                }
            }
        )*
    };
}

lists! {
    ChatListItems of ChatListItemFetchResult as chat_list_items { chat_id, item }
    MessageLoadResults of MessageLoadResult as message_load_results { msg_id, result }
    MessageSearchResults of MessageSearchResult as message_search_results { msg_id, result }
    ContactMap of Contact as contact_map { contact_id, contact }
}
