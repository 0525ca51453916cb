//! Every kind of code, with the texts that clients know.

mod invites;
mod others;

use super::*;
use crate::address::Address;

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

fn addresses(list: &[&str]) -> Vec<Address> {
    list.iter().map(|text| Address::parse(text).unwrap()).collect()
}
