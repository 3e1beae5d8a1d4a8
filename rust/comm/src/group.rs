//! A process group: the queue of its collectives and who runs them.
//!
//! Collectives run one after the other, in the order of the calls. A caller that waits anyway runs
//! its own when nothing is queued (no thread is woken: that is most of a small one's time);
//! otherwise the group's communication thread does. The queue's lock is held for single steps only.

use crate::call::{Call, Op};
use crate::collective::{self, Buffers};
use crate::control::{Control, Watch, lock};
use crate::mesh::{Members, Mesh, Streams};
use crate::message::{Messages, Post};
use crate::view::View;
use crate::wire::{Session, Wire};
use crate::work::Work;
use crate::{Error, Pause, Result};
use std::any::Any;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One collective to run, with its memory.
pub struct Job {
    call: Call,
    buffers: Buffers,
    timeout: Duration,
    _keep: Box<dyn Any + Send>,
}

impl Job {
    /// A collective on `inputs` and `outputs` (see [`Buffers`]).
    ///
    /// # Safety
    /// Until `keep` is dropped, all views are valid, the outputs for writes too.
    pub unsafe fn new(
        call: Call,
        inputs: Vec<View>,
        outputs: Vec<View>,
        timeout: Duration,
        keep: Box<dyn Any + Send>,
    ) -> Job {
        Job { call, buffers: Buffers { inputs, outputs }, timeout, _keep: keep }
    }

    /// Whether every rank's part is there, before anything is sent.
    fn check(&self, rank: usize, world: usize) -> Result<()> {
        let Buffers { inputs, outputs } = &self.buffers;
        let at_root = rank == self.call.root as usize;
        let (reads, writes) = match self.call.op {
            Op::Barrier => (0, 0),
            Op::AllReduce | Op::Broadcast | Op::Reduce => (0, 1),
            Op::AllGather => (1, world),
            Op::ReduceScatter => (world, 1),
            Op::Gather => (1, if at_root { world } else { 0 }),
            Op::Scatter => (if at_root { world } else { 0 }, 1),
            Op::AllToAll => (world, world),
        };
        let bytes = self.call.count as usize * self.call.dtype.size();
        let even = self.call.op == Op::AllToAll
            || inputs.iter().chain(outputs).all(|view| view.len() == bytes);
        if (inputs.len(), outputs.len()) != (reads, writes) || !even {
            return Err(Error::Invalid(format!(
                "{}: needs {reads} inputs and {writes} outputs of {} elements each; got {} and {}",
                self.call.op.name(),
                self.call.count,
                inputs.len(),
                outputs.len()
            )));
        }
        if self.call.root as usize >= world {
            let (op, root) = (self.call.op.name(), self.call.root);
            return Err(Error::Invalid(format!("{op}: rank {root} is not in a group of {world}")));
        }
        if self.call.op.reduces() { self.call.reduce.check(self.call.dtype) } else { Ok(()) }
    }
}

/// How to form a group.
pub struct Formation<'a> {
    /// The ranks and their addresses.
    pub members: Members<'a>,
    /// Their hosts.
    pub hosts: Vec<String>,
    /// How it watches over itself.
    pub watch: Watch,
    /// Whether a waiting call may spin for a moment: local ranks have a core each.
    pub spin: bool,
    /// Whether to look for memory that all ranks can share.
    pub shared_memory: bool,
}

/// A group, from the side of one of its ranks.
pub struct Group {
    shared: Arc<Shared>,
    /// The process that formed it; a forked child must leave it alone.
    process: u32,
    data: [Arc<Streams>; 2],
    messages: Messages,
    rank: usize,
    world: usize,
}

struct Shared {
    control: Arc<Control>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    /// Absent while a collective runs.
    wire: Option<Box<Wire>>,
    jobs: VecDeque<(Job, Arc<Work>)>,
    sequence: u64,
    has_thread: bool,
    closed: bool,
}

impl Group {
    /// Connects the ranks; `listener` is at this rank's address. All of them call it.
    pub fn form(
        formation: Formation<'_>,
        listener: TcpListener,
        timeout: Duration,
        pause: Pause<'_>,
    ) -> Result<Group> {
        let Formation { members, hosts, watch, spin, shared_memory } = formation;
        let deadline = Instant::now() + timeout;
        let (rank, world) = (members.rank, members.addresses.len());
        let mesh = Mesh::form(&members, listener, deadline, pause)?;
        let data = Arc::new(mesh.data);
        let message = Arc::new(mesh.message);
        let bulk = vec![data.clone(), message.clone()];
        let control = Control::start(rank, hosts, mesh.control, bulk, watch)?;
        let mut wire = Wire::new(control.clone(), data.clone(), spin);
        if shared_memory && world > 1 {
            share_memory(&mut wire, timeout, pause)?;
        }
        let queue = Queue {
            wire: Some(Box::new(wire)),
            jobs: VecDeque::new(),
            sequence: 0,
            has_thread: false,
            closed: false,
        };
        let messages = Messages::new(control.clone(), message.clone())?;
        let data = [data, message];
        let shared = Shared { control, queue: Mutex::new(queue), changed: Condvar::new() };
        let process = std::process::id();
        Ok(Group { shared: Arc::new(shared), process, data, messages, rank, world })
    }

    /// This process's rank.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many ranks there are.
    pub fn world(&self) -> usize {
        self.world
    }

    fn check(&self, job: &Job) -> Result<()> {
        self.same_process()?;
        job.check(self.rank, self.world)
    }

    fn same_process(&self) -> Result<()> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(Error::Closed(format!(
            "this process was forked from rank {} after its process group was formed, and is no \
             rank itself\n  start ranks before init_process_group, or with the spawn method",
            self.rank
        )))
    }

    /// Runs a collective and waits for it.
    pub fn run(&self, job: Job, pause: Pause<'_>) -> Result<()> {
        self.check(&job)?;
        let shared = &*self.shared;
        let mut queue = lock(&shared.queue);
        if !queue.jobs.is_empty() || queue.wire.is_none() {
            drop(queue);
            return self.submit(job)?.wait(None, pause);
        }
        let (job, wire) = queue.number(job);
        drop(queue);
        let Some(mut wire) = wire else {
            return shared.control.check();
        };
        wire.patience.alone = true;
        let outcome = perform(&mut wire, &job, pause);
        shared.give_back(wire);
        outcome
    }

    /// Queues a collective.
    pub fn submit(&self, job: Job) -> Result<Arc<Work>> {
        self.check(&job)?;
        self.shared.control.check()?;
        let work = Arc::new(Work::default());
        let mut queue = lock(&self.shared.queue);
        let start = !std::mem::replace(&mut queue.has_thread, true);
        queue.sequence += 1;
        let call = job.call.numbered(queue.sequence);
        queue.jobs.push_back((Job { call, ..job }, work.clone()));
        drop(queue);
        self.shared.changed.notify_all();
        if start {
            let shared = self.shared.clone();
            std::thread::Builder::new()
                .name("pyrite-comm".to_string())
                .spawn(move || shared.serve())
                .map_err(|error| Error::Network(format!("no communication thread: {error}")))?;
        }
        Ok(work)
    }

    /// Starts sending a message.
    pub fn send(&self, post: Post) -> Result<Arc<Work>> {
        self.same_process()?;
        self.messages.send(post)
    }

    /// Starts receiving a message.
    pub fn receive(&self, post: Post) -> Result<Arc<Work>> {
        self.same_process()?;
        self.messages.receive(post)
    }

    /// Leaves the group. What still runs or waits ends with an error.
    pub fn close(&self) {
        if self.same_process().is_err() {
            return;
        }
        self.shared.control.close();
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_all();
    }

    /// In a forked child: gives up the copies of the connections, so that the other ranks notice
    /// the parent's death while the child lives.
    #[cfg(unix)]
    pub fn abandon(&self) {
        if let Ok(nothing) = std::fs::File::open("/dev/null") {
            let bulk = self.data.iter().flat_map(|streams| streams.iter()).flatten();
            bulk.for_each(|stream| crate::address::replace(stream, &nothing));
            self.shared.control.abandon(&nothing);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn number(&mut self, job: Job) -> (Job, Option<Box<Wire>>) {
        self.sequence += 1;
        let call = job.call.numbered(self.sequence);
        (Job { call, ..job }, self.wire.take())
    }
}

impl Shared {
    fn give_back(&self, wire: Box<Wire>) {
        let mut queue = lock(&self.queue);
        queue.wire = Some(wire);
        let waiting = !queue.jobs.is_empty() || queue.closed;
        drop(queue);
        if waiting {
            self.changed.notify_all();
        }
    }

    /// The communication thread: runs what is queued until the group is closed.
    fn serve(&self) {
        while let Some((job, work, mut wire)) = self.next() {
            wire.patience.alone = false;
            let run = || perform(&mut wire, &job, &mut || Ok(()));
            let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
                Err(Error::Closed(format!("internal error in {}: please report it", job.call)))
            });
            // The memory is released before anybody learns that it is free.
            drop(job);
            self.give_back(wire);
            work.finish(outcome);
        }
    }

    fn next(&self) -> Option<(Job, Arc<Work>, Box<Wire>)> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.wire.is_some()
                && let Some((job, work)) = queue.jobs.pop_front()
            {
                return queue.wire.take().map(|wire| (job, work, wire));
            }
            if queue.closed && queue.jobs.is_empty() {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Maps memory that all ranks share, if every one of them can.
#[cfg(target_os = "linux")]
fn share_memory(wire: &mut Wire, timeout: Duration, pause: Pause<'_>) -> Result<()> {
    let deadline = Instant::now() + timeout;
    // Numbers that the group's own collectives never reach.
    let call = Call::new(Op::Barrier, base::DType::U8, 0, &[]).numbered(u64::MAX);
    let mut session = Session { wire, call, deadline, timeout, pause };
    let arena = crate::arena::Arena::agree(&mut session)?;
    wire.arena = arena;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn share_memory(_wire: &mut Wire, _timeout: Duration, _pause: Pause<'_>) -> Result<()> {
    Ok(())
}

fn perform(wire: &mut Wire, job: &Job, pause: Pause<'_>) -> Result<()> {
    let control = wire.control.clone();
    control.begin(job.call)?;
    let deadline = Instant::now() + job.timeout;
    let mut session = Session { wire, call: job.call, deadline, timeout: job.timeout, pause };
    let outcome = collective::run(&mut session, &job.buffers);
    control.end(&job.call);
    outcome
}
