//! Methods about messages, apps and calls.

use volary_proto::*;

use crate::jsonrpc::method::{Action, Typed, methods, to};

methods! {
    /// Sends a message; answered when it is stored.
    send_msg(account_id: u32, chat_id: u32, data: MessageData) -> Id =
        to(account_id, SendMessage { chat_id, data: Some(data) });
    /// Sends a text.
    misc_send_text_message(account_id: u32, chat_id: u32, text: String) -> Id =
        to(account_id, SendMessage { chat_id, data: Some(MessageData { text: Some(text), ..Default::default() }) });
    /// Sends a text or file and shows the message.
    misc_send_msg(
        account_id: u32, chat_id: u32, text: Option<String>, file: Option<String>, filename: Option<String>,
        location: Option<(f64, f64)>, quoted_message_id: Option<u32>
    ) -> (u32, Message) = {
        let location = location.map(|(latitude, longitude)| GeoPoint { latitude, longitude });
        let data = MessageData { text, file, filename, location, quoted_message_id, ..Default::default() };
        Typed::new(Action::CallAndShow(Request::new(account_id, SendMessage { chat_id, data: Some(data) })))
    };
    /// Sends an image as sticker.
    send_sticker(account_id: u32, chat_id: u32, sticker_path: String) -> Id = {
        let viewtype = Some(ViewType::Sticker.into());
        let data = MessageData { file: Some(sticker_path), viewtype, ..Default::default() };
        to(account_id, SendMessage { chat_id, data: Some(data) })
    };
    /// A message.
    get_message(account_id: u32, msg_id: u32) -> Message = to(account_id, GetMessage { msg_id });
    /// Several messages.
    get_messages(account_id: u32, message_ids: Vec<u32>) -> MessageLoadResults =
        to(account_id, GetMessages { msg_ids: message_ids });
    /// Messages of a chat, oldest first.
    get_message_ids(account_id: u32, chat_id: u32, info_only: bool, add_daymarker: bool) -> Ids =
        to(account_id, GetMessageIds { chat_id, info_only, add_daymarker });
    /// Messages of a chat, oldest first, with day markers as objects of their own.
    get_message_list_items(account_id: u32, chat_id: u32, info_only: bool, add_daymarker: bool) -> MessageListItems =
        to(account_id, GetMessageListItems { chat_id, info_only, add_daymarker });
    /// Those of the messages that still exist.
    get_existing_msg_ids(account_id: u32, msg_ids: Vec<u32>) -> Ids = to(account_id, GetExistingMsgIds { msg_ids });
    /// HTML version of a message; null if there is none.
    get_message_html(account_id: u32, message_id: u32) -> MaybeText =
        to(account_id, GetMessageHtml { msg_id: message_id });
    /// Summary of a message in one line.
    get_message_summary_text(
        account_id: u32, message_id: u32, add_forwarded: bool, add_type_emoji: bool, approx_chars: u32
    ) -> Text = to(account_id, GetMessageSummaryText { msg_id: message_id, add_forwarded, add_type_emoji, approx_chars });
    /// What a notification shows of a message.
    get_message_notification_info(account_id: u32, message_id: u32) -> MessageNotificationInfo =
        to(account_id, GetMessageNotificationInfo { msg_id: message_id });
    /// Pins or unpins a message for all members.
    set_pinned_message_state(account_id: u32, message_id: u32, pinned_state: bool) -> Done =
        to(account_id, SetPinnedMessageState { msg_id: message_id, pinned: pinned_state });
    /// Pinned messages of a chat.
    get_pinned_messages(account_id: u32, chat_id: u32) -> Ids = to(account_id, GetPinnedMessages { chat_id });
    /// The user has seen messages; their authors get receipts.
    markseen_msgs(account_id: u32, msg_ids: Vec<u32>) -> Done = to(account_id, MarkseenMsgs { msg_ids });
    /// Deletes messages here and on the relays.
    delete_messages(account_id: u32, message_ids: Vec<u32>) -> Done =
        to(account_id, DeleteMessages { msg_ids: message_ids });
    /// Deletes own messages for all members.
    delete_messages_for_all(account_id: u32, message_ids: Vec<u32>) -> Done =
        to(account_id, DeleteMessagesForAll { msg_ids: message_ids });
    /// Changes the text of an own message for all members.
    send_edit_request(account_id: u32, msg_id: u32, new_text: String) -> Done =
        to(account_id, SendEditRequest { msg_id, text: new_text });
    /// Sends copies of messages to another chat.
    forward_messages(account_id: u32, message_ids: Vec<u32>, chat_id: u32) -> Done =
        to(account_id, ForwardMessages { msg_ids: message_ids, chat_id });
    /// Sends copies of messages from another profile.
    forward_messages_to_account(
        src_account_id: u32, src_message_ids: Vec<u32>, dst_account_id: u32, dst_chat_id: u32
    ) -> Done = to(src_account_id, ForwardMessagesToAccount {
        msg_ids: src_message_ids, account_id: dst_account_id, chat_id: dst_chat_id,
    });
    /// Sends own messages again, for members who came later.
    resend_messages(account_id: u32, message_ids: Vec<u32>) -> Done =
        to(account_id, ResendMessages { msg_ids: message_ids });
    /// Copies messages to Saved Messages.
    save_msgs(account_id: u32, message_ids: Vec<u32>) -> Done = to(account_id, SaveMessages { msg_ids: message_ids });
    /// Fetches the attachment of a message that was too large to come by itself.
    download_full_message(account_id: u32, message_id: u32) -> Done =
        to(account_id, DownloadFullMessage { msg_id: message_id });
    /// Copies the attachment of a message out.
    save_msg_file(account_id: u32, msg_id: u32, path: String) -> Done = to(account_id, SaveMessageFile { msg_id, path });
    /// Replaces the own reaction to a message.
    send_reaction(account_id: u32, message_id: u32, reaction: Vec<String>) -> Id =
        to(account_id, SendReaction { msg_id: message_id, reactions: reaction });
    /// All reactions to a message; null if there are none.
    get_message_reactions(account_id: u32, message_id: u32) -> MaybeReactions =
        to(account_id, GetMessageReactions { msg_id: message_id });
    /// Technical facts about a message, as text for people.
    get_message_info(account_id: u32, message_id: u32) -> Text = to(account_id, GetMessageInfo { msg_id: message_id });
    /// Technical facts about a message.
    get_message_info_object(account_id: u32, message_id: u32) -> MessageInfo =
        to(account_id, GetMessageInfoObject { msg_id: message_id });
    /// How many have confirmed reading a message.
    get_message_read_receipt_count(account_id: u32, message_id: u32) -> Number =
        to(account_id, GetMessageReadReceiptCount { msg_id: message_id });
    /// Who has confirmed reading a message, and when.
    get_message_read_receipts(account_id: u32, message_id: u32) -> MessageReadReceipts =
        to(account_id, GetMessageReadReceipts { msg_id: message_id });
    /// Messages whose text contains something.
    search_messages(account_id: u32, query: String, chat_id: Option<u32>) -> Ids =
        to(account_id, SearchMessages { query, chat_id });
    /// What a list of hits shows of messages.
    message_ids_to_search_results(account_id: u32, message_ids: Vec<u32>) -> MessageSearchResults =
        to(account_id, MessageIdsToSearchResults { msg_ids: message_ids });
    /// Messages of up to three types, oldest first.
    get_chat_media(
        account_id: u32, chat_id: Option<u32>, message_type: ViewType, or_message_type2: Option<ViewType>,
        or_message_type3: Option<ViewType>
    ) -> Ids = {
        let types = [Some(message_type), or_message_type2, or_message_type3];
        to(account_id, GetChatMedia { chat_id, view_types: types.into_iter().flatten().map(Into::into).collect() })
    };
    /// Messages after the setting `last_msg_id`, for bots.
    get_next_msgs(account_id: u32) -> Ids = to(account_id, GetNextMsgs {});
    /// Waits for messages after the setting `last_msg_id`, for bots.
    wait_next_msgs(account_id: u32) -> Ids = to(account_id, WaitNextMsgs {});

    /// An app sends an update.
    send_webxdc_status_update(account_id: u32, instance_msg_id: u32, update_str: String, _descr: Option<String>) -> Done =
        to(account_id, SendWebxdcStatusUpdate { msg_id: instance_msg_id, update: update_str });
    /// Sends on the realtime channel of an app.
    send_webxdc_realtime_data(account_id: u32, instance_msg_id: u32, data: Vec<u8>) -> Done =
        to(account_id, SendWebxdcRealtimeData { msg_id: instance_msg_id, data: data.into() });
    /// Joins the realtime channel of an app.
    send_webxdc_realtime_advertisement(account_id: u32, instance_msg_id: u32) -> Done =
        to(account_id, SendWebxdcRealtimeAdvertisement { msg_id: instance_msg_id });
    /// Leaves the realtime channel of an app.
    leave_webxdc_realtime(account_id: u32, instance_message_id: u32) -> Done =
        to(account_id, LeaveWebxdcRealtime { msg_id: instance_message_id });
    /// Updates of an app, as a JSON array.
    get_webxdc_status_updates(account_id: u32, instance_msg_id: u32, last_known_serial: u32) -> Text =
        to(account_id, GetWebxdcStatusUpdates { msg_id: instance_msg_id, last_known_serial });
    /// Name, icon and other facts of an app.
    get_webxdc_info(account_id: u32, instance_msg_id: u32) -> WebxdcMessageInfo =
        to(account_id, GetWebxdcInfo { msg_id: instance_msg_id });
    /// Place inside the app that an info message leads to.
    get_webxdc_href(account_id: u32, info_msg_id: u32) -> MaybeText =
        to(account_id, GetWebxdcHref { msg_id: info_msg_id });
    /// A file of an app's archive, in base64.
    get_webxdc_blob(account_id: u32, instance_msg_id: u32, path: String) -> Blob =
        to(account_id, GetWebxdcBlob { msg_id: instance_msg_id, path });
    /// Installs the app that shows maps.
    set_webxdc_integration(account_id: u32, file_path: String) -> Done =
        to(account_id, SetWebxdcIntegration { path: file_path });
    /// Prepares that app for a chat.
    init_webxdc_integration(account_id: u32, chat_id: Option<u32>) -> MaybeId =
        to(account_id, InitWebxdcIntegration { chat_id });

    /// Calls a contact and returns the message of the call.
    place_outgoing_call(account_id: u32, chat_id: u32, place_call_info: String, has_video: bool) -> Id =
        to(account_id, PlaceOutgoingCall { chat_id, place_call_info, has_video });
    /// Accepts a call.
    accept_incoming_call(account_id: u32, msg_id: u32, accept_call_info: String) -> Done =
        to(account_id, AcceptIncomingCall { msg_id, accept_call_info });
    /// Ends or declines a call.
    end_call(account_id: u32, msg_id: u32) -> Done = to(account_id, EndCall { msg_id });
    /// How a call stands.
    call_info(account_id: u32, msg_id: u32) -> CallInfo = to(account_id, GetCallInfo { msg_id });
    /// Servers that help to connect calls, as a JSON array.
    ice_servers(account_id: u32) -> Text = to(account_id, GetIceServers {});

    /// Folder of the packs of stickers.
    misc_get_sticker_folder(account_id: u32) -> Text = to(account_id, GetStickerFolder {});
    /// Adds a received sticker to a pack.
    misc_save_sticker(account_id: u32, msg_id: u32, collection: String) -> Done =
        to(account_id, SaveSticker { msg_id, collection });
    /// Paths of the stickers by pack.
    misc_get_stickers(account_id: u32) -> TextLists = to(account_id, GetStickers {});
    /// How many messages automatic deletion would remove.
    estimate_auto_deletion_count(account_id: u32, from_server: bool, seconds: i64) -> Number =
        to(account_id, EstimateAutoDeletionCount { from_server, seconds });
}
