//! A target from begin to end: what was written is read again, and what is damaged is found.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::*;

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse").unwrap()
}

/// A host with a profile for each number, each with rows and an attachment.
struct Host {
    dir: tempfile::TempDir,
    rows: usize,
}

impl Host {
    fn new(rows: usize) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), rows }
    }

    fn value(&self, profile: u32, row: usize) -> Vec<u8> {
        format!("value {row} of {profile} ").repeat(20).into_bytes()
    }

    fn file(&self, profile: u32) -> (String, PathBuf, u64) {
        let content = format!("attachment of {profile} ").repeat(100_000);
        let name = format!("{}.bin", &blake3::hash(content.as_bytes()).to_hex()[..31]);
        let path = self.dir.path().join(&name);
        fs::write(&path, &content).unwrap();
        (name, path, content.len() as u64)
    }

    /// Backs up the profiles.
    fn back_up(&self, target: &Target, profiles: &[u32]) -> (Written, usize) {
        let mut backup = target.begin().unwrap();
        let mut record = SnapshotRecord { created: 1_800_000_000, ..Default::default() };
        let mut changed = 0;
        for profile in profiles {
            let mut writer = backup.profile();
            for row in 0..self.rows {
                writer.row(&(row as u32).to_be_bytes(), &self.value(*profile, row)).unwrap();
            }
            writer.of_host("profiles", vec![1]).unwrap();
            let (name, path, length) = self.file(*profile);
            assert!(writer.file(&name, length, &path, &mut |_| true).unwrap());
            let who = ProfileRecord { id: *profile, name: format!("P{profile}"), ..Default::default() };
            let (who, new) = writer.finish(who).unwrap();
            record.profiles.push(who);
            changed += usize::from(new);
        }
        (backup.finish(record).unwrap(), changed)
    }

    /// Reads everything back and compares it.
    fn compare(&self, target: &Target, name: &str) {
        let snapshot = target.snapshot(Some(name)).unwrap();
        let reader = target.reader().unwrap();
        for record in &snapshot.record.profiles {
            let (mut stream, mut rows) = (reader.stream(record), 0);
            while let Some(entry) = stream.next_entry().unwrap() {
                match entry.item.unwrap() {
                    Item::Row(row) => {
                        assert_eq!(row.value, self.value(record.id, rows));
                        rows += 1;
                    }
                    Item::File(file) => {
                        let mut pieces = reader.file(record, &file).unwrap();
                        let mut content = Vec::new();
                        while let Some(piece) = pieces.next_piece().unwrap() {
                            content.extend(piece);
                        }
                        assert_eq!(content, fs::read(self.dir.path().join(file.name)).unwrap());
                    }
                    Item::OfHost(row) => assert_eq!(row.value, [1]),
                    Item::Due(_) => panic!("nothing is due"),
                }
            }
            assert_eq!(rows, self.rows);
        }
    }
}

/// All files of a target.
fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Everything that is wrong with the newest backup, as text.
fn faults(dir: &Path) -> Vec<String> {
    let all = || -> Result<Vec<String>, VaultError> {
        let target = Target::open(dir, &passphrase())?;
        let snapshot = target.snapshot(None)?;
        let reader = target.reader()?;
        let mut go_on = |_| true;
        let (mut check, mut damage) = reader.check_packs(&mut go_on)?;
        damage.extend(reader.damage().iter().cloned());
        for record in &snapshot.record.profiles {
            damage.extend(reader.check_profile(record, &mut check, &mut go_on)?);
        }
        Ok(damage.iter().map(Damage::to_string).collect())
    };
    all().unwrap_or_else(|error| vec![error.to_string()])
}

#[test]
fn what_was_written_is_read_again_and_what_is_there_is_not_written_twice() {
    let (folder, mut host) = (tempfile::tempdir().unwrap(), Host::new(2_000));
    let dir = folder.path().join("backup");
    let target = Target::open_or_create(&dir, &passphrase()).unwrap();
    let (first, changed) = host.back_up(&target, &[1, 2]);
    assert_eq!(changed, 2);
    host.compare(&target, &first.name);
    let (second, changed) = host.back_up(&target, &[1, 2]);
    assert_eq!(changed, 0);
    assert!(second.bytes < 1_500, "{} after {}", second.bytes, first.bytes);
    host.rows += 1;
    let (third, changed) = host.back_up(&target, &[1, 2, 3]);
    assert_eq!(changed, 3);
    assert!(third.bytes < first.bytes, "{} after {}", third.bytes, first.bytes);
    host.compare(&target, &third.name);
    host.rows -= 1;
    host.compare(&target, &first.name);
    assert_eq!(target.names().unwrap().len(), 3);
    assert_eq!(faults(&dir), Vec::<String>::new());
}

#[test]
fn only_the_owner_reads_a_backup() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(10));
    let dir = folder.path().join("backup");
    host.back_up(&Target::open_or_create(&dir, &passphrase()).unwrap(), &[1]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for path in all_files(&dir) {
        assert_eq!(mode(&path), 0o600, "{path:?}");
        assert_eq!(mode(path.parent().unwrap()), 0o700, "{path:?}");
    }
}

#[test]
fn nothing_of_a_profile_can_be_read_in_the_files() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(50));
    host.back_up(&Target::open_or_create(folder.path(), &passphrase()).unwrap(), &[1]);
    for path in all_files(folder.path()) {
        let bytes = fs::read(&path).unwrap();
        for secret in [&b"value"[..], b"attachment", b"P1"] {
            assert!(!bytes.windows(secret.len().max(5)).any(|window| window == secret), "{path:?}");
        }
    }
}

#[test]
fn a_wrong_passphrase_is_told_from_a_damaged_key() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    Target::open_or_create(dir, &passphrase()).unwrap();
    let wrong = Passphrase::new("incorrect horse").unwrap();
    assert!(matches!(Target::open(dir, &wrong), Err(VaultError::WrongPassphrase(_))));
    assert!(matches!(Target::open_or_create(dir, &wrong), Err(VaultError::WrongPassphrase(_))));
    assert!(matches!(Passphrase::new(""), Err(VaultError::EmptyPassphrase)));
    let path = dir.join("backup.key");
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(matches!(Target::open(dir, &passphrase()), Err(VaultError::Damaged { .. })));
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes"), "mine").unwrap();
    assert!(matches!(Target::open_or_create(folder.path(), &passphrase()), Err(VaultError::NotEmpty(_))));
    assert!(matches!(Target::open(folder.path(), &passphrase()), Err(VaultError::NoBackup(_))));
    assert_eq!(all_files(folder.path()).len(), 1);
}

#[test]
fn two_hosts_that_make_the_same_folder_theirs_share_its_keys_or_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("backup");
    let together = std::sync::Barrier::new(2);
    let opened: Vec<Result<Target, VaultError>> = std::thread::scope(|scope| {
        let open = || {
            together.wait();
            Target::open_or_create(&dir, &passphrase())
        };
        let both = [scope.spawn(open), scope.spawn(open)];
        both.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let host = Host::new(10);
    let mut made = 0;
    for target in opened {
        match target {
            Ok(target) => made += usize::from(!host.back_up(&target, &[1]).0.name.is_empty()),
            Err(error) => assert!(matches!(error, VaultError::Locked(_)), "{error}"),
        }
    }
    assert!(made > 0);
    let target = Target::open(&dir, &passphrase()).unwrap();
    let names = target.names().unwrap();
    assert_eq!(names.len(), made);
    for name in names {
        host.compare(&target, &name);
    }
}

#[test]
fn one_backup_at_a_time_writes_into_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open_or_create(folder.path(), &passphrase()).unwrap();
    let first = target.begin().unwrap();
    assert!(matches!(target.begin(), Err(VaultError::Locked(_))));
    drop(first);
    target.begin().unwrap();
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    host.back_up(&Target::open_or_create(dir, &passphrase()).unwrap(), &[1, 2]);
    for path in all_files(dir) {
        let whole = fs::read(&path).unwrap();
        // Begin, end and some places in between; the lock is empty.
        for at in [
            0,
            7,
            8,
            40,
            whole.len() / 3,
            whole.len() / 2,
            whole.len().saturating_sub(40),
            whole.len().saturating_sub(1),
        ] {
            if at >= whole.len() {
                continue;
            }
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert_ne!(faults(dir), Vec::<String>::new(), "byte {at} of {path:?}");
        }
        for length in [0, whole.len() / 2, whole.len().saturating_sub(1)] {
            if length < whole.len() {
                fs::write(&path, &whole[..length]).unwrap();
                assert_ne!(faults(dir), Vec::<String>::new(), "{length} bytes of {path:?}");
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(faults(dir), Vec::<String>::new());
}

#[test]
fn damage_names_the_profile() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    let target = Target::open_or_create(dir, &passphrase()).unwrap();
    host.back_up(&target, &[1]);
    let of_first = all_files(&dir.join("packs"));
    host.back_up(&target, &[1, 2]);
    let of_second = all_files(&dir.join("packs")).into_iter().find(|path| !of_first.contains(path)).unwrap();
    let mut bytes = fs::read(&of_second).unwrap();
    bytes[100] ^= 1;
    fs::write(&of_second, bytes).unwrap();
    let faults = faults(dir);
    assert!(faults.iter().any(|fault| fault.starts_with("the profile 2 (P2) is damaged")), "{faults:?}");
    assert!(!faults.iter().any(|fault| fault.contains("the profile 1 ")), "{faults:?}");
}

#[test]
fn a_missing_pack_is_found_and_the_next_backup_makes_it_good() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    let target = Target::open_or_create(dir, &passphrase()).unwrap();
    host.back_up(&target, &[1]);
    fs::remove_file(&all_files(&dir.join("packs"))[0]).unwrap();
    assert!(faults(dir)[0].starts_with("the profile 1 (P1) is damaged"), "{:?}", faults(dir));
    host.back_up(&target, &[1]);
    assert_eq!(faults(dir), Vec::<String>::new());
}

#[test]
fn a_backup_that_did_not_end_leaves_the_earlier_one_and_helps_the_next() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    let target = Target::open_or_create(dir, &passphrase()).unwrap();
    let (first, _) = host.back_up(&target, &[1]);
    let mut torn = target.begin().unwrap();
    torn.profile().row(b"key", &[7; 3_000_000]).unwrap();
    std::mem::forget(torn);
    // The lock goes with the process, which did not end here.
    fs::remove_file(dir.join("lock")).unwrap();
    assert!(all_files(dir).iter().any(|path| path.to_string_lossy().contains(".new-")));
    host.compare(&target, &first.name);
    assert_eq!(faults(dir), Vec::<String>::new());
    host.back_up(&target, &[1, 2]);
    assert!(!all_files(dir).iter().any(|path| path.to_string_lossy().contains(".new-")));
    assert_eq!(faults(dir), Vec::<String>::new());
}

#[test]
fn an_attachment_that_is_not_what_its_name_says_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::open_or_create(&folder.path().join("backup"), &passphrase()).unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "content").unwrap();
    let mut backup = target.begin().unwrap();
    let mut writer = backup.profile();
    let name = "0123456789abcdef0123456789abcde.txt";
    assert!(!writer.file(name, 7, &path, &mut |_| true).unwrap());
    let (record, _) = writer.finish(ProfileRecord::default()).unwrap();
    assert_eq!((record.missing, record.files), (vec![name.to_owned()], 0));
}

/// A target with one backup of each list of profiles.
fn with_backups(host: &Host, dir: &Path, of: &[&[u32]]) -> (Target, Vec<String>) {
    let target = Target::open_or_create(dir, &passphrase()).unwrap();
    let names = of.iter().map(|profiles| host.back_up(&target, profiles).0.name).collect();
    (target, names)
}

fn size(dir: &Path) -> u64 {
    all_files(dir).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn pruning_removes_old_backups_and_what_only_they_needed() {
    let (folder, mut host) = (tempfile::tempdir().unwrap(), Host::new(2_000));
    let dir = folder.path();
    let (target, _) = with_backups(&host, dir, &[&[1, 2, 3, 4, 5], &[2, 3]]);
    host.rows = 1_900;
    let (last, _) = host.back_up(&target, &[2, 3]);
    let before = size(dir);
    assert!(target.prune(1, &mut |_| false).is_err());
    assert_eq!(target.names().unwrap().len(), 3, "nothing goes before everything is known");
    let pruned = target.prune(1, &mut |_| true).unwrap();
    assert_eq!(pruned.names.len(), 2);
    assert!(!pruned.names.contains(&last.name));
    assert_eq!((target.names().unwrap(), size(dir)), (vec![last.name.clone()], before - pruned.freed));
    assert!(pruned.freed > before / 4, "{} of {before}", pruned.freed);
    host.compare(&target, &last.name);
    assert_eq!(faults(dir), Vec::<String>::new());
    let (again, changed) = host.back_up(&target, &[2, 3]);
    assert!(changed == 0 && again.bytes < 2_000, "{changed} {}", again.bytes);
    assert_eq!(target.prune(2, &mut |_| true).unwrap(), Pruned::default());
}

#[test]
fn pruning_counts_backups_of_chosen_profiles_apart() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(10));
    let (target, names) = with_backups(&host, folder.path(), &[&[1, 2]]);
    for _ in 0..3 {
        let mut backup = target.begin().unwrap();
        let (profile, _) = backup.profile().finish(ProfileRecord { id: 1, ..Default::default() }).unwrap();
        let record = SnapshotRecord {
            created: 1_900_000_000,
            chosen: true,
            profiles: vec![profile],
            ..Default::default()
        };
        backup.finish(record).unwrap();
    }
    assert_eq!(target.prune(1, &mut |_| true).unwrap().names.len(), 2);
    assert!(target.names().unwrap().contains(&names[0]), "the only backup of the whole host stays");
    assert_eq!(target.prune(0, &mut |_| true).unwrap(), Pruned::default());
}

#[test]
fn many_small_packs_are_put_together_and_packs_of_killed_backups_go() {
    let (folder, mut host) = (tempfile::tempdir().unwrap(), Host::new(10));
    let dir = folder.path();
    let (target, _) = with_backups(&host, dir, &[&[1]]);
    for rows in 11..40 {
        host.rows = rows;
        host.back_up(&target, &[1]);
    }
    // One that was killed before its end leaves packs without a snapshot.
    let (killed, _) = host.back_up(&target, &[9]);
    fs::remove_file(dir.join("snapshots").join(format!("{}.snapshot", killed.name))).unwrap();
    let packs = || all_files(&dir.join("packs")).len();
    assert!(packs() >= 30, "{}", packs());
    target.prune(25, &mut |_| true).unwrap();
    assert_eq!(packs(), 1);
    for name in target.names().unwrap().iter().skip(24) {
        host.compare(&target, name);
    }
    assert_eq!(faults(dir), Vec::<String>::new());
}

#[test]
fn nothing_is_pruned_while_somebody_reads_or_writes_or_when_something_is_damaged() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    let (target, names) = with_backups(&host, dir, &[&[1], &[1, 2]]);
    let mut go_on = |_| true;
    let reader = target.reader().unwrap();
    assert!(matches!(target.prune(1, &mut go_on), Err(VaultError::BeingRead(_))));
    drop(reader);
    let writing = target.begin().unwrap();
    assert!(matches!(target.prune(1, &mut go_on), Err(VaultError::Locked(_))));
    drop(writing);
    let alone = target.alone().unwrap();
    assert!(matches!(target.reader(), Err(VaultError::BeingRemoved(_))));
    drop(alone);
    let packs = all_files(&dir.join("packs"));
    let whole = fs::read(&packs[0]).unwrap();
    fs::remove_file(&packs[0]).unwrap();
    let refused = target.prune(1, &mut go_on).unwrap_err();
    assert!(refused.is_damage() && target.names().unwrap() == names, "{refused}");
    fs::write(&packs[0], whole).unwrap();
    assert_eq!(target.prune(1, &mut go_on).unwrap().names, names[..1]);
}

#[test]
fn an_attachment_whose_pieces_are_missing_is_written_again() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(10));
    let dir = folder.path();
    let target = Target::open_or_create(dir, &passphrase()).unwrap();
    // One that needs several packs: its list of chunks is in the last.
    let content: Vec<u8> =
        (0..40_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let name = format!("{}.bin", &blake3::hash(&content).to_hex()[..31]);
    let path = host.dir.path().join(&name);
    fs::write(&path, &content).unwrap();
    let back_up = || {
        let mut backup = target.begin().unwrap();
        let mut writer = backup.profile();
        assert!(writer.file(&name, content.len() as u64, &path, &mut |_| true).unwrap());
        let (profile, _) = writer.finish(ProfileRecord { id: 1, ..Default::default() }).unwrap();
        backup.finish(SnapshotRecord { profiles: vec![profile], ..Default::default() }).unwrap().bytes
    };
    back_up();
    assert!(back_up() < 2_000);
    let largest =
        all_files(&dir.join("packs")).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len());
    fs::remove_file(largest.unwrap()).unwrap();
    assert_ne!(faults(dir), Vec::<String>::new());
    assert!(back_up() > 20_000_000);
    assert_eq!(faults(dir), Vec::<String>::new());
}

#[test]
fn the_newest_backup_is_the_one_made_last_whatever_the_clock_says() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(10));
    let (target, names) = with_backups(&host, folder.path(), &[&[1], &[1], &[1]]);
    assert_eq!(target.names().unwrap(), names);
    let earlier = SnapshotRecord { created: 1_000_000_000, ..Default::default() };
    let name = target.begin().unwrap().finish(earlier).unwrap().name;
    assert_eq!(target.snapshot(None).unwrap().name, name);
    assert_eq!(target.snapshot(None).unwrap().record.created, 1_000_000_000);
}

#[test]
fn pruning_that_was_killed_before_packs_went_is_made_good_the_next_time() {
    let (folder, host) = (tempfile::tempdir().unwrap(), Host::new(300));
    let dir = folder.path();
    let (target, names) = with_backups(&host, dir, &[&[1, 2, 3, 4, 5], &[2, 3]]);
    let packs: Vec<(PathBuf, Vec<u8>)> = all_files(&dir.join("packs"))
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    target.prune(1, &mut |_| true).unwrap();
    let pruned = size(dir);
    assert!(packs.iter().any(|(path, _)| !path.exists()));
    for (path, content) in &packs {
        fs::write(path, content).unwrap();
    }
    // What is needed is there twice now.
    assert_eq!(faults(dir), Vec::<String>::new());
    host.compare(&target, &names[1]);
    target.prune(1, &mut |_| true).unwrap();
    assert!(size(dir) < pruned + 10_000, "{} after {pruned}", size(dir));
    assert_eq!(faults(dir), Vec::<String>::new());
    host.compare(&target, &names[1]);
}
