//! Fields of the headers of streams.

use super::Fields;
use crate::wire::{FrameFlags, FrameHeader, ResultFlags, ResultHeader};

impl FrameHeader {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        out.add("epoch", self.epoch.0);
        out.add("sequence", self.sequence.0);
        out.add("layer", self.layer.0);
        out.add("layers", self.layers);
        out.add("point", self.point.0);
        out.add("rate", self.rate.0);
        out.add("deadline_ms", self.deadline.get() / 1000);
        out.add("age_us", self.age.get());
        let names = [
            (FrameFlags::FINAL, "final"),
            (FrameFlags::DEPENDS, "depends"),
            (FrameFlags::TRUNCATABLE, "truncatable"),
            (FrameFlags::AGAIN, "again"),
        ];
        let set = names.iter().filter(|(flag, _)| self.flags.contains(*flag));
        out.add_list("flags", set.map(|(_, name)| name));
        out.add("length_bytes", self.length.get());
    }
}

impl ResultHeader {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        out.add("epoch", self.epoch.0);
        out.add("sequence", self.sequence.0);
        out.add("status", self.status.name());
        let names =
            [(ResultFlags::EARLY_EXIT, "early-exit"), (ResultFlags::PROVISIONAL, "provisional")];
        let set = names.iter().filter(|(flag, _)| self.flags.contains(*flag));
        out.add_list("flags", set.map(|(_, name)| name));
        out.add("layers", self.layers);
        out.add("wait_us", self.wait.get());
        out.add("decode_us", self.decode.get());
        out.add("infer_us", self.infer.get());
        out.add("length_bytes", self.length.get());
    }
}
