//! Runs the command line as its users do: every command on the shipped model, and bad input.

mod bad_input;
mod bundle;
mod commands;
mod end_to_end;
mod link;
mod observe;
mod outputs;
mod plan;
mod tier_faults;
mod tiers;
mod work;
