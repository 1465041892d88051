//! Running samples side by side without giving up a fixed order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Computes `f(0), f(1), ..., f(count - 1)` on up to `threads` threads.
///
/// The results come in the order of their index, whatever the threads do, so a computation that
/// is deterministic for one thread is so for any number. Threads take the next index when they are
/// free; with one thread (or none) everything runs on the caller's.
///
/// # Panics
/// When `f` panics.
pub fn parallel_map<T, F>(count: usize, threads: usize, f: F) -> Vec<T>
where
    T: Send,
    F: Fn(usize) -> T + Sync,
{
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, f(index)));
        }
    };
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().flat_map(join).collect()
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_the_index() {
        let serial = parallel_map(100, 1, |i| i * i);
        assert_eq!(serial.len(), 100);
        assert_eq!(serial[7], 49);
        for threads in [0, 2, 3, 200] {
            assert_eq!(parallel_map(100, threads, |i| i * i), serial, "{threads} threads");
        }
        assert!(parallel_map(0, 4, |i| i).is_empty());
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let caught = std::panic::catch_unwind(|| {
            parallel_map(4, 2, |i| if i == 2 { panic!("sample {i}") } else { i })
        });
        assert!(caught.is_err());
    }
}
