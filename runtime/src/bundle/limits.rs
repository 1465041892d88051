//! How much reading a bundle may cost.

/// How much reading a bundle may cost. What is larger is refused before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleLimits {
    pub(super) manifest_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) total_bytes: u64,
    pub(super) files: usize,
}

impl Default for BundleLimits {
    /// A manifest of 16 MiB (thousands of operating points), files of 512 MiB (a model may be in
    /// it), 1 GiB together, 4,096 files.
    fn default() -> Self {
        Self { manifest_bytes: 16 << 20, file_bytes: 512 << 20, total_bytes: 1 << 30, files: 4096 }
    }
}

impl BundleLimits {
    /// Sets the largest manifest.
    #[must_use]
    pub const fn with_manifest_bytes(mut self, bytes: u64) -> Self {
        self.manifest_bytes = bytes;
        self
    }

    /// Sets the largest single file.
    #[must_use]
    pub const fn with_file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// Sets the most that all files together may have.
    #[must_use]
    pub const fn with_total_bytes(mut self, bytes: u64) -> Self {
        self.total_bytes = bytes;
        self
    }

    /// Sets the largest number of files.
    #[must_use]
    pub const fn with_files(mut self, files: usize) -> Self {
        self.files = files;
        self
    }
}
