//! Statistics of curves: intervals, quantiles, monotone interpolation and rate differences.
//!
//! Everything is a pure function; what is random takes a seed.

mod bd_rate;
mod binomial;
mod correlation;
mod isotonic;
mod pchip;
mod quantile;
mod random;
mod rate_curve;
mod resamples;

pub use bd_rate::{MIN_OVERLAP, QualityRange, bd_rate};
pub use binomial::upper_bound;
pub use correlation::{pearson, spearman};
pub use isotonic::isotonic;
pub use pchip::Pchip;
pub use quantile::{median, quantile};
pub use random::SplitMix64;
pub use rate_curve::{Crossing, RateCurve};
pub use resamples::{Interval, Resamples};
