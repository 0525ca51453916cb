//! A file system that is soon full.

use std::path::Path;
use std::process::{Command, Stdio};

/// A file system in memory, unmounted at the end.
pub struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    /// One of that many MiB; `None` if this process may not mount one.
    pub fn mount(mebibytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(dir.path());
        if !mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            println!("skipped: this needs the right to mount a small file system");
            return None;
        }
        Some(Self { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Takes space away, all but that many MiB.
    pub fn leaves(&self, mebibytes: usize) {
        let df = Command::new("df").args(["--output=avail", "-m"]).arg(self.path()).output().expect("df");
        let text = String::from_utf8_lossy(&df.stdout).into_owned();
        let free: usize =
            text.split_whitespace().last().and_then(|word| word.parse().ok()).expect("free space");
        std::fs::write(self.ballast(), vec![0; free.saturating_sub(mebibytes) << 20]).expect("ballast");
    }

    /// Takes all space, also while others write.
    pub fn fills_up(&self) {
        let written = std::fs::write(self.ballast(), vec![0; 256 << 20]);
        assert!(written.is_err(), "the disk is small");
    }

    /// Gives the space back.
    pub fn is_cleared(&self) {
        std::fs::remove_file(self.ballast()).expect("ballast");
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
