//! Folders that can be used, and what is said about those that cannot.

use super::*;

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
    assert!(matches!(refused, DirectoryError::Locked { holder: Holder::ThisProcess, .. }));
    let text = refused.to_string();
    assert!(text.contains("already in use by another engine in this process"), "{text}");
    assert!(text.contains(&*temporary.path().to_string_lossy()), "{text}");
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
    assert!(refusal.starts_with(&format!("{:?} is not empty", temporary.path())), "{refusal}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
}

#[test]
fn a_lock_file_alone_is_no_foreign_file() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("accounts.lock"), "").unwrap();
    AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
}

#[test]
fn a_configuration_and_a_socket_may_be_there_before_the_first_use() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("volary.toml"), "").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("bus.sock")).unwrap();
    AccountsDirectory::open(dir.path()).unwrap();
}

#[test]
fn a_file_or_no_path_at_all_is_refused_as_the_system_says() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(refusal(file.path()), format!("{:?}: Not a directory (os error 20)", file.path()));
    assert_eq!(refusal(Path::new("")), "the path of the folder is empty: No such file or directory");
}

#[test]
fn a_folder_of_another_engine_is_refused_and_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let config = temporary.path().join("accounts.toml");
    for text in [
        "= nonsense",
        "selected_account = 1\nnext_id = 2\naccounts = []\n",
        "next_id = 2\n[[accounts]]\nengine = \"volary\"\n",
        "# engine = \"volary\"\n",
        "",
    ] {
        fs::write(&config, text).unwrap();
        assert!(refusal(temporary.path()).contains("was not made by Volary"), "{text}");
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1, "nothing is added");
    }
    fs::write(&config, CONFIG_TEXT).unwrap();
    AccountsDirectory::open_patiently(temporary.path(), &[]).unwrap();
}

#[test]
fn a_new_folder_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("profiles");
    let opened = AccountsDirectory::open_patiently(&path, &[]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(opened.path()), 0o700);
    for name in [LOCK_FILE, CONFIG_FILE] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
}

#[test]
fn every_refusal_names_the_file_that_it_is_about() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("profiles");
    fs::create_dir_all(folder.join(CONFIG_FILE)).unwrap();
    assert!(refusal(&folder).contains("accounts.toml"));
    fs::remove_dir(folder.join(CONFIG_FILE)).unwrap();
    fs::create_dir(folder.join(LOCK_FILE)).unwrap();
    assert!(refusal(&folder).contains("accounts.lock"));
}
