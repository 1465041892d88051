//! What a scenario file may say, and what is said about one that is wrong.

use std::path::Path;

use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::LossMeasure;
use aiflow_units::Micros;

use super::*;

fn read(text: &str) -> Result<ScenarioFile, ScenarioError> {
    ScenarioFile::from_toml(text, Path::new("folder/file.toml"))
}

fn problem(text: &str) -> String {
    let error = read(text).expect_err("a wrong file");
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

const WHOLE: &str = r#"
bundle = "some.bundle"
data = "scenes:10@3"
policies = ["device", "aiflow"]
[defaults]
rtt = "20ms"
device-speed = "1/10"
seconds = 5
rate = 4
[[scenario]]
name = "steady"
trace = "const:2mbit"
cut = "c03"
[[scenario]]
name = "drive"
trace = "lte-like:7"
device-speed = 0.5
server-speed = "1/2"
deadline = "0.2s"
goal = "deadline"
max-loss = "3%"
emulation = "measured"
requests = 7
load = 2.5
edge = "4ms"
"#;

#[test]
fn a_scenario_overrides_the_defaults() {
    let file = read(WHOLE).expect("a good file");
    assert_eq!(file.bundle.as_deref(), Some(Path::new("folder/some.bundle")));
    assert_eq!(file.data.as_deref(), Some("scenes:10@3"));
    assert_eq!(file.policies, [Policy::Device, Policy::Aiflow]);
    let [steady, drive] = file.scenarios.as_slice() else { panic!("two scenarios") };
    assert_eq!((steady.name.as_str(), steady.device_slowdown), ("steady", 10.0));
    assert_eq!(steady.cut, Some(CutId::listed(3)));
    assert_eq!((steady.slots(), drive.slots()), (20, 7));
    assert_eq!((drive.device_slowdown, drive.server_slowdown), (2.0, 2.0));
    assert_eq!(drive.path.rtt, Micros::from_millis(20));
    assert_eq!(drive.deadline, Some(Micros::from_millis(200)));
    assert_eq!((drive.goal, drive.emulation), (Wanted::Deadline, Emulation::Measured));
    assert_eq!(drive.max_loss, Budget { measure: LossMeasure::Disagreement, most: 0.03 });
    assert_eq!((steady.edge, drive.edge), (None, Some(Micros::from_millis(4))));
    assert_eq!(steady.max_loss.measure, LossMeasure::Top1Drop);
}

#[test]
fn whatever_is_wrong_is_named_with_its_place() {
    let cases = [
        ("bundel = \"x\"\n[[scenario]]\nname = \"a\"", "line 1: unknown field `bundel`"),
        ("[[scenario]]\nname = \"a\"\nrat = 3", "line 3: unknown field `rat`"),
        ("[defaults]\nname = \"a\"", "line 2: unknown field `name`"),
        ("data = \"scenes:1@1\"", "has no scenario"),
        ("[[scenario]]\ntrace = \"const:1mbit\"", "missing field `name`"),
        ("[[scenario]]\nname = \"a\"", "scenario `a`: `trace` is missing"),
        ("policies = [\"webb\"]\n[[scenario]]\nname = \"a\"", "there is no policy `webb`"),
        ("[[scenario]]\nname = \"a\"\ntrace = \"const:fast\"", "`const:fast` is no path"),
        ("[[scenario]]\nname = \"a\"\ntrace = \"nothing.txt\"", "folder/nothing.txt"),
        (
            "bundle = \"${NO_SUCH_VARIABLE_SET}\"\n[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"",
            "${NO_SUCH_VARIABLE_SET}, which is not set",
        ),
    ];
    for (text, expected) in cases {
        let found = problem(text);
        assert!(found.contains(expected) && found.contains("folder"), "{text}: {found}");
    }
    let twice = "[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"\n".repeat(2);
    assert!(problem(&twice).contains("two scenarios called `a`"));
}

#[test]
fn values_that_cannot_be_are_refused() {
    for (key, value) in [
        ("rtt", "\"20\""),
        ("edge", "\"near\""),
        ("device-speed", "2"),
        ("server-speed", "\"1/0\""),
        ("deadline", "\"soon\""),
        ("goal", "\"deadline\""),
        ("goal", "\"money\""),
        ("max-loss", "\"1\""),
        ("rate", "0"),
        ("load", "-1"),
        ("seconds", "\"ten\""),
        ("requests", "0"),
        ("seed", "-1"),
        ("cut", "\"x1\""),
        ("queue", "1"),
        ("emulation", "\"none\""),
    ] {
        let text =
            format!("[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"\n{key} = {value}\n");
        let found = problem(&text);
        assert!(found.contains(&format!("scenario `a`: `{key}` cannot be")), "{key}: {found}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = ScenarioFile::read(Path::new("no/such/file.toml")).expect_err("no file");
    assert!(error.to_string().contains("no/such/file.toml"));
}
