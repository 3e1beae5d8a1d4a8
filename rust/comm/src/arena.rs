//! Memory that the ranks of a group on one host share, and the words they wait on (Linux).
//!
//! The file is made exclusively, private to the user, with its pages allocated (a full /dev/shm is an
//! error here instead of a SIGBUS later), and unlinked as soon as all ranks have mapped it: nothing
//! is left behind whatever dies. One rank that cannot map it is enough for all to use TCP.

use crate::call::{Call, Op};
use crate::collective::{Buffers, run};
use crate::reduce::Reduce;
use crate::view::View;
use crate::wire::{Idle, SLICE, Session, Wire};
use crate::{Result, secret};
use base::DType;
use rustix::fs::{FallocateFlags, Mode, fallocate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::shm;
use rustix::thread::futex;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Payload of a small collective, beside its header.
pub const SMALL: usize = 16 << 10;
/// Bytes of a large one that are staged at once, where every rank has a core, and where ranks share
/// cores with their caches.
const CHUNKS: [usize; 2] = [512 << 10, 128 << 10];
/// A rank's words, alone on their cache lines.
const LINE: usize = 128;
const SLOT: usize = 256 + SMALL;
const NAME: usize = 24;

/// A rank's counter that others wait on, and how many do.
#[repr(C)]
struct Word {
    count: AtomicU32,
    waiting: AtomicU32,
}

/// The shared memory, mapped here.
pub struct Arena {
    start: *mut u8,
    length: usize,
    world: usize,
    rank: usize,
    /// Bytes of a large collective that are staged at once.
    pub chunk: usize,
    posted: u32,
    /// The collective of the last step, if not all ranks' descriptions of it have been compared.
    pub unread: Option<Call>,
}

// SAFETY: the mapping belongs to the process; its accesses state their own conditions.
unsafe impl Send for Arena {}

impl Arena {
    fn length(world: usize, chunk: usize) -> usize {
        world * LINE + 2 * world * SLOT + 2 * (world + 1) * chunk
    }

    /// Maps memory that all ranks share; None where that is not possible for one of them.
    pub fn agree(session: &mut Session<'_>) -> Result<Option<Arena>> {
        let (rank, world) = (session.rank(), session.world());
        let mut plan = [0u8; NAME + 1];
        let crowded = !session.wire.patience.spins;
        let made = if rank == 0 { make(world, crowded, &mut plan) } else { None };
        talk(session, Op::Broadcast, &mut plan)?;
        let chunk = CHUNKS[usize::from(plan[NAME] != 0)];
        let text = std::str::from_utf8(&plan[..NAME]).unwrap_or_default();
        let file =
            if rank == 0 { made } else { shm::open(text, shm::OFlags::RDWR, Mode::empty()).ok() };
        let arena = file.and_then(|file| Arena::map(file, rank, world, chunk));
        let mut vote = [u8::from(arena.is_some())];
        let counted = talk(session, Op::AllReduce, &mut vote);
        if rank == 0 {
            // It exists unless it could not be made.
            let _ = shm::unlink(text);
        }
        counted.map(|()| arena.filter(|_| vote == [1]))
    }

    fn map(file: OwnedFd, rank: usize, world: usize, chunk: usize) -> Option<Arena> {
        let length = Arena::length(world, chunk);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the system's choice, of a file of this length.
        let start =
            unsafe { mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, file, 0) };
        let start = start.ok()?.cast();
        Some(Arena { start, length, world, rank, chunk, posted: 0, unread: None })
    }

    fn part(&self, offset: usize, length: usize) -> View {
        // SAFETY: all parts lie inside the mapping, which lives as long as the group's wire.
        unsafe { View::new(self.start, self.length) }.part(offset, length)
    }

    fn word(&self, rank: usize) -> &Word {
        let place: *const () = self.part(rank * LINE, LINE).ptr().cast();
        // SAFETY: the place is inside the mapping, aligned to a page plus a multiple of LINE, zero
        // when new; all processes access it by atomics only.
        unsafe { &*place.cast::<Word>() }
    }

    /// A rank's slot for a small collective; two of them take turns.
    pub fn slot(&self, rank: usize, turn: u32) -> View {
        let place = 2 * rank + (turn & 1) as usize;
        self.part(self.world * LINE + place * SLOT, SLOT)
    }

    /// A rank's stage for a large collective, or (for `world`) the result's; two take turns.
    pub fn stage(&self, rank: usize, turn: u32) -> View {
        let place = 2 * rank + (turn & 1) as usize;
        self.part(self.world * LINE + 2 * self.world * SLOT + place * self.chunk, self.chunk)
    }

    /// The number of this rank's next step.
    pub fn next(&self) -> u32 {
        self.posted.wrapping_add(1)
    }

    /// Tells the others that this rank has done its next step.
    fn post(&mut self) {
        self.posted = self.next();
        let word = self.word(self.rank);
        word.count.store(self.posted, Ordering::SeqCst);
        if word.waiting.load(Ordering::SeqCst) > 0 {
            // Whoever sleeps wakes after its slice in any case.
            let _ = futex::wake(&word.count, futex::Flags::empty(), u32::MAX >> 1);
        }
    }

    fn reached(&self, rank: usize) -> bool {
        let count = self.word(rank).count.load(Ordering::SeqCst);
        count.wrapping_sub(self.posted).cast_signed() >= 0
    }

    /// Sleeps until the rank has posted, at most a slice; whether it has.
    fn sleep(&self, rank: usize) -> bool {
        let word = self.word(rank);
        word.waiting.fetch_add(1, Ordering::SeqCst);
        let seen = word.count.load(Ordering::SeqCst);
        if !self.reached(rank) {
            let slice = rustix::thread::Timespec::try_from(SLICE).ok();
            // Every outcome is followed by another look.
            let _ = futex::wait(&word.count, futex::Flags::empty(), seen, slice.as_ref());
        }
        word.waiting.fetch_sub(1, Ordering::SeqCst);
        self.reached(rank)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one, and no view of it outlives the wire that owns it.
        let _ = unsafe { munmap(self.start.cast(), self.length) };
    }
}

/// Makes the file, with a name that nobody can guess; `plan` is what the others need to know.
fn make(world: usize, crowded: bool, plan: &mut [u8; NAME + 1]) -> Option<OwnedFd> {
    let random = secret::nonce().ok()?;
    let text = format!("/pyrite-{}", secret::hex(&random));
    plan[..NAME].copy_from_slice(text.as_bytes());
    plan[NAME] = u8::from(crowded);
    let flags = shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR;
    let file = shm::open(text.as_str(), flags, Mode::RUSR | Mode::WUSR).ok()?;
    fallocate(
        &file,
        FallocateFlags::empty(),
        0,
        Arena::length(world, CHUNKS[usize::from(crowded)]) as u64,
    )
    .ok()?;
    Some(file)
}

/// A word between the ranks, over TCP.
fn talk(session: &mut Session<'_>, op: Op, bytes: &mut [u8]) -> Result<()> {
    let call = Call::new(op, DType::U8, bytes.len(), &[bytes.len()]).with(Reduce::Min, 0);
    session.call = call.numbered(session.call.sequence - 1);
    // SAFETY: the bytes outlive the call that uses the view.
    let view = unsafe { View::new(bytes.as_mut_ptr(), bytes.len()) };
    run(session, &Buffers { inputs: vec![], outputs: vec![view] })
}

/// The number of this rank's next step, once it may write: all others have posted the last one, so
/// have read what the one before has left in the same place.
pub fn ready(session: &mut Session<'_>) -> Result<u32> {
    let late = |arena: &Arena| -> Vec<usize> {
        (0..arena.world).filter(|&peer| peer != arena.rank && !arena.reached(peer)).collect()
    };
    let late = session.wire.arena.as_ref().map_or(Vec::new(), late);
    wait_for_all(session, &late)?;
    Ok(session.wire.arena.as_ref().map_or(0, Arena::next))
}

/// Posts this rank's step and waits until `sources` have posted theirs.
pub fn meet(session: &mut Session<'_>, sources: &[usize]) -> Result<()> {
    if let Some(arena) = &mut session.wire.arena {
        arena.post();
    }
    wait_for_all(session, sources)
}

fn wait_for_all(session: &mut Session<'_>, peers: &[usize]) -> Result<()> {
    let mut idle = Idle::default();
    (0..peers.len()).try_for_each(|first| wait_for(session, &peers[first..], &mut idle))
}

/// Waits for the first of these ranks; the others are late as well if they have not posted.
fn wait_for(session: &mut Session<'_>, peers: &[usize], idle: &mut Idle) -> Result<()> {
    let start = Instant::now();
    loop {
        let Wire { arena: Some(arena), patience, .. } = &mut *session.wire else {
            return Ok(());
        };
        let waited = start.elapsed();
        if arena.reached(peers[0]) {
            patience.learn(waited);
            return Ok(());
        }
        if !patience.pass(waited) && !arena.sleep(peers[0]) && waited > SLICE {
            let late: Vec<usize> =
                peers.iter().copied().filter(|&peer| !arena.reached(peer)).collect();
            session.look_around(idle, &late)?;
        }
    }
}
