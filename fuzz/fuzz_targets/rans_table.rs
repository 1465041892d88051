//! Stored sets of tables, and payloads that are read with them.
#![no_main]

use aiflow_codec::bitstream::Reader;
use aiflow_codec::rans::{CdfSet, Lanes, RansDecoder, RansEncoder};
use aiflow_fuzz::limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reader = Reader::new(data, "fuzz");
    let set = match CdfSet::read(&mut reader, &limits()) {
        Ok(set) => set,
        Err(error) => return assert!(error.offset <= data.len()),
    };
    let mut stored = Vec::new();
    set.write(&mut stored);
    assert_eq!(CdfSet::read(&mut Reader::new(&stored, "fuzz"), &limits()), Ok(set.clone()));

    if set.is_empty() {
        return;
    }
    let payload = reader.rest();
    let contexts: Vec<u16> = (0..200).map(|index| (index * 7 % set.len()) as u16).collect();
    for lanes in Lanes::ALL {
        let Ok(mut decoder) = RansDecoder::new(payload, lanes) else { continue };
        let mut symbols = vec![0; contexts.len()];
        decoder.decode_batch(&set, &contexts, &mut symbols).unwrap();
        let mut encoder = RansEncoder::new();
        encoder.push_batch(&set, &contexts, &symbols).unwrap();
        if decoder.finish().is_ok() {
            let mut again = Vec::new();
            encoder.finish(lanes, &mut again);
            assert_eq!(again, payload, "a sequence has one payload");
        }
    }
});
