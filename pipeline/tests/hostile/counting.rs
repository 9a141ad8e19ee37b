//! Counts what a thread allocates, and how often all of them do.
//!
//! The only unsafe code in the tests of this crate: the allocator trait is unsafe.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, with a look at the sizes.
pub struct Counting;

thread_local! {
    /// Bytes of this thread now, and at most since [`peak_of`] began. Both may be below 0: memory
    /// is also freed by threads that did not allocate it.
    static LIVE: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// Allocations of all threads, growing ones included.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// How often any thread allocated so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Most bytes that were allocated at once while `act` ran.
pub fn peak_of(act: impl FnOnce()) -> usize {
    let before = LIVE.get().0;
    LIVE.set((before, before));
    act();
    LIVE.get().1.saturating_sub(before).max(0) as usize
}

/// Bytes that `act` allocated and left.
pub fn left_by(act: impl FnOnce()) -> usize {
    let before = LIVE.get().0;
    act();
    (LIVE.get().0 - before).max(0) as usize
}

fn count(bytes: isize) {
    // A thread that is ending has no counter any more, and no one asks it.
    let _ = LIVE.try_with(|live| {
        let now = live.get().0 + bytes;
        live.set((now, live.get().1.max(now)));
    });
}

// SAFETY: every call goes to `System` with the same arguments, and its answer is given back.
// Counting allocates nothing and cannot panic: the counter is a constant without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of this trait, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    // The trait's own would write memory that the system gives as zeros.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        count(layout.size() as isize);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: `at` came from `alloc` or `realloc` above, so from `System`, with this layout.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // Old and new may be there together for a moment.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: as for `dealloc`; the caller keeps `size` within the limits of a layout.
        unsafe { System.realloc(at, layout, size) }
    }
}
