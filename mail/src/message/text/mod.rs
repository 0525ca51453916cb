//! Rules over plain strings: no MIME, no headers.
//!
//! | file | holds |
//! |---|---|
//! | [`simplify`] | forward mark, quotes, footers |
//! | [`flowed`] | `format=flowed` (RFC 3676) |
//! | [`html`] | HTML to text |
//! | [`truncate`] | what fits on a screen |
//! | [`view`] | the full view of a message as HTML |
//! | [`wire`] | fixed texts that other programs show or compare |

pub mod flowed;
pub mod html;
pub mod simplify;
pub mod truncate;
pub mod view;
pub mod wire;
