//! Every method of the interface is there and takes exactly its parameters.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use volary_proto::{ChatVisibility, Request, SetChatVisibility, SetConfig, SetStockStrings};

use super::super::{
    frame::{Failure, INVALID_PARAMS, PARSE_ERROR, Params},
    method::Action,
    methods, openrpc,
};

fn action(name: &str, params: Value) -> Result<Action, Failure> {
    let Value::Array(params) = params else { panic!("parameters are a list") };
    methods::find(name).unwrap_or_else(|| panic!("no method {name}")).action(Params::List(params))
}

fn code(name: &str, params: Value) -> i32 {
    match action(name, params) {
        Ok(action) => panic!("accepted as {action:?}"),
        Err(failure) => failure.code,
    }
}

fn request(profile_id: u32, call: impl volary_proto::Call) -> Action {
    Action::Call(Request::new(profile_id, call))
}

#[test]
fn the_table_holds_every_method_with_its_number_of_parameters() {
    let ours: BTreeMap<&str, usize> =
        methods::all().map(|method| (method.name, method.params.len())).collect();
    assert_eq!(ours.len(), methods::all().count(), "a method is there twice");
    assert_eq!(ours, INTERFACE.into_iter().collect());
}

#[test]
fn a_wrong_number_of_parameters_is_told_with_the_right_one() {
    for (name, count) in INTERFACE {
        let more = Value::Array(vec![Value::Null; count + 1]);
        let failure = action(name, more).unwrap_err();
        assert_eq!(failure.code, INVALID_PARAMS, "{name}");
        assert_eq!(failure.message, format!("This method takes an array of {count} arguments"));
        if count > 0 {
            assert_eq!(code(name, json!([])), INVALID_PARAMS, "{name}");
        }
    }
}

#[test]
fn parameters_by_name_are_refused_even_when_there_are_none() {
    let method = methods::find("get_all_account_ids").unwrap();
    let failure = method.action(Params::Named).unwrap_err();
    assert_eq!(failure, Failure::new(PARSE_ERROR, "invalid type: map, expected a sequence"));
}

#[test]
fn numbers_and_texts_are_not_converted() {
    for wrong in [json!(["1"]), json!([1.0]), json!([-1]), json!([4_294_967_296_u64]), json!([null])] {
        assert_eq!(code("is_configured", wrong.clone()), PARSE_ERROR, "{wrong}");
    }
    let failure = action("is_configured", json!(["1"])).unwrap_err();
    assert_eq!(failure.message, "invalid type: string \"1\", expected u32");
    assert_eq!(code("get_config", json!([1, 2])), PARSE_ERROR);
    assert_eq!(action("sleep", json!([0])), Ok(Action::Sleep(0.0)));
}

#[test]
fn optional_parameters_are_null() {
    let unset = SetConfig { key: "bot".into(), value: None };
    assert_eq!(action("set_config", json!([1, "bot", null])), Ok(request(1, unset)));
    assert_eq!(code("set_config", json!([1, null, null])), PARSE_ERROR);
}

#[test]
fn enums_are_read_by_name() {
    let pinned = SetChatVisibility { chat_id: 10, visibility: ChatVisibility::Pinned.into() };
    assert_eq!(action("set_chat_visibility", json!([1, 10, "Pinned"])), Ok(request(1, pinned)));
    let failure = action("set_chat_visibility", json!([1, 10, "pinned"])).unwrap_err();
    assert_eq!(failure.code, PARSE_ERROR);
    assert_eq!(failure.message, "unknown variant `pinned`, expected one of `Normal`, `Archived`, `Pinned`");
}

#[test]
fn maps_with_numbers_as_keys_use_decimal_texts() {
    let strings = SetStockStrings { strings: [(12, "Draft".to_owned())].into() };
    assert_eq!(action("set_stock_strings", json!([{"12": "Draft"}])), Ok(request(0, strings)));
    assert_eq!(code("set_stock_strings", json!([{"twelve": "Draft"}])), PARSE_ERROR);
}

#[test]
fn a_missing_member_of_an_object_is_named() {
    let failure = action("add_or_update_transport", json!([1, {"addr": "a@b.c"}])).unwrap_err();
    assert_eq!(failure, Failure::new(PARSE_ERROR, "missing field `password`"));
}

#[test]
fn the_description_covers_the_table() {
    let document = openrpc::description();
    let methods = document["methods"].as_array().unwrap();
    assert_eq!(methods.len(), INTERFACE.len());
    assert!(methods.iter().all(|method| method["paramStructure"] == "by-position"));
    let forward = methods.iter().find(|method| method["name"] == "forward_messages_to_account").unwrap();
    let names: Vec<_> = forward["params"].as_array().unwrap().iter().map(|param| &param["name"]).collect();
    assert_eq!(names, ["srcAccountId", "srcMessageIds", "dstAccountId", "dstChatId"]);
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = openrpc::description();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(!document["components"]["schemas"][name].is_null(), "{name}");
    }
}

/// Names and numbers of parameters of interface version 2.65.0.
const INTERFACE: [(&str, usize); 181] = [
    ("accept_chat", 2),
    ("accept_incoming_call", 3),
    ("add_account", 0),
    ("add_contact_to_chat", 3),
    ("add_device_message", 3),
    ("add_or_update_transport", 2),
    ("add_pseudo_transport", 2),
    ("add_transport", 2),
    ("add_transport_from_qr", 2),
    ("background_fetch", 1),
    ("batch_get_config", 2),
    ("batch_set_config", 2),
    ("block_chat", 2),
    ("block_contact", 2),
    ("call_info", 2),
    ("can_send", 2),
    ("change_contact_name", 3),
    ("check_email_validity", 1),
    ("check_qr", 2),
    ("configure", 1),
    ("copy_to_blob_dir", 2),
    ("create_broadcast", 2),
    ("create_broadcast_list", 1),
    ("create_chat_by_contact_id", 2),
    ("create_contact", 3),
    ("create_group_chat", 3),
    ("create_group_chat_unencrypted", 2),
    ("create_qr_svg", 1),
    ("delete_chat", 2),
    ("delete_contact", 2),
    ("delete_messages", 2),
    ("delete_messages_for_all", 2),
    ("delete_transport", 2),
    ("download_full_message", 2),
    ("end_call", 2),
    ("estimate_auto_deletion_count", 3),
    ("export_backup", 3),
    ("export_self_keys", 3),
    ("forward_messages", 3),
    ("forward_messages_to_account", 4),
    ("get_account_file_size", 1),
    ("get_account_info", 1),
    ("get_all_account_ids", 0),
    ("get_all_accounts", 0),
    ("get_all_ui_config_keys", 1),
    ("get_app_version", 2),
    ("get_backup", 2),
    ("get_backup_qr", 1),
    ("get_backup_qr_svg", 1),
    ("get_basic_chat_info", 2),
    ("get_blob_dir", 1),
    ("get_blocked_contacts", 1),
    ("get_chat_contacts", 2),
    ("get_chat_description", 2),
    ("get_chat_encryption_info", 2),
    ("get_chat_ephemeral_timer", 2),
    ("get_chat_id_by_contact_id", 2),
    ("get_chat_media", 5),
    ("get_chat_securejoin_qr_code", 2),
    ("get_chat_securejoin_qr_code_svg", 2),
    ("get_chatlist_entries", 4),
    ("get_chatlist_items_by_entries", 2),
    ("get_config", 2),
    ("get_connectivity", 1),
    ("get_connectivity_html", 1),
    ("get_contact", 2),
    ("get_contact_encryption_info", 2),
    ("get_contact_ids", 3),
    ("get_contacts", 3),
    ("get_contacts_by_ids", 2),
    ("get_draft", 2),
    ("get_existing_msg_ids", 2),
    ("get_first_unread_message_of_chat", 2),
    ("get_fresh_msg_cnt", 2),
    ("get_fresh_msgs", 1),
    ("get_full_chat_by_id", 2),
    ("get_http_response", 2),
    ("get_info", 1),
    ("get_locations", 5),
    ("get_message", 2),
    ("get_message_html", 2),
    ("get_message_ids", 4),
    ("get_message_info", 2),
    ("get_message_info_object", 2),
    ("get_message_list_items", 4),
    ("get_message_notification_info", 2),
    ("get_message_reactions", 2),
    ("get_message_read_receipt_count", 2),
    ("get_message_read_receipts", 2),
    ("get_message_summary_text", 5),
    ("get_messages", 2),
    ("get_migration_error", 1),
    ("get_next_event", 0),
    ("get_next_event_batch", 0),
    ("get_next_msgs", 1),
    ("get_past_chat_contacts", 2),
    ("get_pinned_messages", 2),
    ("get_selected_account_id", 0),
    ("get_similar_chat_ids", 2),
    ("get_storage_usage_report_string", 1),
    ("get_system_info", 0),
    ("get_webxdc_blob", 3),
    ("get_webxdc_href", 2),
    ("get_webxdc_info", 2),
    ("get_webxdc_status_updates", 3),
    ("ice_servers", 1),
    ("import_backup", 3),
    ("import_self_keys", 3),
    ("import_vcard", 2),
    ("import_vcard_contents", 2),
    ("init_transports", 2),
    ("init_webxdc_integration", 2),
    ("is_chat_muted", 2),
    ("is_configured", 1),
    ("is_sending_finished", 0),
    ("is_sending_locations", 1),
    ("is_sending_locations_to_chat", 2),
    ("leave_group", 2),
    ("leave_webxdc_realtime", 2),
    ("list_transports", 1),
    ("lookup_contact_id_by_addr", 2),
    ("make_vcard", 2),
    ("markfresh_chat", 2),
    ("marknoticed_all_chats", 1),
    ("marknoticed_chat", 2),
    ("markseen_msgs", 2),
    ("maybe_network", 0),
    ("message_ids_to_search_results", 2),
    ("migrate_account", 1),
    ("misc_get_sticker_folder", 1),
    ("misc_get_stickers", 1),
    ("misc_save_sticker", 3),
    ("misc_send_draft", 2),
    ("misc_send_msg", 7),
    ("misc_send_text_message", 3),
    ("misc_set_draft", 7),
    ("parse_vcard", 1),
    ("place_outgoing_call", 4),
    ("provide_backup", 1),
    ("remove_account", 1),
    ("remove_contact_from_chat", 3),
    ("remove_draft", 2),
    ("resend_messages", 2),
    ("save_msg_file", 3),
    ("save_msgs", 2),
    ("search_messages", 3),
    ("secure_join", 2),
    ("secure_join_with_ux_info", 4),
    ("select_account", 1),
    ("send_edit_request", 3),
    ("send_locations_to_chat", 3),
    ("send_msg", 3),
    ("send_reaction", 3),
    ("send_sticker", 3),
    ("send_webxdc_realtime_advertisement", 2),
    ("send_webxdc_realtime_data", 3),
    ("send_webxdc_status_update", 4),
    ("set_accounts_order", 1),
    ("set_chat_description", 3),
    ("set_chat_ephemeral_timer", 3),
    ("set_chat_mute_duration", 3),
    ("set_chat_name", 3),
    ("set_chat_profile_image", 3),
    ("set_chat_visibility", 3),
    ("set_config", 3),
    ("set_config_from_qr", 2),
    ("set_location", 3),
    ("set_pinned_message_state", 3),
    ("set_stock_strings", 1),
    ("set_webxdc_integration", 2),
    ("sleep", 1),
    ("start_io", 1),
    ("start_io_for_all_accounts", 0),
    ("stop_background_fetch", 0),
    ("stop_io", 1),
    ("stop_io_for_all_accounts", 0),
    ("stop_ongoing_process", 1),
    ("stop_sending_locations", 0),
    ("unblock_contact", 2),
    ("wait_for_all_work_done", 1),
    ("wait_next_msgs", 1),
];
