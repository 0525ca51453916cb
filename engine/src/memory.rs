//! How the processes of this crate use the allocator of the system. Embedding programs decide for themselves.

/// Allocations from this size on (bytes) get pages of their own, which go back to the system when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_FROM: i32 = 256 * 1024;
/// Most heaps that threads are spread over; each keeps some free memory for itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: i32 = 2;

/// Makes memory of large attachments go back to the system. Without it glibc raises its threshold with the first
/// large allocation and keeps what it has. To be called first in `main`; does nothing with other allocators.
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` takes two integers, is called before any other thread exists, and an unknown or refused
        // option only makes it return 0.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES_FROM);
            libc::mallopt(libc::M_ARENA_MAX, HEAPS);
        }
    }
}
