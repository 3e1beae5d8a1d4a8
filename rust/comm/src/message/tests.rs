//! Messages moved by hand, step by step: what a busy machine does only now and then.

use super::*;
use crate::control::Watch;
use std::net::TcpListener;

/// Rank 0 of two, without its thread, and rank 1's end of the connection.
fn pair() -> (Shared, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let near = listener.accept().unwrap().0;
    near.set_nonblocking(true).unwrap();
    far.set_nodelay(true).unwrap();
    let watch = Watch { silence: Duration::from_secs(10), on_timeout: || () };
    let hosts = vec![String::new(); 2];
    let control = Control::start(0, hosts, vec![None, None], vec![], watch).unwrap();
    let streams = Arc::new(vec![None, Some(near)]);
    let shared = Shared { control, streams, queue: Mutex::default(), bell: Bell::new().unwrap() };
    (shared, far)
}

/// A message for `memory`.
fn post(peer: Option<usize>, tag: u32, memory: &mut [u8]) -> Post {
    // SAFETY: the tests' memory outlives their movers.
    let view = unsafe { View::new(memory.as_mut_ptr(), memory.len()) };
    let deadline = Instant::now() + Duration::from_secs(10);
    // SAFETY: as above.
    unsafe { Post::new(peer, tag, DType::U8, view, deadline, Box::new(())) }
}

/// Moves until `done` says so.
fn step_until(mover: &mut Mover<'_>, done: impl Fn(&Mover<'_>) -> bool) {
    let start = Instant::now();
    while !done(mover) {
        assert!(start.elapsed() < Duration::from_secs(5), "nothing came");
        mover.step().unwrap();
    }
}

/// The first half of a message has arrived when its receive is posted.
fn receive_in_the_middle(peer: Option<usize>) {
    let (shared, mut far) = pair();
    let mut mover = Mover::new(&shared);
    let (mut sent, mut got) = (*b"abcdefgh", [0; 8]);
    far.write_all(&post(Some(0), 7, &mut sent).head()).unwrap();
    far.write_all(&sent[..4]).unwrap();
    step_until(&mut mover, |mover| mover.pairs[1].body.as_ref().is_some_and(|body| body.done == 4));

    let receive = post(peer, 7, &mut got);
    let work = receive.work.clone();
    lock(&shared.queue).receives.push(receive);
    mover.step().unwrap();
    assert!(work.outcome().is_none());

    far.write_all(&sent[4..]).unwrap();
    step_until(&mut mover, |mover| mover.pairs[1].body.is_none());
    assert!(matches!(work.outcome(), Some(Ok(()))), "the receive still waits");
    assert_eq!((got, work.source()), (sent, 1));
    assert!(mover.receives.is_empty() && mover.pairs[1].kept.is_empty());
    shared.control.close();
}

#[test]
fn a_receive_posted_while_its_message_arrives_gets_it() {
    receive_in_the_middle(Some(1));
    receive_in_the_middle(None);
}

#[test]
fn a_message_that_arrives_for_another_tag_is_kept() {
    let (shared, mut far) = pair();
    let mut mover = Mover::new(&shared);
    let (mut sent, mut got) = (*b"abcd", [0; 4]);
    far.write_all(&post(Some(0), 7, &mut sent).head()).unwrap();
    step_until(&mut mover, |mover| mover.pairs[1].body.is_some());
    let other = post(Some(1), 8, &mut got);
    let work = other.work.clone();
    lock(&shared.queue).receives.push(other);
    far.write_all(&sent).unwrap();
    step_until(&mut mover, |mover| mover.pairs[1].kept.len() == 1);
    assert!(work.outcome().is_none() && mover.receives.len() == 1);
    shared.control.close();
}
