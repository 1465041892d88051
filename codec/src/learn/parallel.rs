//! Work over samples on several threads, with results in the order of the samples.

/// Applies `work` to chunks of `0..count` and returns the results in order.
///
/// The chunks do not depend on the number of threads, so neither do sums over the results.
pub(crate) fn map_chunks<T: Send>(
    threads: usize,
    count: usize,
    chunk: usize,
    work: impl Fn(std::ops::Range<usize>) -> T + Sync,
) -> Vec<T> {
    let chunk = chunk.max(1);
    let chunks = count.div_ceil(chunk);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if i >= chunks {
                return done;
            }
            done.push((i, work(i * chunk..((i + 1) * chunk).min(count))));
        }
    };
    let mut all = if threads <= 1 || chunks <= 1 {
        run()
    } else {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.min(chunks)).map(|_| scope.spawn(run)).collect();
            workers
                .into_iter()
                .flat_map(|w| w.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect::<Vec<_>>()
        })
    };
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn order_does_not_depend_on_threads() {
        let work = |range: std::ops::Range<usize>| range.sum::<usize>();
        let one = super::map_chunks(1, 103, 10, work);
        assert_eq!(one, super::map_chunks(4, 103, 10, work));
        assert_eq!(one.len(), 11);
        assert!(super::map_chunks(2, 0, 10, work).is_empty());
    }
}
