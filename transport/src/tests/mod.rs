//! Two cores on an emulated link, under a clock that only they know.

mod alone;
mod carrier;
mod flow;
mod messages;
mod pair;
mod random;
mod reconf;
mod scenarios;
mod setup;
