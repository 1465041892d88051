//! A seeded link emulator that reads no clock.
