//! Every message and header from any bytes: accepted ones come back in the one form there is.
#![no_main]

use std::fmt::Debug;

use aiflow_fuzz::byte;
use aiflow_transport::wire::{
    Accept, Auth, Cancel, ChannelReport, FrameHeader, FrameReport, Goaway, Health, HealthAnswer,
    Input, Limits, Metadata, MetadataAnswer, Open, OpenAnswer, Prefix, Probe, Reconf, Refusal,
    Reject, ResultHeader, Resume, ResumeAnswer, Retire, Setup, Stats, StatsAnswer, Ticket, Wire,
    decode, decode_prefix, encode, inspect,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let choice = byte(&mut data);
    let limits = if choice & 0x80 == 0 { Limits::default() } else { Limits::floor() };
    for input in Input::ALL {
        if let Err(error) = inspect(input, data, &limits) {
            assert!(error.offset <= data.len() as u64);
        }
    }
    match choice & 0x7f {
        0 => message::<Setup>(data, &limits),
        1 => message::<Reconf>(data, &limits),
        2 => message::<Accept>(data, &limits),
        3 => message::<Reject>(data, &limits),
        4 => message::<Retire>(data, &limits),
        5 => message::<Goaway>(data, &limits),
        6 => message::<Cancel>(data, &limits),
        7 => message::<ChannelReport>(data, &limits),
        8 => message::<Ticket>(data, &limits),
        9 => message::<FrameReport>(data, &limits),
        10 => message::<Auth>(data, &limits),
        11 => message::<Health>(data, &limits),
        12 => message::<Metadata>(data, &limits),
        13 => message::<Open>(data, &limits),
        14 => message::<Resume>(data, &limits),
        15 => message::<Stats>(data, &limits),
        16 => message::<Probe>(data, &limits),
        17 => message::<HealthAnswer>(data, &limits),
        18 => message::<MetadataAnswer>(data, &limits),
        19 => message::<OpenAnswer>(data, &limits),
        20 => message::<ResumeAnswer>(data, &limits),
        21 => message::<StatsAnswer>(data, &limits),
        22 => message::<Refusal>(data, &limits),
        23 => header::<FrameHeader>(data, &limits),
        _ => header::<ResultHeader>(data, &limits),
    }
});

fn message<T: Wire + Debug + PartialEq>(data: &[u8], limits: &Limits) {
    match decode::<T>(data, limits) {
        Err(error) => assert!(error.offset <= data.len() as u64),
        Ok(value) => {
            let again = encode(&value).expect("what was accepted can be written");
            // Unknown parameters and stated defaults are not written again.
            assert!(again.len() <= data.len());
            assert_eq!(decode(&again, limits), Ok(value));
        }
    }
}

fn header<T: Wire + Debug + PartialEq>(data: &[u8], limits: &Limits) {
    match decode_prefix::<T>(data, limits) {
        Err(error) => assert!(error.offset <= data.len() as u64),
        Ok(Prefix::Partial) => assert!(data.len() < 100, "no header takes so much"),
        Ok(Prefix::Whole(value, length)) => {
            let again = encode(&value).expect("what was accepted can be written");
            assert!(again.len() <= length && length <= data.len());
            for end in 0..length {
                assert_eq!(decode_prefix::<T>(&data[..end], limits), Ok(Prefix::Partial));
            }
        }
    }
}
