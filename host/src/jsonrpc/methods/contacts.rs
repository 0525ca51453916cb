//! Methods about contacts.

use volary_proto::*;

use crate::jsonrpc::method::{methods, to};

methods! {
    /// A contact.
    get_contact(account_id: u32, contact_id: u32) -> Contact = to(account_id, GetContact { contact_id });
    /// The contact of an address, made if needed.
    create_contact(account_id: u32, email: String, name: Option<String>) -> Id =
        to(account_id, CreateContact { email, name });
    /// Blocks a contact.
    block_contact(account_id: u32, contact_id: u32) -> Done = to(account_id, BlockContact { contact_id });
    /// Unblocks a contact.
    unblock_contact(account_id: u32, contact_id: u32) -> Done = to(account_id, UnblockContact { contact_id });
    /// Blocked contacts.
    get_blocked_contacts(account_id: u32) -> Contacts = to(account_id, GetBlockedContacts {});
    /// Ids of the contacts that the user knows.
    get_contact_ids(account_id: u32, list_flags: u32, query: Option<String>) -> Ids =
        to(account_id, GetContactIds { flags: list_flags, query });
    /// The contacts that the user knows.
    get_contacts(account_id: u32, list_flags: u32, query: Option<String>) -> Contacts =
        to(account_id, GetContacts { flags: list_flags, query });
    /// Contacts by id.
    get_contacts_by_ids(account_id: u32, ids: Vec<u32>) -> ContactMap =
        to(account_id, GetContactsByIds { contact_ids: ids });
    /// Forgets a contact.
    delete_contact(account_id: u32, contact_id: u32) -> Done = to(account_id, DeleteContact { contact_id });
    /// Changes the name that the user gives a contact.
    change_contact_name(account_id: u32, contact_id: u32, name: String) -> Done =
        to(account_id, ChangeContactName { contact_id, name });
    /// Fingerprints of a contact and the user, as text for people.
    get_contact_encryption_info(account_id: u32, contact_id: u32) -> Text =
        to(account_id, GetContactEncryptionInfo { contact_id });
    /// The contact of an address that was seen last; null if there is none.
    lookup_contact_id_by_addr(account_id: u32, addr: String) -> MaybeId =
        to(account_id, LookupContactIdByAddr { addr });
    /// Makes contacts from a file of cards; one id for each card.
    import_vcard(account_id: u32, path: String) -> Ids = to(account_id, cards(vcard_source::Kind::Path(path)));
    /// Makes contacts from cards; one id for each card.
    import_vcard_contents(account_id: u32, vcard: String) -> Ids =
        to(account_id, cards(vcard_source::Kind::Text(vcard)));
    /// Cards of contacts.
    make_vcard(account_id: u32, contacts: Vec<u32>) -> Text = to(account_id, MakeVcard { contact_ids: contacts });
}

fn cards(source: vcard_source::Kind) -> ImportVcard {
    ImportVcard { source: Some(VcardSource { kind: Some(source) }) }
}
