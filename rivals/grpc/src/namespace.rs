//! Network namespaces that have no name.
//!
//! They exist as long as a thread is in them or a file of them is open, so the kernel removes them,
//! with all devices in them, however the process ends.

use std::fs::File;
use std::io;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::error::RivalError;

/// A network namespace of this process, empty at first.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    /// Makes a namespace. The calling thread stays in its own.
    pub(crate) fn new() -> Result<Self, RivalError> {
        let made = thread::Builder::new().name("namespace".into()).spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
            File::open("/proc/thread-self/ns/net").map(Self).map_err(RivalError::Namespace)
        });
        join(made.map_err(RivalError::system("start a thread"))?)
    }

    /// Runs a job on a new thread in the namespace; threads that the job starts are in it, too.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        job: impl FnOnce() -> Result<T, RivalError> + Send + 'static,
    ) -> Result<JoinHandle<Result<T, RivalError>>, RivalError> {
        let own = self.0.try_clone().map_err(RivalError::Namespace)?;
        let run = move || {
            setns(&own, CloneFlags::CLONE_NEWNET).map_err(refused)?;
            drop(own);
            job()
        };
        thread::Builder::new()
            .name(name.into())
            .spawn(run)
            .map_err(RivalError::system("start a thread"))
    }

    /// Makes the TUN device `tun0` in the namespace, which has the IPv4 address `address` in a
    /// network of 24 bits and is up.
    pub(crate) fn device(&self, address: std::net::Ipv4Addr) -> Result<SyncDevice, RivalError> {
        let job = move || {
            let builder = DeviceBuilder::new().name("tun0").mtu(MTU).ipv4(address, 24_u8, None);
            let device = builder.build_sync().map_err(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => RivalError::NotPermitted,
                _ => RivalError::Device(error),
            })?;
            device.set_nonblocking(true).map_err(RivalError::Device)?;
            Ok(device)
        };
        join(self.spawn("device", job)?)
    }
}

/// Waits for a job.
pub(crate) fn join<T>(thread: JoinHandle<Result<T, RivalError>>) -> Result<T, RivalError> {
    thread.join().unwrap_or(Err(RivalError::Panicked))
}

fn refused(error: Errno) -> RivalError {
    match error {
        Errno::EPERM | Errno::EACCES => RivalError::NotPermitted,
        _ => RivalError::Namespace(error.into()),
    }
}

/// What Ethernet carries.
const MTU: u16 = 1500;
