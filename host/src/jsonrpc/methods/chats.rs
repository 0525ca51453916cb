//! Methods about chats and their members.

use volary_proto::*;

use crate::jsonrpc::method::{methods, to};

/// Name of a channel made by the method that takes none.
const UNNAMED_CHANNEL: &str = "Channel";

methods! {
    /// Ids of the chat list.
    get_chatlist_entries(
        account_id: u32, list_flags: Option<u32>, query_string: Option<String>, query_contact_id: Option<u32>
    ) -> Ids = to(account_id, GetChatlistEntries { flags: list_flags, query: query_string, contact_id: query_contact_id });
    /// Entries of the chat list.
    get_chatlist_items_by_entries(account_id: u32, entries: Vec<u32>) -> ChatListItems =
        to(account_id, GetChatlistItems { chat_ids: entries });
    /// Groups that share members with a chat.
    get_similar_chat_ids(account_id: u32, chat_id: u32) -> Ids = to(account_id, GetSimilarChatIds { chat_id });
    /// A chat with its members.
    get_full_chat_by_id(account_id: u32, chat_id: u32) -> FullChat = to(account_id, GetFullChat { chat_id });
    /// A chat without its members.
    get_basic_chat_info(account_id: u32, chat_id: u32) -> BasicChat = to(account_id, GetBasicChat { chat_id });
    /// Accepts a contact request.
    accept_chat(account_id: u32, chat_id: u32) -> Done = to(account_id, AcceptChat { chat_id });
    /// Blocks a contact or channel, or deletes a group that was not accepted.
    block_chat(account_id: u32, chat_id: u32) -> Done = to(account_id, BlockChat { chat_id });
    /// Deletes a chat with its messages, here and on the relays.
    delete_chat(account_id: u32, chat_id: u32) -> Done = to(account_id, DeleteChat { chat_id });
    /// Fingerprints of the members, as text for people.
    get_chat_encryption_info(account_id: u32, chat_id: u32) -> Text = to(account_id, GetChatEncryptionInfo { chat_id });
    /// Text of an invite.
    get_chat_securejoin_qr_code(account_id: u32, chat_id: Option<u32>) -> Text =
        to(account_id, GetChatSecurejoinQrCode { chat_id });
    /// Text of an invite, and the invite drawn.
    get_chat_securejoin_qr_code_svg(account_id: u32, chat_id: Option<u32>) -> Texts =
        to(account_id, GetChatSecurejoinQrCodeSvg { chat_id });
    /// Follows an invite and returns the chat; the handshake goes on.
    secure_join(account_id: u32, qr: String) -> Id = to(account_id, SecureJoin { qr, source: None, ui_path: None });
    /// Follows an invite, with where the user got it from.
    secure_join_with_ux_info(
        account_id: u32, qr: String, source: Option<SecurejoinSource>, uipath: Option<SecurejoinUiPath>
    ) -> Id = to(account_id, SecureJoin { qr, source: source.map(Into::into), ui_path: uipath.map(Into::into) });
    /// Leaves a group or channel.
    leave_group(account_id: u32, chat_id: u32) -> Done =
        to(account_id, RemoveContactFromChat { chat_id, contact_id: SELF });
    /// Removes a member.
    remove_contact_from_chat(account_id: u32, chat_id: u32, contact_id: u32) -> Done =
        to(account_id, RemoveContactFromChat { chat_id, contact_id });
    /// Adds a member.
    add_contact_to_chat(account_id: u32, chat_id: u32, contact_id: u32) -> Done =
        to(account_id, AddContactToChat { chat_id, contact_id });
    /// Members of a chat.
    get_chat_contacts(account_id: u32, chat_id: u32) -> Ids = to(account_id, GetChatContacts { chat_id });
    /// Former members of a chat.
    get_past_chat_contacts(account_id: u32, chat_id: u32) -> Ids = to(account_id, GetPastChatContacts { chat_id });
    /// Makes a group.
    create_group_chat(account_id: u32, name: String, _protect: bool) -> Id =
        to(account_id, CreateGroup { name, unencrypted: false });
    /// Makes a group for contacts without a key.
    create_group_chat_unencrypted(account_id: u32, name: String) -> Id =
        to(account_id, CreateGroup { name, unencrypted: true });
    /// Makes a channel with a fixed name.
    create_broadcast_list(account_id: u32) -> Id = to(account_id, CreateBroadcast { name: UNNAMED_CHANNEL.into() });
    /// Makes a channel.
    create_broadcast(account_id: u32, chat_name: String) -> Id = to(account_id, CreateBroadcast { name: chat_name });
    /// Renames a group or channel.
    set_chat_name(account_id: u32, chat_id: u32, new_name: String) -> Done =
        to(account_id, SetChatName { chat_id, name: new_name });
    /// Describes a group or channel.
    set_chat_description(account_id: u32, chat_id: u32, description: String) -> Done =
        to(account_id, SetChatDescription { chat_id, description });
    /// Description of a group or channel.
    get_chat_description(account_id: u32, chat_id: u32) -> Text = to(account_id, GetChatDescription { chat_id });
    /// Changes the picture of a group or channel.
    set_chat_profile_image(account_id: u32, chat_id: u32, image_path: Option<String>) -> Done =
        to(account_id, SetChatProfileImage { chat_id, image_path });
    /// Archives or pins a chat, or neither.
    set_chat_visibility(account_id: u32, chat_id: u32, visibility: ChatVisibility) -> Done =
        to(account_id, SetChatVisibility { chat_id, visibility: visibility.into() });
    /// Changes the timer of disappearing messages.
    set_chat_ephemeral_timer(account_id: u32, chat_id: u32, timer: u32) -> Done =
        to(account_id, SetChatEphemeralTimer { chat_id, seconds: timer });
    /// Seconds until messages disappear; 0: never.
    get_chat_ephemeral_timer(account_id: u32, chat_id: u32) -> Number = to(account_id, GetChatEphemeralTimer { chat_id });
    /// Silences a chat.
    set_chat_mute_duration(account_id: u32, chat_id: u32, duration: MuteDuration) -> Done =
        to(account_id, SetChatMuteDuration { chat_id, duration: Some(duration) });
    /// Whether a chat is silent now.
    is_chat_muted(account_id: u32, chat_id: u32) -> Flag = to(account_id, IsChatMuted { chat_id });
    /// Adds a message to the device chat, once for each label.
    add_device_message(account_id: u32, label: String, msg: Option<MessageData>) -> MaybeId =
        to(account_id, AddDeviceMessage { label, data: msg });
    /// The user has seen all chats.
    marknoticed_all_chats(account_id: u32) -> Done = to(account_id, MarknoticedAllChats {});
    /// The user has seen a chat.
    marknoticed_chat(account_id: u32, chat_id: u32) -> Done = to(account_id, MarknoticedChat { chat_id });
    /// The user wants to come back to a chat: it counts as unread.
    markfresh_chat(account_id: u32, chat_id: u32) -> Done = to(account_id, MarkfreshChat { chat_id });
    /// The message from which on the user has not read; null if there is none.
    get_first_unread_message_of_chat(account_id: u32, chat_id: u32) -> MaybeId =
        to(account_id, GetFirstUnreadMessageOfChat { chat_id });
    /// Unread messages of all chats, newest first.
    get_fresh_msgs(account_id: u32) -> Ids = to(account_id, GetFreshMsgs {});
    /// Number of unread messages of a chat.
    get_fresh_msg_cnt(account_id: u32, chat_id: u32) -> Number = to(account_id, GetFreshMsgCnt { chat_id });
    /// The visible chat with a contact; null if there is none.
    get_chat_id_by_contact_id(account_id: u32, contact_id: u32) -> MaybeId =
        to(account_id, GetChatIdByContactId { contact_id });
    /// The chat with a contact, made if needed.
    create_chat_by_contact_id(account_id: u32, contact_id: u32) -> Id =
        to(account_id, CreateChatByContactId { contact_id });
    /// Whether a message may be written now.
    can_send(account_id: u32, chat_id: u32) -> Flag = to(account_id, CanSend { chat_id });

    /// Draft of a chat; null if there is none.
    get_draft(account_id: u32, chat_id: u32) -> MaybeMessage = to(account_id, GetDraft { chat_id });
    /// Removes the draft of a chat.
    remove_draft(account_id: u32, chat_id: u32) -> Done = to(account_id, RemoveDraft { chat_id });
    /// Replaces the draft of a chat.
    misc_set_draft(
        account_id: u32, chat_id: u32, text: Option<String>, file: Option<String>, filename: Option<String>,
        quoted_message_id: Option<u32>, view_type: Option<ViewType>
    ) -> Done = to(account_id, SetDraft {
        chat_id, text, file, filename, quoted_message_id, view_type: view_type.map(Into::into),
    });
    /// Sends the draft; it keeps its id.
    misc_send_draft(account_id: u32, chat_id: u32) -> Id = to(account_id, SendDraft { chat_id });

    /// Positions, newest first.
    get_locations(
        account_id: u32, chat_id: Option<u32>, contact_id: Option<u32>, timestamp_begin: i64, timestamp_end: i64
    ) -> Locations = to(account_id, GetLocations { chat_id, contact_id, begin: timestamp_begin, end: timestamp_end });
    /// Streams the position of the device to a chat.
    send_locations_to_chat(account_id: u32, chat_id: u32, seconds: i64) -> Done =
        to(account_id, SendLocationsToChat { chat_id, seconds });
    /// Whether the position is streamed to any chat.
    is_sending_locations(account_id: u32) -> Flag = to(account_id, IsSendingLocations { chat_id: None });
    /// Whether the position is streamed to a chat.
    is_sending_locations_to_chat(account_id: u32, chat_id: u32) -> Flag =
        to(account_id, IsSendingLocations { chat_id: Some(chat_id) });
}

/// The contact that stands for the profile itself.
const SELF: u32 = 1;
