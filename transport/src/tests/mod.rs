//! Two cores on an emulated link, under a clock that only they know.

mod alone;
mod carrier;
mod channel;
mod flow;
mod hostile;
mod messages;
mod pair;
mod random;
mod reconf;
mod resume;
mod scenarios;
mod setup;
