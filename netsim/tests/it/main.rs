//! The link emulator from outside: laws, statistics, real traces, speed.

mod drawn;
mod figures;
mod properties;
mod real;
mod relay;
mod scenarios;
mod speed;
