//! Which fields of answers and events are paths of files of the host.

use volary_proto::{
    Account, Answer, ChatListItemFetchResult, Contact, Event, Message, MessageLoadResult, MessageQuote,
    account, answer, chat_list_item_fetch_result, event, message_load_result, message_quote,
};

/// Changes every path in an answer.
pub fn paths_of_answer(answer: &mut Answer, change: &mut impl FnMut(&mut String)) {
    use answer::Kind;
    match &mut answer.kind {
        Some(Kind::Text(text)) => change(&mut text.text),
        Some(Kind::MaybeText(text)) => each(&mut text.text, change),
        Some(Kind::Texts(texts)) => texts.texts.iter_mut().for_each(change),
        Some(Kind::TextMap(map)) => map.entries.values_mut().for_each(change),
        Some(Kind::TextLists(lists)) => {
            lists.entries.values_mut().flat_map(|list| &mut list.texts).for_each(change);
        }
        Some(Kind::ConfigValues(values)) => {
            values.entries.iter_mut().for_each(|entry| each(&mut entry.value, change));
        }
        Some(Kind::Account(account)) => of_account(account, change),
        Some(Kind::Accounts(all)) => all.accounts.iter_mut().for_each(|one| of_account(one, change)),
        Some(Kind::FullChat(chat)) => each(&mut chat.profile_image, change),
        Some(Kind::BasicChat(chat)) => each(&mut chat.profile_image, change),
        Some(Kind::ChatListItems(list)) => {
            let items = list.entries.iter_mut().filter_map(|entry| entry.item.as_mut());
            items.for_each(|item| of_list_item(item, change));
        }
        Some(Kind::Contact(contact)) => of_contact(contact, change),
        Some(Kind::Contacts(all)) => all.contacts.iter_mut().for_each(|one| of_contact(one, change)),
        Some(Kind::ContactMap(map)) => {
            let contacts = map.entries.iter_mut().filter_map(|entry| entry.contact.as_mut());
            contacts.for_each(|contact| of_contact(contact, change));
        }
        Some(Kind::VcardContacts(all)) => {
            all.contacts.iter_mut().for_each(|one| each(&mut one.profile_image, change));
        }
        Some(Kind::Message(message)) => of_message(message, change),
        Some(Kind::MaybeMessage(maybe)) => maybe.message.iter_mut().for_each(|one| of_message(one, change)),
        Some(Kind::MessageLoadResults(list)) => {
            let results = list.entries.iter_mut().filter_map(|entry| entry.result.as_mut());
            results.for_each(|result| of_load_result(result, change));
        }
        Some(Kind::MessageSearchResults(list)) => {
            for hit in list.entries.iter_mut().filter_map(|entry| entry.result.as_mut()) {
                each(&mut hit.author_profile_image, change);
                each(&mut hit.chat_profile_image, change);
            }
        }
        Some(Kind::MessageNotificationInfo(info)) => {
            each(&mut info.image, change);
            each(&mut info.chat_profile_image, change);
        }
        _ => {}
    }
}

/// Changes every path in an event.
pub fn paths_of_event(event: &mut Event, change: &mut impl FnMut(&mut String)) {
    use event::Kind;
    match &mut event.kind {
        Some(Kind::ImexFileWritten(written)) => change(&mut written.path),
        Some(Kind::NewBlobFile(new)) => change(&mut new.file),
        Some(Kind::DeletedBlobFile(deleted)) => change(&mut deleted.file),
        _ => {}
    }
}

/// Changes every text of an event that is made for people and may name paths.
pub fn texts_of_event(event: &mut Event, change: &mut impl FnMut(&mut String)) {
    use event::Kind;
    match &mut event.kind {
        Some(Kind::Info(told)) => change(&mut told.msg),
        Some(Kind::Warning(told)) => change(&mut told.msg),
        Some(Kind::Error(told)) => change(&mut told.msg),
        Some(Kind::ConfigureProgress(progress)) => each(&mut progress.comment, change),
        _ => {}
    }
}

fn each(text: &mut Option<String>, change: &mut impl FnMut(&mut String)) {
    text.iter_mut().for_each(change);
}

fn of_account(account: &mut Account, change: &mut impl FnMut(&mut String)) {
    if let Some(account::Kind::Configured(configured)) = &mut account.kind {
        each(&mut configured.profile_image, change);
    }
}

fn of_contact(contact: &mut Contact, change: &mut impl FnMut(&mut String)) {
    each(&mut contact.profile_image, change);
}

fn of_list_item(item: &mut ChatListItemFetchResult, change: &mut impl FnMut(&mut String)) {
    if let Some(chat_list_item_fetch_result::Kind::ChatListItem(item)) = &mut item.kind {
        each(&mut item.avatar_path, change);
    }
}

fn of_load_result(result: &mut MessageLoadResult, change: &mut impl FnMut(&mut String)) {
    if let Some(message_load_result::Kind::Message(message)) = &mut result.kind {
        of_message(message, change);
    }
}

fn of_message(message: &mut Message, change: &mut impl FnMut(&mut String)) {
    each(&mut message.file, change);
    message.sender.iter_mut().for_each(|sender| of_contact(sender, change));
    message.vcard_contact.iter_mut().for_each(|card| each(&mut card.profile_image, change));
    let quote = message.quote.as_mut();
    if let Some(MessageQuote { kind: Some(message_quote::Kind::WithMessage(quoted)) }) = quote {
        each(&mut quoted.image, change);
    }
}
