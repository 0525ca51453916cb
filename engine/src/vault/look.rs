//! Listing and verifying.

use std::path::Path;

use volary_proto::{HostBackup, HostBackupCheck, HostBackups, ListHostBackups, VerifyHostBackups};
use volary_vault::{Snapshot, Target};

use super::failure::{Done, VaultFailure};
use super::job::Job;
use super::save::{passphrase, shown};

/// The backups in a folder.
pub fn list(call: &ListHostBackups) -> Done<HostBackups> {
    let target = Target::open(Path::new(&call.target), &passphrase(call.passphrase.as_ref())?)?;
    let _held = target.hold()?;
    let mut listed = HostBackups::default();
    for name in target.names()? {
        match target.snapshot(Some(&name)) {
            Ok(snapshot) => listed.backups.push(listed_as(&snapshot)),
            Err(error) if error.is_damage() => listed.damaged.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(listed)
}

fn listed_as(snapshot: &Snapshot) -> HostBackup {
    let record = &snapshot.record;
    HostBackup {
        name: snapshot.name.clone(),
        created: record.created,
        profiles: record.profiles.iter().map(shown).collect(),
        written: record.written,
        changed: 0,
        chosen: record.chosen,
        release: record.release.clone(),
        pruned: None,
    }
}

/// Reads everything in backups and compares all checksums.
pub fn verify(job: &Job, call: &VerifyHostBackups) -> Done<HostBackupCheck> {
    let target = Target::open(Path::new(&call.target), &passphrase(call.passphrase.as_ref())?)?;
    let mut found = HostBackupCheck::default();
    let reader = target.reader()?;
    let names = match &call.snapshot {
        Some(name) => vec![target.snapshot(Some(name))?.name],
        None => target.names()?,
    };
    if names.is_empty() {
        return Err(VaultFailure::Refused(format!("{} holds no finished backup", call.target)));
    }
    job.step("verifying packs", 0);
    found.damage.extend(reader.damage().iter().map(ToString::to_string));
    let mut go_on = |bytes| job.read(bytes);
    let (mut check, damage) = reader.check_packs(&mut go_on).map_err(|error| job.why(error.into()))?;
    found.damage.extend(damage.iter().map(ToString::to_string));
    for name in names {
        let snapshot = match target.snapshot(Some(&name)) {
            Ok(snapshot) => snapshot,
            Err(error) if error.is_damage() => {
                found.damage.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        job.step(&format!("verifying {name}"), snapshot.record.profiles.len());
        found.backups += 1;
        for record in &snapshot.record.profiles {
            let damage = reader.check_profile(record, &mut check, &mut go_on);
            let damage = damage.map_err(|error| job.why(error.into()))?;
            found.damage.extend(damage.map(|damage| format!("{name}: {damage}")));
            found.profiles += 1;
            job.done();
        }
    }
    found.bytes = job.progress().bytes;
    Ok(found)
}
