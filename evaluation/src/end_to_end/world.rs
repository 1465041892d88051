//! Two machines and the link between them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aiflow_netsim::LinkConfig;
use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_runtime::bundle::Payload;
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Handover, Menu, Role, Server, ServerOptions, Then, Uplink,
};
use aiflow_runtime::tier::{AnswerForm, ModelParts, Place};
use aiflow_runtime::{Value, planner::Table};
use aiflow_transport::driver::{ClientConfig, EarlyData, Endpoint, Identity, Roots, ServerConfig};
use aiflow_units::Micros;

use super::error::EndToEndError;
use super::pace::SlowMachine;
use super::pictures::Reader;
use super::plans::Plans;
use super::policy::Policy;
use super::rivals;
use super::scenario::{Emulation, Scenario};
use super::stage::Ready;

/// A device, a server (or an edge and a cloud), and relays that emulate the links between them; all on
/// real sockets.
pub(super) struct World {
    pub(super) device: Device,
    pub(super) uplink: Uplink,
    pub(super) relay: Relay,
    pub(super) device_machine: Arc<SlowMachine>,
    server_machine: Arc<SlowMachine>,
    server: Server,
    /// A cloud behind the server, and the link to it.
    cloud: Option<(Server, Relay)>,
    identity: Identity,
}

impl World {
    /// Starts both machines, lets them warm up, then starts the link and waits until it is connected.
    /// `choice` is what a policy always does.
    pub(super) async fn start(
        ready: &Ready<'_>,
        scenario: &Scenario,
        policy: Policy,
        plans: &Plans,
        choice: Option<Choice>,
    ) -> Result<Self, EndToEndError> {
        let stage = ready.stage;
        let prepare = stage.profile.prepare.as_ref().map(|timing| timing.typical());
        let machine = |slowdown: f64| {
            Arc::new(match scenario.emulation {
                Emulation::Profile => {
                    let own = SlowMachine::profiled(slowdown, &plans.table, &plans.costs, prepare);
                    if rivals::method(policy).is_some() { own.without_codings() } else { own }
                }
                Emulation::Measured => SlowMachine::measured(slowdown),
            })
        };
        let server_machine = machine(scenario.server_slowdown);
        let device_machine = machine(scenario.server_slowdown * scenario.device_slowdown);
        let parts = |machine: &Arc<SlowMachine>| -> Result<Arc<ModelParts>, EndToEndError> {
            let mut parts = stage.parts()?;
            if let Some(Choice::Remote(Handover::Tensors { at: Place::Cut(cut), .. })) = choice {
                let place = Place::Cut(cut);
                if let Some(codecs) = rivals::codecs(policy, &parts, place, &stage.calibration)? {
                    parts = parts.with_codecs(cut, codecs)?;
                }
            }
            Ok(Arc::new(parts.with_pace(Arc::clone(machine) as _)))
        };
        let (own, far) = (parts(&device_machine)?, parts(&server_machine)?);
        warm_up(ready, &plans.table, choice, &own, &far)?;
        let identity = Identity::self_signed(&[NAME])?;
        let options = DeviceOptions::default().with_form(AnswerForm::Classes(1));
        let last = server(stage, &server_machine, &far, &identity, None)?;
        let (server, cloud) = match scenario.edge {
            None => (last, None),
            Some(rtt) => {
                let link = LinkConfig::new().with_delay(Micros::new(rtt.get() / 2));
                let config = RelayConfig::new(last.local_address()?);
                let relay = Relay::start(config.with_links(link.clone(), link))?;
                let behind = uplink(&far, relay.address(), &identity, options)?;
                let edge = server(stage, &server_machine, &far, &identity, Some(behind))?;
                (edge, Some((last, relay)))
            }
        };
        let (up, down) = scenario.path.links();
        let config = RelayConfig::new(server.local_address()?).with_links(up, down);
        let relay = Relay::start(config)?;
        // A policy that knows no other way waits for its answers.
        let options = match policy {
            Policy::Aiflow => options,
            _ => options.with_patience(PATIENT),
        };
        let uplink = uplink(&own, relay.address(), &identity, options)?;
        let device = Device::new(own, Some(uplink.clone()), options);
        let connect = |source| EndToEndError::Connect { scenario: scenario.name.clone(), source };
        uplink.ready(CONNECT_WITHIN).await.map_err(connect)?;
        if let Some(Choice::Remote(handover)) = choice {
            // Where it is not agreed on in time, the first requests say so.
            let _ = device.prepare(handover, CONNECT_WITHIN).await;
        }
        device_machine.start();
        server_machine.start();
        Ok(Self { device, uplink, relay, device_machine, server_machine, server, cloud, identity })
    }

    /// Connects another device to the server, which is as fast as this machine and beside the server.
    pub(super) async fn neighbour(
        &self,
        ready: &Ready<'_>,
        scenario: &Scenario,
    ) -> Result<Device, EndToEndError> {
        let parts = Arc::new(ready.stage.parts()?);
        let options = DeviceOptions::default().with_form(AnswerForm::Classes(1));
        let options = options.with_patience(PATIENT);
        let uplink = uplink(&parts, self.server.local_address()?, &self.identity, options)?;
        let connect = |source| EndToEndError::Connect { scenario: scenario.name.clone(), source };
        uplink.ready(CONNECT_WITHIN).await.map_err(connect)?;
        Ok(Device::new(parts, Some(uplink), options))
    }

    /// Stops everything.
    pub(super) async fn stop(self) {
        let Self { device, uplink, relay, server, cloud, server_machine, .. } = self;
        drop((device, server_machine));
        // A server behind a dead link cannot be told.
        let _ = tokio::time::timeout(GOODBYE_WITHIN, uplink.shutdown()).await;
        server.stop(aiflow_transport::Code::GoingAway).await;
        if let Some((cloud, behind)) = cloud {
            cloud.stop(aiflow_transport::Code::GoingAway).await;
            drop(behind);
        }
        drop(relay);
    }
}

fn server(
    stage: &super::stage::Stage,
    machine: &Arc<SlowMachine>,
    parts: &Arc<ModelParts>,
    identity: &Identity,
    behind: Option<Uplink>,
) -> Result<Server, EndToEndError> {
    // One worker: what the device itself computes runs on the other core.
    let mut options = ServerOptions::default().with_workers(1);
    if let Some(preprocess) = stage.preprocess.clone() {
        let machine = Arc::clone(machine);
        options = options.with_pictures(Arc::new(Reader { preprocess, machine }));
    }
    if let Some(behind) = behind {
        options = options.with_role(Role::Edge).with_upstream(behind, Then::Forward);
    }
    let config = ServerConfig::new(identity.clone(), None, EarlyData::Refused)?;
    Ok(Server::start(loopback(), config, Arc::clone(parts), options)?)
}

fn uplink(
    parts: &ModelParts,
    address: SocketAddr,
    identity: &Identity,
    options: DeviceOptions,
) -> Result<Uplink, EndToEndError> {
    let places: Vec<Place> = parts.cuts().map(|cut| Place::Cut(cut.id)).collect();
    let menu = Menu::new(parts, &places)?;
    let config = ClientConfig::new(&Roots::of(identity), None, EarlyData::Refused)?;
    let config = config.with_protocol(options.protocol());
    let endpoint = Endpoint::client(loopback())?;
    Ok(Uplink::new(endpoint, vec![address], NAME, config, menu, Micros::ZERO))
}

/// Runs once what will run, so that no request pays for plans and buffers that are made once.
fn warm_up(
    ready: &Ready<'_>,
    table: &Table,
    choice: Option<Choice>,
    own: &ModelParts,
    far: &ModelParts,
) -> Result<(), EndToEndError> {
    let Some(inputs) = ready.inputs.first() else { return Ok(()) };
    let named: Vec<(&str, Value)> =
        inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let whole = own.head(&named, Place::Input)?;
    own.tail(Place::Input, &whole)?;
    far.tail(Place::Input, &whole)?;
    let handovers: Vec<Handover> = match choice {
        Some(Choice::Remote(handover) | Choice::Both(handover)) => vec![handover],
        Some(Choice::Local) => Vec::new(),
        None => table.points().iter().map(|point| Handover::from(point.payload)).collect(),
    };
    let mut done: Option<Place> = None;
    for handover in handovers {
        let Handover::Tensors { at, coding } = handover else { continue };
        // Points lie in the order of the model: one of each cut is enough.
        if done.replace(at) == Some(at) {
            continue;
        }
        let crossing = own.head(&named, at)?;
        let bytes = own.coder(at)?.encode(&crossing, coding)?;
        far.tail(at, &far.coder(at)?.decode(&bytes)?)?;
    }
    Ok(())
}

/// Returns what is handed over at a point of the table.
pub(super) fn remote(payload: Payload) -> Choice {
    Choice::Remote(Handover::from(payload))
}

fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

const NAME: &str = "localhost";
/// A link that carries anything at all lets a handshake pass within this.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);
/// As long as anybody waits for an answer.
const PATIENT: Micros = Micros::from_secs(20);
