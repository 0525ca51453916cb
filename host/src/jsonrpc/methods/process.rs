//! Methods about the process: events, the account manager, facts.

use std::collections::BTreeMap;

use volary_proto::*;

use crate::jsonrpc::method::{Action, Typed, methods, process};

methods! {
    /// Answers after so many seconds.
    sleep(delay: f64) -> Done = Typed::new(Action::Sleep(delay));
    /// Waits for the next event.
    get_next_event() -> Event = Typed::new(Action::NextEvent);
    /// Waits for events and gives all that are there, up to a bound.
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

    /// Makes an unconfigured profile.
    add_account() -> Id = process(AddAccount {});
    /// Adopts a foreign database.
    migrate_account(path_to_db: String) -> Id = process(MigrateAccount { path: path_to_db });
    /// Deletes a profile.
    remove_account(account_id: u32) -> Done = process(RemoveAccount { account_id });
    /// Profiles in display order.
    get_all_account_ids() -> Ids = process(GetAllAccountIds {});
    /// Remembers the profile to show first.
    select_account(id: u32) -> Done = process(SelectAccount { account_id: id });
    /// The remembered profile.
    get_selected_account_id() -> MaybeId = process(GetSelectedAccountId {});
    /// Changes the display order.
    set_accounts_order(order: Vec<u32>) -> Done = process(SetAccountsOrder { account_ids: order });
    /// All profiles in display order.
    get_all_accounts() -> Accounts = process(GetAllAccounts {});
    /// Connects all configured profiles.
    start_io_for_all_accounts() -> Done = process(StartIoForAllAccounts {});
    /// Disconnects all profiles.
    stop_io_for_all_accounts() -> Done = process(StopIoForAllAccounts {});
    /// Fetches once for all profiles.
    background_fetch(timeout_in_seconds: f64) -> Done = process(BackgroundFetch { timeout_seconds: timeout_in_seconds });
    /// Ends a running background fetch.
    stop_background_fetch() -> Done = process(StopBackgroundFetch {});
    /// The network may be back.
    maybe_network() -> Done = process(MaybeNetwork {});

    /// Reads contact cards without storing them.
    parse_vcard(path: String) -> VcardContacts = process(ParseVcard { path });
    /// Draws a code.
    create_qr_svg(text: String) -> Text = process(CreateQrSvg { text });
    /// Sets the position of the device.
    set_location(latitude: f64, longitude: f64, accuracy: f64) -> Flag =
        process(SetLocation { latitude, longitude, accuracy });
    /// Ends all location streaming.
    stop_sending_locations() -> Done = process(StopSendingLocations {});
}
