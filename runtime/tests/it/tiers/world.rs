//! Servers and devices on the loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aiflow_codec::learn::LearnConfig;
use aiflow_runtime::bundle::{Bundle, BundleBuilder, CutFiles, FeatureCoding};
use aiflow_runtime::cut::{Cut, CutList, CutOptions, SplitModel, search};
use aiflow_runtime::engine::{Engine, RtenEngine};
use aiflow_runtime::graph::{DimChoice, Graph, RandomSource};
use aiflow_runtime::learning::{NamedInputs, learn_cut};
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Handover, Menu, Sample, Server, ServerOptions, Uplink,
};
use aiflow_runtime::tier::{Answer, ModelParts, Place};
use aiflow_runtime::{ModelFile, Value};
use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, Identity, Roots, ServerConfig, Tuning,
};
use aiflow_units::Micros;

/// What everybody in a test knows.
pub(super) struct World {
    pub(super) parts: Arc<ModelParts>,
    pub(super) bundle: Bundle,
    model: ModelFile,
    identity: Identity,
}

impl World {
    /// A model in memory with all its cuts; profiles where `learn` says how many samples.
    pub(super) fn new(bytes: Vec<u8>, learn: usize) -> Self {
        Self::of(ModelFile::from_bytes(bytes).expect("a model"), learn)
    }

    pub(super) fn of(model: ModelFile, learn: usize) -> Self {
        let graph = Graph::new(&model).expect("a graph");
        let program = RtenEngine::new().load(&model).expect("a program");
        let list = search(&graph, &program, &[], &CutOptions::default()).expect("cuts");
        Self::with_cuts(model, list, learn)
    }

    /// A model with cuts that were found before.
    pub(super) fn with_cuts(model: ModelFile, list: CutList, learn: usize) -> Self {
        let graph = Graph::new(&model).expect("a graph");
        let program = RtenEngine::new().load(&model).expect("a program");
        let samples = inputs(&graph, learn, 3);
        let mut builder = BundleBuilder::new("world", model.id(), "world.onnx", 1);
        for cut in list.cuts {
            let mut files = CutFiles::default();
            if learn > 0 {
                let split = SplitModel::new(Arc::clone(&program), &graph, cut.clone());
                let config = LearnConfig::default();
                let learned = learn_cut(&split, &samples, &config, 2, &|_, _| {}).expect("learned");
                files.profiles = learned.iter().map(|tensor| tensor.profile.to_bytes()).collect();
            }
            builder.add_cut(cut, files);
        }
        let bundle = builder.build().expect("a bundle");
        let identity = Identity::self_signed(&["localhost"]).expect("an identity");
        let parts = load(&bundle, &model);
        Self { parts, bundle, model, identity }
    }

    /// Loads the model once more, as another process would.
    pub(super) fn load(&self) -> Arc<ModelParts> {
        load(&self.bundle, &self.model)
    }

    pub(super) fn cuts(&self) -> Vec<Cut> {
        self.parts.cuts().cloned().collect()
    }

    pub(super) fn places(&self) -> Vec<Place> {
        std::iter::once(Place::Input).chain(self.cuts().iter().map(|c| Place::Cut(c.id))).collect()
    }

    pub(super) fn serve(&self, options: ServerOptions) -> (Server, SocketAddr) {
        self.serve_at(localhost(), options)
    }

    pub(super) fn serve_at(
        &self,
        address: SocketAddr,
        options: ServerOptions,
    ) -> (Server, SocketAddr) {
        self.serve_parts(address, self.load(), options)
    }

    pub(super) fn serve_parts(
        &self,
        address: SocketAddr,
        parts: Arc<ModelParts>,
        options: ServerOptions,
    ) -> (Server, SocketAddr) {
        let config = ServerConfig::new(self.identity.clone(), None, EarlyData::Refused);
        let config = config.expect("a configuration");
        // The socket of a server before it may take a moment to be free.
        let mut tries = 0;
        let server = loop {
            let (config, parts) = (config.clone(), Arc::clone(&parts));
            match Server::start(address, config, parts, options.clone()) {
                Ok(server) => break server,
                Err(error) if tries == 50 => panic!("{error:?}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
            tries += 1;
        };
        let address = server.local_address().expect("an address");
        (server, address)
    }

    pub(super) fn uplink(&self, addresses: &[SocketAddr], options: DeviceOptions) -> Uplink {
        self.uplink_of(&self.parts, addresses, options)
    }

    pub(super) fn uplink_of(
        &self,
        parts: &ModelParts,
        addresses: &[SocketAddr],
        options: DeviceOptions,
    ) -> Uplink {
        let places: Vec<Place> = parts.cuts().map(|cut| Place::Cut(cut.id)).collect();
        let menu = Menu::new(parts, &places).expect("a menu");
        self.uplink_for(menu, addresses, options)
    }

    fn uplink_for(&self, menu: Menu, addresses: &[SocketAddr], options: DeviceOptions) -> Uplink {
        let config = self.client().with_protocol(options.protocol());
        let config = config.with_tuning(Tuning::default().with_idle(Micros::from_secs(60)));
        let endpoint = Endpoint::client(localhost()).expect("a socket");
        let addresses = addresses.to_vec();
        Uplink::new(endpoint, addresses, "localhost", config, menu, Micros::ZERO)
    }

    /// How somebody connects who believes this world's servers.
    pub(super) fn client(&self) -> ClientConfig {
        let roots = Roots::of(&self.identity);
        ClientConfig::new(&roots, None, EarlyData::Refused).expect("a configuration")
    }

    /// A device that is connected and hands over at one place from the start.
    pub(super) async fn device_at(
        &self,
        address: SocketAddr,
        at: Place,
        options: DeviceOptions,
    ) -> Device {
        let menu = Menu::new(&self.parts, &[at]).expect("a menu");
        let uplink = self.uplink_for(menu, &[address], options);
        uplink.ready(Duration::from_secs(10)).await.expect("a connection");
        Device::new(Arc::clone(&self.parts), Some(uplink), options)
    }

    /// A device that is connected.
    pub(super) async fn device(&self, address: SocketAddr, options: DeviceOptions) -> Device {
        let uplink = self.uplink(&[address], options);
        uplink.ready(Duration::from_secs(10)).await.expect("a connection");
        Device::new(Arc::clone(&self.parts), Some(uplink), options)
    }

    pub(super) fn samples(&self, count: usize, seed: u64) -> Vec<NamedInputs> {
        inputs(self.parts.graph(), count, seed)
    }

    /// What one process answers.
    pub(super) fn expected(&self, sample: &NamedInputs) -> Vec<Value> {
        let named: Vec<(&str, Value)> =
            sample.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let whole = self.parts.head(&named, Place::Input).expect("inputs");
        self.parts.tail(Place::Input, &whole).expect("the model")
    }
}

fn load(bundle: &Bundle, model: &ModelFile) -> Arc<ModelParts> {
    let graph = Graph::new(model).expect("a graph");
    let program = RtenEngine::new().load(model).expect("a program");
    Arc::new(ModelParts::new(bundle, program, graph).expect("parts"))
}

pub(super) fn inputs(graph: &Graph, count: usize, seed: u64) -> Vec<NamedInputs> {
    let mut random = RandomSource::new(seed);
    let choice = DimChoice::new();
    (0..count).map(|_| graph.random_inputs(&mut random, &choice).expect("inputs")).collect()
}

/// A device that does not answer itself because the machine is busy with other tests.
pub(super) fn patient() -> DeviceOptions {
    DeviceOptions::default().with_patience(Micros::from_secs(20))
}

pub(super) fn localhost() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

pub(super) fn lossless(at: Place) -> Handover {
    Handover::Tensors { at, coding: FeatureCoding::Lossless }
}

/// Hands a sample over and checks that the tier behind answered.
pub(super) async fn remote(device: &Device, sample: &NamedInputs, at: Place) -> Answer {
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let sample = Sample::new(sample.clone());
    let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert_eq!(outcome.fallback, None, "{at}");
    outcome.answer
}
