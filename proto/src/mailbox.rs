//! What actors answer to the messages of the schema.

use crate::{
    Answer, Error, Event, RelayCommand, RelayHeads, RelayHeadsAnswer, RelayMails, RelayMailsAnswer,
    RelayNotice, RelaySubmit, RelaySubmitResult, Request,
};

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
    RelayHeads => RelayHeadsAnswer,
    RelayMails => RelayMailsAnswer,
    RelayNotice => (),
    RelaySubmit => RelaySubmitResult,
    RelayCommand => (),
}
