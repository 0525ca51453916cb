//! What scenario tests are made of: a world with a relay and an engine, and people who chat.
//!
//! | module | holds |
//! |---|---|
//! | `world` | [`World`]: relay, engine and files of one test |
//! | `person` | [`Person`]: a profile that meets others, says things and sees things |
//! | `chat` | [`Chat`]: a chat as one person has it |
//! | `circle` | who knows whom when a story begins |
//! | `log` | [`Log`]: everything that was told about a profile, in order |
//! | `clock` | [`WallClock`]: a clock that a test sets |
//! | `disk` | [`SmallDisk`]: a file system that is soon full |
//! | `door` | [`Door`]: a way to a relay that can be closed, stalled and cut |
//! | `line` | [`Line`]: a way to a relay that can be disturbed at any step of the dialogue |
//! | `fault` | [`Fault`]: what goes wrong on a line, and when |
//! | `postman` | [`Postman`]: mail that is carried by hand, late, in another order, twice |
//! | `wait` | [`eventually`]: waiting with a limit, never for a fixed time |
//!
//! Everything here panics when what a test says does not happen: a panic is how a test fails.

// A test that cannot go on ends with a message.
#![allow(clippy::panic, clippy::expect_used)]

mod chat;
mod circle;
mod clock;
mod disk;
mod door;
mod fault;
mod line;
mod log;
mod person;
mod postman;
mod wait;
mod world;

pub use chat::Chat;
pub use clock::WallClock;
pub use disk::SmallDisk;
pub use door::Door;
pub use fault::{Direction, Fault, Pace, Then, When};
pub use line::{Line, Wire};
pub use log::Log;
pub use person::Person;
pub use postman::{Mail, Postman};
pub use wait::{eventually, patience};
pub use world::{World, login_at};
