//! The running engine: supervisor, profiles, relay connections and chats as actors.
