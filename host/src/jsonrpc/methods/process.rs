//! Methods about the process: events, the account manager, facts.

use std::collections::BTreeMap;

use volary_proto::*;

use crate::jsonrpc::method::{Action, Typed, methods, process};

methods! {
    /// Answers after some seconds; for tests of clients.
    sleep(delay: f64) -> Done = Typed::new(Action::Sleep(delay));
    /// Waits for the next event and takes it.
    get_next_event() -> Event = Typed::new(Action::NextEvent);
    /// Waits for events and takes all that are there, 101 at most.
    get_next_event_batch() -> Vec<Event> = Typed::new(Action::NextEvents);
    /// Whether a text looks like a mail address.
    check_email_validity(email: String) -> Flag = process(CheckEmailValidity { email });
    /// Facts about the engine.
    get_system_info() -> TextMap = process(GetSystemInfo {});
    /// Replaces texts that the engine writes into chats.
    set_stock_strings(strings: BTreeMap<u32, String>) -> Done = process(SetStockStrings { strings });
    /// The newest version of an app seen on the relays.
    get_app_version(client_id: String, source_id: String) -> MaybeAppSource =
        process(GetAppVersion { client_id, source_id });
    /// Whether nothing is left to send.
    is_sending_finished() -> Flag = process(IsSendingFinished {});

    /// Makes a profile without relay.
    add_account() -> Id = process(AddAccount {});
    /// Moves a profile of chatmail core here and selects it: its files are removed once all of it is here.
    migrate_account(path_to_db: String) -> Id = process(MigrateAccount { path: path_to_db });
    /// Deletes a profile with all that belongs to it.
    remove_account(account_id: u32) -> Done = process(RemoveAccount { account_id });
    /// Profiles in the order in which they are shown.
    get_all_account_ids() -> Ids = process(GetAllAccountIds {});
    /// Remembers the profile to show first.
    select_account(id: u32) -> Done = process(SelectAccount { account_id: id });
    /// The profile to show first.
    get_selected_account_id() -> MaybeId = process(GetSelectedAccountId {});
    /// Changes the order in which profiles are shown.
    set_accounts_order(order: Vec<u32>) -> Done = process(SetAccountsOrder { account_ids: order });
    /// Profiles in the order in which they are shown, with what is shown of them.
    get_all_accounts() -> Accounts = process(GetAllAccounts {});
    /// Connects all profiles that have a relay.
    start_io_for_all_accounts() -> Done = process(StartIoForAllAccounts {});
    /// Disconnects all profiles.
    stop_io_for_all_accounts() -> Done = process(StopIoForAllAccounts {});
    /// Fetches once for all profiles, as a phone does when it is woken.
    background_fetch(timeout_in_seconds: f64) -> Done = process(BackgroundFetch { timeout_seconds: timeout_in_seconds });
    /// Ends a running background fetch.
    stop_background_fetch() -> Done = process(StopBackgroundFetch {});
    /// To be called when the device may have network again.
    maybe_network() -> Done = process(MaybeNetwork {});

    /// Reads contact cards without storing them.
    parse_vcard(path: String) -> VcardContacts = process(ParseVcard { path });
    /// Draws a text as QR code and returns the SVG.
    create_qr_svg(text: String) -> Text = process(CreateQrSvg { text });
    /// Sets the position of the device.
    set_location(latitude: f64, longitude: f64, accuracy: f64) -> Flag =
        process(SetLocation { latitude, longitude, accuracy });
    /// Ends all streaming of locations.
    stop_sending_locations() -> Done = process(StopSendingLocations {});
}
