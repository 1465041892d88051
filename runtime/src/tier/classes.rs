//! The likeliest classes of a classifier's output.

use crate::value::Value;

/// A class with the score that the model gave it, as it stands in the output: a probability where
/// the model ends in a softmax, a logit where it does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Place in the output.
    pub class: u32,
    /// The score.
    pub score: f32,
}

/// Finds the `most` likeliest classes, the likeliest first, of outputs that look like one score for
/// each class; `None` for other outputs, and where a score is no number.
pub(super) fn likeliest(outputs: &[Value], most: usize) -> Option<Vec<Class>> {
    let [Value::F32(scores)] = outputs else { return None };
    let long = scores.shape().iter().filter(|&&size| size > 1).count();
    if long != 1 || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let class =
        |(class, &score): (usize, &f32)| Some(Class { class: class.try_into().ok()?, score });
    let mut classes: Vec<Class> = scores.iter().enumerate().map(class).collect::<Option<_>>()?;
    // A stable order of equal scores, so that every tier names the same first class.
    classes.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.class.cmp(&b.class)));
    classes.truncate(most);
    Some(classes)
}
