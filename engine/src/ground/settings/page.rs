//! The page that lists all settings, made from the table.

use super::{ALL, Form, Mark, SetBy, Setting};

/// What stands before the table.
const HEAD: &str = "\
# Settings

<!-- Made from engine/src/ground/settings/table.rs by `just settings`; do not edit. -->

Each profile has its own settings. They are read and set with `get_config`, `set_config`, `batch_get_config` and
`batch_set_config`. A value is a text or null; null clears it, and the default is in force again. The table has the order
of `sys.config_keys`. Names that begin with `ui.` are free for clients; any other name is refused.

";

/// What stands before the explanation of types.
const TYPES: &str = "\n## Types\n\n| type | text |\n|---|---|\n";

/// The whole page in Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| setting | type | unit | default | set by | what it does |\n|---|---|---|---|---|---|\n");
    for setting in ALL {
        page.push_str(&row(setting));
    }
    page.push_str(TYPES);
    for form in Form::EACH {
        page.push_str(&format!("| {} | {} |\n", form.name(), form.rule()));
    }
    page
}

fn row(setting: &Setting) -> String {
    let default = match setting.default {
        None => String::new(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let mut meaning = setting.meaning.to_owned();
    for mark in setting.marks {
        meaning.push(' ');
        meaning.push_str(mark.sentence());
    }
    let (key, form, unit) = (setting.key, setting.form.name(), setting.form.unit());
    format!("| `{key}` | {form} | {unit} | {default} | {} | {meaning} |\n", setting.set_by.name())
}

impl Form {
    /// All of them, in the order of the page.
    const EACH: [Self; 14] = [
        Self::Flag,
        Self::Switch,
        Self::Number,
        Self::Seconds,
        Self::Bytes,
        Self::Time,
        Self::MessageId,
        Self::Text,
        Self::Secret,
        Self::Line,
        Self::Address,
        Self::OwnAddress,
        Self::Proxies,
        Self::Picture,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Switch => "switch",
            Self::Number => "number",
            Self::Seconds => "time span",
            Self::Bytes => "size",
            Self::Time => "time",
            Self::MessageId => "message",
            Self::Text => "text",
            Self::Secret => "secret",
            Self::Line => "line",
            Self::Address => "address",
            Self::OwnAddress => "own address",
            Self::Proxies => "proxies",
            Self::Picture => "picture",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Time => "Unix seconds",
            Self::MessageId => "message id",
            _ => "",
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::Flag => "`1` is on, `0` is off; anything else is refused.",
            Self::Switch => "On unless it is 0 or no number; any text is stored.",
            Self::Number => "A number or a code; any text is stored, and what is no number counts as 0.",
            Self::Seconds | Self::Bytes | Self::Time | Self::MessageId => "As number, in the unit named.",
            Self::Text => "Any text.",
            Self::Secret => "Any text; not to be shown to others.",
            Self::Line => {
                "One line: line breaks become blanks, characters that change the direction of writing are removed, ends are trimmed."
            }
            Self::Address => "An address; stored in lower case.",
            Self::OwnAddress => {
                "The address of a relay of the profile; stored in lower case, others are refused, cannot be cleared."
            }
            Self::Proxies => "URLs of proxies, one a line; `ss://` is refused.",
            Self::Picture => {
                "Set as the path of an image, which is copied, scaled and freed of metadata; read as the path of the copy. A missing file is refused."
            }
        }
    }
}

impl SetBy {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Engine => "engine",
            Self::OldLogin => "user, for `configure` (deprecated)",
            Self::Nobody => "read only; setting it is accepted and changes nothing",
        }
    }
}

impl Mark {
    fn sentence(self) -> &'static str {
        match self {
            Self::Info => "Listed by `get_info`.",
            Self::ProfileList => "Emits `AccountsItemChanged`.",
            Self::Shared => "Meant for all own devices: emits `ConfigSynced`.",
            Self::OwnPicture => "Goes out with the next message to each contact; emits `SelfavatarChanged`.",
            Self::Reconnects => "Connections are made anew.",
            Self::Realtime => "Realtime channels are closed if they are not allowed any more.",
            Self::Ages => "The deletion is planned anew at once.",
            Self::Counts => "Counting begins or ends; its time is noted.",
            Self::StoredOnly => "Stored; the engine does not read it.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the page is in the repository.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");

    #[test]
    fn the_page_of_settings_is_that_of_the_table() {
        if std::env::var_os("VOLARY_WRITE_DOCS").is_some() {
            std::fs::write(PAGE, page()).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).unwrap();
        assert!(written == page(), "docs/settings.md is not up to date: run `just settings`");
    }

    #[test]
    fn every_meaning_is_one_sentence_that_fits_into_a_cell() {
        for setting in ALL {
            assert!(setting.meaning.ends_with('.'), "{}", setting.key);
            assert!(!setting.meaning.contains(['|', '\n']), "{}", setting.key);
        }
    }
}
