//! Two cores on an emulated link, under a clock that only they know.

mod carrier;
mod flow;
mod pair;
mod random;
mod scenarios;
mod setup;
