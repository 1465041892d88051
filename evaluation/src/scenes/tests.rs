use super::*;

/// The bytes are frozen: bundles and published figures refer to pictures by seed and index.
#[test]
fn pictures_and_labels_are_the_frozen_ones() {
    let mut checksum = flate2::Crc::new();
    for seed in [0, 1, u64::MAX] {
        let scenes = Scenes::new(40, seed);
        for index in 0..scenes.count() {
            checksum.update(&[scenes.label(index) as u8]);
            checksum.update(&scenes.picture(index).pixels);
        }
    }
    assert_eq!(checksum.sum(), 0xcb54_cf3f);
}

#[test]
fn a_picture_hangs_on_seed_and_index_alone() {
    let (short, long) = (Scenes::new(5, 3), Scenes::new(5000, 3));
    assert_eq!(long.picture(4999).pixels.len(), SIDE * SIDE * 3);
    for index in [4, 0, 3] {
        assert_eq!(short.picture(index), long.picture(index));
        assert_eq!(short.label(index), long.label(index));
        assert_ne!(short.picture(index), Scenes::new(5, 4).picture(index));
    }
}

#[test]
fn every_run_of_twelve_shows_every_class() {
    let scenes = Scenes::new(480, 11);
    let mut firsts = std::collections::BTreeSet::new();
    for run in 0..40 {
        let labels: Vec<usize> = (run * 12..run * 12 + 12).map(|i| scenes.label(i)).collect();
        firsts.insert(labels[0]);
        let mut sorted = labels;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..12).collect::<Vec<_>>());
    }
    assert!(firsts.len() > 8, "the order is mixed");
}

/// The mean picture of a class says next to nothing: the task needs more than a linear look.
#[test]
fn the_nearest_mean_picture_is_a_bad_classifier() {
    let values = |scenes: &Scenes, index| {
        let pixels = scenes.picture(index).pixels;
        pixels.into_iter().map(f32::from).collect::<Vec<f32>>()
    };
    let learn = Scenes::new(1200, 21);
    let mut means = vec![vec![0f32; SIDE * SIDE * 3]; CLASSES.len()];
    for index in 0..learn.count() {
        let mean = &mut means[learn.label(index)];
        mean.iter_mut().zip(values(&learn, index)).for_each(|(sum, value)| *sum += value / 100.0);
    }
    let test = Scenes::new(600, 22);
    let right = (0..test.count())
        .filter(|&index| {
            let picture = values(&test, index);
            let distance =
                |mean: &[f32]| mean.iter().zip(&picture).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            let distances: Vec<f32> = means.iter().map(|mean| distance(mean)).collect();
            let nearest = (0..12).min_by(|&a, &b| distances[a].total_cmp(&distances[b]));
            nearest == Some(test.label(index))
        })
        .count();
    assert!(right < 120, "{right} of 600 are right, chance is 50");
}
