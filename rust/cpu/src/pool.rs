//! The thread pool: one job at a time, tasks handed out by an atomic counter.
//!
//! A worker joins a job only while it is open; the caller runs tasks itself and never waits for a
//! worker that has not joined, so a busy core costs nothing. Nested and concurrent callers run
//! serially. Workers spin briefly, then sleep. A forked child starts a new pool. What a task does
//! may depend on its number only, never on its thread: results are the same for any thread count.

use crate::fork;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, Once, PoisonError};

/// Set in [`Pool::state`] while workers may join the job.
const OPEN: u64 = 1 << 31;
/// The part of [`Pool::state`] that counts workers inside the job; the epoch lies above [`OPEN`].
const ACTIVE: u64 = OPEN - 1;
/// Rounds a worker waits for the next job before it sleeps (some 20 to 50 microseconds).
const SPIN: u32 = 2000;

static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());
/// Threads a job may use, the caller included; 0 until first asked for.
static THREADS: AtomicUsize = AtomicUsize::new(0);

#[repr(align(128))]
struct Padded<T>(T);

/// One job, on its caller's stack.
struct Job<'a> {
    next: Padded<AtomicUsize>,
    tasks: usize,
    run: &'a (dyn Fn(usize) + Sync),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Runs tasks until none is left; a panic ends the job and is kept for the caller.
    fn work(&self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let task = self.next.0.fetch_add(1, Ordering::Relaxed);
                if task >= self.tasks {
                    break;
                }
                (self.run)(task);
            }
        }));
        if let Err(payload) = outcome {
            self.next.0.store(self.tasks, Ordering::Relaxed);
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
        }
    }
}

struct Pool {
    /// Epoch of the job (32 bits), whether it is open (1), workers inside it (31).
    state: Padded<AtomicU64>,
    job: AtomicPtr<Job<'static>>,
    /// Workers the current job admits at a time.
    helpers: AtomicUsize,
    /// A caller is running a job.
    busy: AtomicBool,
    spawned: AtomicUsize,
    sleeping: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Pool {
    fn new() -> Pool {
        Pool {
            state: Padded(AtomicU64::new(0)),
            job: AtomicPtr::new(ptr::null_mut()),
            helpers: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            spawned: AtomicUsize::new(0),
            sleeping: AtomicUsize::new(0),
            lock: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// The pool of this process, made on first use (and again in a forked child).
    fn get() -> &'static Pool {
        let pool = POOL.load(Ordering::Acquire);
        // SAFETY: a published pool is leaked, hence valid for ever.
        unsafe { pool.as_ref() }.unwrap_or_else(Pool::create)
    }

    #[cold]
    fn create() -> &'static Pool {
        reset_after_fork();
        let made = Box::into_raw(Box::new(Pool::new()));
        match POOL.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just leaked by `into_raw`, never freed once published.
            Ok(_) => unsafe { &*made },
            Err(theirs) => {
                // SAFETY: `made` came from `into_raw` and was not published.
                drop(unsafe { Box::from_raw(made) });
                // SAFETY: published pools are never freed.
                unsafe { &*theirs }
            }
        }
    }

    /// Starts workers until there are `count`; fewer if the system refuses.
    fn spawn_up_to(&'static self, count: usize) {
        while self.spawned.load(Ordering::Relaxed) < count {
            let index = self.spawned.fetch_add(1, Ordering::Relaxed);
            let thread = std::thread::Builder::new().name(format!("pyrite-cpu-{}", index + 1));
            if thread.spawn(move || self.serve()).is_err() {
                return;
            }
        }
    }

    /// A worker's life.
    fn serve(&self) {
        let mut seen = 0;
        loop {
            if let Some(job) = self.join(&mut seen) {
                job.work();
                self.state.0.fetch_sub(1, Ordering::Release);
            }
            self.wait(seen);
        }
    }

    /// Enters the current job if it is open, new and not full.
    fn join(&self, seen: &mut u64) -> Option<&Job<'static>> {
        loop {
            let state = self.state.0.load(Ordering::Acquire);
            let epoch = state >> 32;
            if epoch == *seen {
                return None;
            }
            let full = (state & ACTIVE) as usize >= self.helpers.load(Ordering::Relaxed);
            if state & OPEN == 0 || full {
                *seen = epoch;
                return None;
            }
            let (order, fail) = (Ordering::AcqRel, Ordering::Relaxed);
            if self.state.0.compare_exchange(state, state + 1, order, fail).is_ok() {
                *seen = epoch;
                // SAFETY: the job was stored before it was opened, and its caller, having seen this
                // worker enter, keeps it alive until the worker leaves.
                return Some(unsafe { &*self.job.load(Ordering::Relaxed) });
            }
        }
    }

    /// Returns once there is a job newer than `seen`.
    fn wait(&self, seen: u64) {
        for _ in 0..SPIN {
            if self.state.0.load(Ordering::Acquire) >> 32 != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        while self.state.0.load(Ordering::SeqCst) >> 32 == seen {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
    }

    /// Runs a job with up to `helpers` workers; returns when every task is done.
    fn run(&'static self, job: &Job<'_>, helpers: usize) {
        self.spawn_up_to(helpers);
        self.helpers.store(helpers, Ordering::Relaxed);
        self.job.store(ptr::from_ref(job).cast_mut().cast(), Ordering::Relaxed);
        let epoch = (self.state.0.load(Ordering::Relaxed) >> 32).wrapping_add(1) & 0xffff_ffff;
        self.state.0.store(epoch << 32 | OPEN, Ordering::SeqCst);
        let asleep = self.sleeping.load(Ordering::SeqCst);
        if asleep > 0 {
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            for _ in 0..asleep.min(helpers).min(job.tasks - 1) {
                self.wake.notify_one();
            }
        }
        job.work();
        self.state.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut rounds = 0u32;
        while self.state.0.load(Ordering::Acquire) & ACTIVE != 0 {
            rounds += 1;
            if rounds < 2 * SPIN {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// Makes a forked child forget the pool, whose threads do not exist there.
fn reset_after_fork() {
    static REGISTERED: Once = Once::new();
    extern "C" fn forget() {
        POOL.store(ptr::null_mut(), Ordering::Relaxed);
    }
    REGISTERED.call_once(|| fork::in_child(forget));
}

/// Calls `f(0)`, `f(1)`, ... `f(tasks - 1)`, each once, on up to [`num_threads`] threads. Runs
/// serially when called from inside a task or while another thread's job runs. A panic in a task
/// is raised again here.
pub fn parallel(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    let helpers = num_threads().min(tasks).saturating_sub(1);
    let pool = if helpers > 0 { Some(Pool::get()) } else { None };
    let free = |p: &&Pool| !p.busy.swap(true, Ordering::Acquire);
    let Some(pool) = pool.filter(free) else {
        (0..tasks).for_each(f);
        return;
    };
    let job = Job { next: Padded(AtomicUsize::new(0)), tasks, run: f, panic: Mutex::new(None) };
    pool.run(&job, helpers);
    pool.busy.store(false, Ordering::Release);
    if let Some(payload) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
        resume_unwind(payload);
    }
}

/// Splits `0..len` into chunks of `chunk` (the last may be shorter) and calls `f(start, end)` for
/// each, in parallel.
pub fn parallel_chunks(len: usize, chunk: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let chunk = chunk.max(1);
    match len.div_ceil(chunk) {
        0 => {}
        1 => f(0, len),
        tasks => parallel(tasks, &|task| f(task * chunk, len.min((task + 1) * chunk))),
    }
}

/// How many threads a kernel may use, the caller included: unless set, what OMP_NUM_THREADS says
/// (launchers divide a machine among processes with it), else the machine's.
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            let count = threads_asked_for()
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
            THREADS.store(count, Ordering::Relaxed);
            count
        }
        count => count,
    }
}

/// The first number of OMP_NUM_THREADS, which may list one a nesting level.
fn threads_asked_for() -> Option<usize> {
    let list = std::env::var("OMP_NUM_THREADS").ok()?;
    list.split(',').next()?.trim().parse().ok().filter(|&count| count > 0)
}

/// Sets [`num_threads`]; 0 is taken as 1.
pub fn set_num_threads(count: usize) {
    THREADS.store(count.max(1), Ordering::Relaxed);
}
