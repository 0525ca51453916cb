//! The accounts directory and the command line.

use std::{fs, path::Path, time::Duration};

use crate::jsonrpc::{
    directory::{AccountsDirectory, DirectoryError},
    server::{Invocation, invocation},
};

fn refusal(path: &Path) -> String {
    AccountsDirectory::open_patiently(path, &[]).unwrap_err().to_string()
}

#[test]
fn a_directory_that_does_not_exist_is_made_with_its_parents() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a/b");
    let opened = AccountsDirectory::open_patiently(&path, &[]).unwrap();
    assert!(path.join("accounts.toml").is_file());
    assert!(path.join("accounts.lock").is_file());
    assert_eq!(opened.path(), path.canonicalize().unwrap());
}

#[test]
fn an_opened_directory_can_be_opened_again_after_its_holder_has_left() {
    let temporary = tempfile::tempdir().unwrap();
    let holder = AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
    let refused =
        AccountsDirectory::open_patiently(temporary.path(), &[Duration::from_millis(10)]).unwrap_err();
    assert!(matches!(refused, DirectoryError::Locked));
    assert!(refused.to_string().contains("already running"));
    drop(holder);
    AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
}

#[test]
fn a_holder_that_is_just_leaving_is_waited_for() {
    let temporary = tempfile::tempdir().unwrap();
    let holder = AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
    let leaving = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(holder);
    });
    AccountsDirectory::open_patiently(temporary.path(), &[Duration::from_secs(1)]).unwrap();
    leaving.join().unwrap();
}

#[test]
fn a_directory_with_foreign_files_is_refused_by_name_and_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("stray"), "").unwrap();
    let refusal = refusal(temporary.path());
    assert_eq!(refusal, format!("{:?} is not empty", temporary.path()));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
}

#[test]
fn a_lock_file_alone_is_no_foreign_file() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("accounts.lock"), "").unwrap();
    AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
}

#[test]
fn a_file_or_no_path_at_all_is_refused_as_the_system_says() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(refusal(file.path()), "Not a directory (os error 20)");
    assert_eq!(refusal(Path::new("")), "No such file or directory (os error 2)");
}

#[test]
fn a_config_that_is_broken_or_of_another_engine_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let config = temporary.path().join("accounts.toml");
    fs::write(&config, "= nonsense").unwrap();
    assert!(refusal(temporary.path()).starts_with("Failed to parse config: TOML parse error at line 1"));
    fs::write(&config, "selected_account = 1\nnext_id = 2\naccounts = []\n").unwrap();
    assert!(refusal(temporary.path()).contains("was not made by Volary"));
}

#[test]
fn the_command_line_knows_two_options() {
    let parse = |arguments: &[&str]| {
        invocation(arguments.iter().map(|argument| (*argument).to_owned())).map_err(|error| error.to_string())
    };
    assert_eq!(parse(&[]), Ok(Invocation::Serve));
    assert_eq!(parse(&["--version"]), Ok(Invocation::Version));
    assert_eq!(parse(&["--openrpc"]), Ok(Invocation::OpenRpc));
    assert_eq!(parse(&["--help"]), Err("Unrecognized option \"--help\"".into()));
    assert_eq!(parse(&["--version", "x"]), Err("Unrecognized argument \"x\"".into()));
}
