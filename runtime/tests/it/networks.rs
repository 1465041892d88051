//! The cuts of real networks.

use aiflow_runtime::cut::{Cut, CutError, CutList, CutOptions};

use crate::suite::{MOBILENET, RESNET20, RESNET32, SILERO, SQUEEZENET, Subject, YOLOX, real};

fn undominated(list: &CutList) -> Vec<&Cut> {
    list.cuts.iter().filter(|cut| cut.dominated_by.is_none()).collect()
}

fn has(cuts: &[&Cut], name: &str) -> bool {
    cuts.iter().any(|cut| cut.tensor_names() == [name])
}

#[test]
fn every_listed_cut_is_exact() {
    for subject in real() {
        let list = subject.search(&CutOptions::default());
        assert!(list.cuts.len() >= 4, "{}: {} cuts", subject.name, list.cuts.len());
        assert!(list.refused.is_empty(), "{}: {:?}", subject.name, list.refused);
        for cut in &list.cuts {
            assert_eq!(
                cut.verified.max_abs_difference_real,
                Some(0.0),
                "{} {}",
                subject.name,
                cut.id
            );
            assert_eq!(
                cut.verified.max_abs_difference_random,
                Some(0.0),
                "{} {}",
                subject.name,
                cut.id
            );
            assert!(cut.flops_head > 0 && cut.flops_tail > 0, "{} {}", subject.name, cut.id);
            // Masks and shapes are computed on both sides, shape values of the other side on none.
            let both = cut.flops_head + cut.flops_tail;
            let off = both.abs_diff(list.total_flops);
            assert!(off <= list.total_flops / 100, "{} {}: {both}", subject.name, cut.id);
        }
        let order: Vec<u64> = list.cuts.iter().map(|cut| cut.flops_head).collect();
        assert!(order.is_sorted(), "{}: {order:?}", subject.name);
        check_dominance(subject.name, &list);
    }
}

/// Of the listed cuts that are not marked, none is better than another in everything.
fn check_dominance(name: &str, list: &CutList) {
    let cuts = undominated(list);
    for a in &cuts {
        for b in cuts.iter().filter(|b| b.id != a.id) {
            let earlier = a.flops_head <= b.flops_head && a.elements() < b.elements();
            assert!(!earlier, "{name}: {} is better than {}", a.id, b.id);
            let near = a.flops_head.abs_diff(b.flops_head) <= list.total_flops / 100;
            assert!(!near, "{name}: {} and {} are neighbours", a.id, b.id);
        }
    }
}

#[test]
fn residual_networks_are_cut_between_their_blocks() {
    for (name, blocks) in [(RESNET20, 3), (RESNET32, 5)] {
        let Some(subject) = Subject::real(name) else { return };
        let list = subject.search(&CutOptions::default());
        let cuts = undominated(&list);
        for stage in 1..=3 {
            // The last block of stage 3 is worse than the pooled vector right behind it.
            for block in 0..if stage == 3 { blocks - 1 } else { blocks } {
                let output = format!("layer{stage}.{block}_o");
                assert!(has(&cuts, &output), "{name}: {output}");
            }
        }
        assert!(has(&cuts, "flat"), "{name}: the pooled vector");
        assert!(!has(&cuts, &format!("layer3.{}_o", blocks - 1)), "{name}");
        assert!(!has(&cuts, "layer1.0_add"), "{name}: before the activation");
        for cut in &cuts {
            assert!(!cut.tensor_names().contains(&"input"), "{name}: {}", cut.id);
        }
        let sum = |cut: &&Cut| cut.flops_head + cut.flops_tail;
        assert!(cuts.iter().all(|cut| sum(cut) == list.total_flops), "{name}");
    }
}

#[test]
fn resnet20_costs_what_is_published() {
    let Some(subject) = Subject::real(RESNET20) else { return };
    let list = subject.search(&CutOptions::default());
    // 40.8 million multiply-adds, the last layer and the additions aside.
    let millions = list.total_flops as f64 / 2e6;
    assert!((40.5..41.5).contains(&millions), "{millions}");
    let branch = Cut::prove(
        &subject.graph,
        &subject.program,
        &["layer2.1_a"],
        &[subject.inputs(1)],
        &CutOptions::default(),
    );
    let error = branch.expect_err("one branch of a block");
    assert!(matches!(&error, CutError::Leak { root, .. } if root == "input"), "{error}");
}

#[test]
fn mobilenet_is_cut_at_its_bottlenecks() {
    let Some(subject) = Subject::real(MOBILENET) else { return };
    let list = subject.search(&CutOptions::default());
    let cuts = undominated(&list);
    for dims in [[1, 24, 56, 56], [1, 32, 28, 28], [1, 64, 14, 14], [1, 160, 7, 7]] {
        let found = cuts.iter().filter(|cut| cut.tensors.len() == 1 && cut.tensors[0].dims == dims);
        assert!(found.count() >= 2, "{dims:?}");
    }
    let channels = |cut: &&&Cut| cut.tensors[0].dims.get(1).copied();
    let expanded =
        cuts.iter().filter(|cut| matches!(channels(cut), Some(96 | 144 | 192 | 384 | 960)));
    assert_eq!(expanded.count(), 0, "expanded tensors are never worth sending");
}

#[test]
fn squeezenet_is_cut_where_it_squeezes() {
    let Some(subject) = Subject::real(SQUEEZENET) else { return };
    let list = subject.search(&CutOptions::default());
    let cuts = undominated(&list);
    for fire in [2, 4, 6] {
        let output = format!("fire{fire}/squeeze1x1_fire{fire}/relu_squeeze1x1");
        assert!(has(&cuts, &output), "{output}");
    }
    assert!(!cuts.iter().any(|cut| cut.tensor_names()[0].ends_with("_pre")), "after the ReLU");
}

#[test]
fn a_detector_is_cut_across_its_pyramid() {
    let Some(subject) = Subject::real(YOLOX) else { return };
    let list = subject.search(&CutOptions::default());
    let wide: Vec<&Cut> = list.cuts.iter().filter(|cut| cut.tensors.len() >= 3).collect();
    assert!(!wide.is_empty(), "three scales cross together");
    for cut in wide {
        let by = cut.dominated_by.expect("a smaller tensor comes earlier in this network");
        let better = list.cuts.iter().find(|cut| cut.id == by).expect("a listed cut");
        assert!(better.elements() < cut.elements() && better.flops_head < cut.flops_head);
    }
    let one_scale = list.cuts.last().expect("a cut").tensor_names()[0].to_owned();
    let options = CutOptions::default();
    let alone = Cut::prove(&subject.graph, &subject.program, &[&one_scale], &[], &options);
    assert!(matches!(alone, Err(CutError::Leak { .. })), "one scale alone is no cut");
}

#[test]
fn a_recurrent_network_keeps_its_state_with_its_cell() {
    let Some(subject) = Subject::real(SILERO) else { return };
    let list = subject.search(&CutOptions::default());
    for cut in &list.cuts {
        assert_eq!(cut.tail_state, ["state"], "{}", cut.id);
        assert_eq!(cut.tail_outputs, ["output", "stateN"], "{}", cut.id);
        assert!(cut.head_outputs.is_empty(), "{}", cut.id);
        assert_eq!(cut.side_bytes(), 8, "{}: the sampling rate", cut.id);
    }
}
