//! Which requests name files of the host.

use volary_proto::{request, vcard_source};

/// The setting that is a picture of the host.
const AVATAR: &str = "selfavatar";

/// The paths of the files and folders that a request reads.
pub fn files_of(kind: &mut request::Kind) -> Vec<&mut String> {
    use request::Kind;
    match kind {
        Kind::SendMessage(send) => send.data.iter_mut().filter_map(|data| data.file.as_mut()).collect(),
        Kind::SetDraft(draft) => draft.file.iter_mut().collect(),
        Kind::AddDeviceMessage(add) => add.data.iter_mut().filter_map(|data| data.file.as_mut()).collect(),
        Kind::SetConfig(set) if set.key == AVATAR => set.value.iter_mut().collect(),
        Kind::BatchSetConfig(set) => {
            let pictures = set.entries.iter_mut().filter(|entry| entry.key == AVATAR);
            pictures.filter_map(|entry| entry.value.as_mut()).collect()
        }
        Kind::SetChatProfileImage(set) => set.image_path.iter_mut().collect(),
        Kind::ImportVcard(import) => match import.source.as_mut().and_then(|source| source.kind.as_mut()) {
            Some(vcard_source::Kind::Path(path)) => vec![path],
            _ => Vec::new(),
        },
        Kind::ParseVcard(parse) => vec![&mut parse.path],
        Kind::MigrateAccount(migrate) => vec![&mut migrate.path],
        Kind::AdoptAccount(adopt) => vec![&mut adopt.path],
        Kind::CopyToBlobDir(copy) => vec![&mut copy.path],
        Kind::ImportBackup(import) => vec![&mut import.path],
        Kind::ImportSelfKeys(import) => vec![&mut import.path],
        Kind::SetWebxdcIntegration(set) => vec![&mut set.path],
        Kind::ListHostBackups(list) => vec![&mut list.target],
        Kind::VerifyHostBackups(verify) => vec![&mut verify.target],
        Kind::RestoreHostBackup(restore) => vec![&mut restore.target],
        _ => Vec::new(),
    }
}

/// Whether a request writes a file of the host.
pub fn writes_files(kind: &request::Kind) -> bool {
    use request::Kind;
    matches!(
        kind,
        Kind::ExportBackup(_)
            | Kind::ExportSelfKeys(_)
            | Kind::SaveMessageFile(_)
            | Kind::CreateHostBackup(_)
            | Kind::PruneHostBackups(_)
    )
}

/// Whether a request reads or writes files of the host.
pub fn uses_files(kind: &request::Kind) -> bool {
    writes_files(kind) || !files_of(&mut kind.clone()).is_empty()
}
