//! Rules over plain strings: no MIME, no headers.
//!
//! | file | holds |
//! |---|---|
//! | [`bidi`] | bidirectional controls |
//! | [`footer`] | the footer mark, and lines that look like one |
//! | [`reaction`] | what a reaction is |
//! | [`simplify`] | forward mark, quotes, footers |
//! | [`flowed`] | `format=flowed` (RFC 3676) |
//! | [`html`] | HTML to text |
//! | [`truncate`] | what fits on a screen |
//! | [`view`] | the full view of a message as HTML |
//! | [`wire`] | fixed texts that other programs show or compare |

pub mod bidi;
pub mod flowed;
pub mod footer;
pub mod html;
pub mod reaction;
pub mod simplify;
pub mod truncate;
pub mod view;
pub mod wire;
