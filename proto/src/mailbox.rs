//! What actors answer to the messages of the schema.

use crate::{Answer, Error, Event, Request};

macro_rules! mailbox {
    ($($message:ty => $result:ty,)*) => {
        $(
            impl actix::Message for $message {
                type Result = $result;
            }
        )*
    };
}

mailbox! {
    Request => Result<Answer, Error>,
    Event => (),
}
