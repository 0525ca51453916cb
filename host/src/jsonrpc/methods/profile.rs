//! Methods about one profile: connections, settings, relays, backup and keys.

use std::collections::BTreeMap;

use volary_proto::*;

use crate::jsonrpc::method::{methods, to};

methods! {
    /// Connects the profile to its relays.
    start_io(account_id: u32) -> Done = to(account_id, StartIo {});
    /// Disconnects the profile.
    stop_io(account_id: u32) -> Done = to(account_id, StopIo {});
    /// What is shown of a profile.
    get_account_info(account_id: u32) -> Account = to(account_id, GetAccountInfo {});
    /// Bytes taken on disk.
    get_account_file_size(account_id: u32) -> Number = to(account_id, GetAccountFileSize {});
    /// Whether the profile has a relay.
    is_configured(account_id: u32) -> Flag = to(account_id, IsConfigured {});
    /// Facts about the profile for logs.
    get_info(account_id: u32) -> TextMap = to(account_id, GetInfo {});
    /// What takes space on the disk, as text for people.
    get_storage_usage_report_string(account_id: u32) -> Text = to(account_id, GetStorageUsageReport {});
    /// Folder of the profile's attachments.
    get_blob_dir(account_id: u32) -> MaybeText = to(account_id, GetBlobDir {});
    /// Why the profile could not be opened; null if it could.
    get_migration_error(account_id: u32) -> MaybeText = to(account_id, GetMigrationError {});
    /// Copies a file among the attachments and returns its new path.
    copy_to_blob_dir(account_id: u32, path: String) -> Text = to(account_id, CopyToBlobDir { path });

    /// Changes a setting.
    set_config(account_id: u32, key: String, value: Option<String>) -> Done = to(account_id, SetConfig { key, value });
    /// Changes several settings, up to the first that fails.
    batch_set_config(account_id: u32, config: BTreeMap<String, Option<String>>) -> Done =
        to(account_id, BatchSetConfig { entries: entries(config) });
    /// Applies a code that changes a setting: relay, proxy, withdrawn or revived invite.
    set_config_from_qr(account_id: u32, qr_content: String) -> Done = to(account_id, SetConfigFromQr { qr: qr_content });
    /// Parses a code and says what it is for.
    check_qr(account_id: u32, qr_content: String) -> Qr = to(account_id, CheckQr { qr: qr_content });
    /// Value of a setting, or its default.
    get_config(account_id: u32, key: String) -> MaybeText = to(account_id, GetConfig { key });
    /// Values of several settings.
    batch_get_config(account_id: u32, keys: Vec<String>) -> ConfigValues = to(account_id, BatchGetConfig { keys });
    /// Names of the settings that clients keep here (`ui.…`).
    get_all_ui_config_keys(account_id: u32) -> Texts = to(account_id, GetAllUiConfigKeys {});

    /// Sets up a relay from the old settings (`addr`, `mail_pw`, …).
    configure(account_id: u32) -> Done = to(account_id, Configure {});
    /// For tests of clients: stores a relay without servers.
    add_pseudo_transport(account_id: u32, addr: String) -> Done = to(account_id, AddPseudoTransport { addr });
    /// Tries credentials of a relay and stores them.
    add_or_update_transport(account_id: u32, param: EnteredLoginParam) -> Done =
        to(account_id, AddOrUpdateTransport { param: Some(param) });
    /// Former name of `add_or_update_transport`.
    add_transport(account_id: u32, param: EnteredLoginParam) -> Done =
        to(account_id, AddOrUpdateTransport { param: Some(param) });
    /// Makes an address on a relay, or takes credentials, from a code.
    add_transport_from_qr(account_id: u32, qr: String) -> Done = to(account_id, AddTransportFromQr { qr });
    /// Sets up the first relay, if there is none.
    init_transports(account_id: u32, qr: Option<String>) -> Done = to(account_id, InitTransports { qr });
    /// Relays in order of creation.
    list_transports(account_id: u32) -> Transports = to(account_id, ListTransports {});
    /// Removes a relay.
    delete_transport(account_id: u32, addr: String) -> Done = to(account_id, DeleteTransport { addr });
    /// Cancels setup, export, import or transfer.
    stop_ongoing_process(account_id: u32) -> Done = to(account_id, StopOngoingProcess {});
    /// Answers when all that was received is shown and all that is to be sent was sent.
    wait_for_all_work_done(account_id: u32) -> Done = to(account_id, WaitForAllWorkDone {});
    /// State of the connections: 1000 not connected, 2000 connecting, 3000 working, 4000 connected.
    get_connectivity(account_id: u32) -> Number = to(account_id, GetConnectivity {});
    /// State of the connections as a page for people.
    get_connectivity_html(account_id: u32) -> Text = to(account_id, GetConnectivityHtml {});
    /// Fetches a page of the web, through the proxy if there is one.
    get_http_response(account_id: u32, url: String) -> HttpResponse = to(account_id, GetHttpResponse { url });

    /// Writes the whole profile to a file.
    export_backup(account_id: u32, destination: String, passphrase: Option<String>) -> Done =
        to(account_id, ExportBackup { destination, passphrase });
    /// Fills a fresh profile from a file.
    import_backup(account_id: u32, path: String, passphrase: Option<String>) -> Done =
        to(account_id, ImportBackup { path, passphrase });
    /// Offers the profile to one other device and waits until it was taken.
    provide_backup(account_id: u32) -> Done = to(account_id, ProvideBackup {});
    /// Code of the offer; waits for it.
    get_backup_qr(account_id: u32) -> Text = to(account_id, GetBackupQr {});
    /// Code of the offer, drawn.
    get_backup_qr_svg(account_id: u32) -> Text = to(account_id, GetBackupQrSvg {});
    /// Takes the profile that another device offers.
    get_backup(account_id: u32, qr_text: String) -> Done = to(account_id, GetBackup { qr: qr_text });
    /// Writes the own keys to files.
    export_self_keys(account_id: u32, path: String, passphrase: Option<String>) -> Done =
        to(account_id, ExportSelfKeys { destination: path, passphrase });
    /// Reads own keys.
    import_self_keys(account_id: u32, path: String, passphrase: Option<String>) -> Done =
        to(account_id, ImportSelfKeys { path, passphrase });
}

fn entries(config: BTreeMap<String, Option<String>>) -> Vec<ConfigEntry> {
    config.into_iter().map(|(key, value)| ConfigEntry { key, value }).collect()
}
