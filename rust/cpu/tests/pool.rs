//! The thread pool: every task once, nested and concurrent callers, panics, forks.

use cpu::{num_threads, parallel, parallel_chunks, set_num_threads};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn sum_of_squares(tasks: usize) -> usize {
    let total = AtomicUsize::new(0);
    parallel(tasks, &|task| {
        total.fetch_add(task * task, Relaxed);
    });
    total.into_inner()
}

fn expected(tasks: usize) -> usize {
    (0..tasks).map(|task| task * task).sum()
}

#[test]
fn every_task_runs_once() {
    for threads in [1, 2, 3, 8] {
        set_num_threads(threads);
        assert_eq!(num_threads(), threads);
        for tasks in [0, 1, 2, 3, 7, 64, 1000] {
            for _ in 0..50 {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                parallel(tasks, &|task| {
                    counts[task].fetch_add(1, Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Relaxed) == 1));
            }
        }
    }
}

#[test]
fn chunks_cover_the_range() {
    set_num_threads(4);
    for len in [0, 1, 99, 100, 101, 1000] {
        let seen: Vec<AtomicUsize> = (0..len).map(|_| AtomicUsize::new(0)).collect();
        parallel_chunks(len, 100, &|start, end| {
            assert!(start % 100 == 0 && end - start <= 100);
            seen[start..end].iter().for_each(|s| {
                s.fetch_add(1, Relaxed);
            });
        });
        assert!(seen.iter().all(|s| s.load(Relaxed) == 1));
    }
}

#[test]
fn nested_and_concurrent_callers_get_their_results() {
    set_num_threads(4);
    let total = AtomicUsize::new(0);
    parallel(20, &|_| {
        total.fetch_add(sum_of_squares(30), Relaxed);
    });
    assert_eq!(total.into_inner(), 20 * expected(30));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(sum_of_squares(50), expected(50));
                }
            });
        }
    });
}

#[test]
fn a_panic_reaches_the_caller_and_spares_the_pool() {
    set_num_threads(3);
    for bad in [0, 17, 99] {
        let outcome = catch_unwind(|| {
            parallel(100, &|task| assert!(task != bad, "task {task} failed"));
        });
        let payload = outcome.unwrap_err();
        let text = payload.downcast_ref::<String>().unwrap();
        assert_eq!(text, &format!("task {bad} failed"));
        assert_eq!(sum_of_squares(100), expected(100));
    }
}

/// In the child the parent's workers do not exist; a new pool must.
#[cfg(unix)]
#[test]
fn a_forked_child_computes() {
    set_num_threads(4);
    assert_eq!(sum_of_squares(100), expected(100));
    drop(cpu::Buffer::uninit(8 << 20).unwrap());
    // SAFETY: the child runs only code of this crate, which is made to survive a fork, and leaves
    // by `_exit`.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            let fine = sum_of_squares(1000) == expected(1000)
                && cpu::Buffer::zeroed(8 << 20).is_ok()
                && cpu::Buffer::zeroed(100).is_ok();
            libc::_exit(if fine { 7 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "status {status}");
    }
    assert_eq!(sum_of_squares(100), expected(100));
}
