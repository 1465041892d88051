use super::*;

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// Counts the rows that apply, for each side, state and input.
fn rows_for<S: Copy + PartialEq, I: Copy + PartialEq, A: Copy>(
    rows: &[Row<S, I, A>],
    states: &[S],
    inputs: &[I],
) -> Vec<(usize, usize, usize)> {
    let mut counts = Vec::new();
    for side in SIDES {
        for (state_index, &state) in states.iter().enumerate() {
            for (input_index, &input) in inputs.iter().enumerate() {
                let rows = rows.iter().filter(|row| row.applies(side, state, input)).count();
                counts.push((state_index, input_index, rows));
            }
        }
    }
    counts
}

#[test]
fn exactly_one_row_applies_to_every_pair_of_the_connection() {
    let inputs = link::Input::all();
    for (state, input, rows) in rows_for(link::ROWS, &State::ALL, &inputs) {
        assert_eq!(rows, 1, "{:?} in {:?}", inputs[input], State::ALL[state]);
    }
}

#[test]
fn exactly_one_row_applies_to_every_pair_of_a_session() {
    let inputs = session::Input::all();
    for (state, input, rows) in rows_for(session::ROWS, &SessionState::ALL, &inputs) {
        assert_eq!(rows, 1, "{:?} in {:?}", inputs[input], SessionState::ALL[state]);
    }
}

#[test]
fn every_row_is_used() {
    for row in link::ROWS {
        assert!(!row.from.is_empty() && !row.on.is_empty(), "{row:?}");
    }
    for row in session::ROWS {
        assert!(!row.from.is_empty() && !row.on.is_empty(), "{row:?}");
    }
}

#[test]
fn nothing_leaves_the_last_states() {
    for side in SIDES {
        for input in link::Input::all() {
            assert_eq!(link_step(side, State::Closed, input).0, State::Closed);
        }
        for input in session::Input::all() {
            assert_eq!(session_step(side, SessionState::Ended, input).0, SessionState::Ended);
        }
    }
}

#[test]
fn violations_close_a_connection() {
    for side in SIDES {
        for state in State::ALL {
            for input in link::Input::all() {
                let (to, action) = link_step(side, state, input);
                if action == LinkAction::Violation {
                    assert_eq!(to, State::Closed, "{input:?} in {state:?}");
                }
            }
        }
    }
}

#[test]
fn every_message_of_a_session_is_a_message_of_the_connection() {
    let all = link::Input::all();
    for kind in session::Input::MESSAGES {
        assert!(all.contains(&link::Input::Message(kind)));
    }
}

#[test]
fn the_specification_prints_these_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/states.md");
    let text = std::fs::read_to_string(path).expect("spec/states.md can be read");
    let fresh = "write it anew: cargo run -p aiflow-transport --example states > spec/states.md";
    assert!(text.contains(&tables()), "spec/states.md lacks these tables, {fresh}\n{}", tables());
    assert!(text.contains(&graphs()), "spec/states.md lacks these graphs, {fresh}\n{}", graphs());
}

#[test]
fn what_is_looked_up_is_what_the_rows_say() {
    fn searched<S: Copy + PartialEq, I: Copy + PartialEq, A: Copy>(
        rows: &[Row<S, I, A>],
        (side, state, input): (Side, S, I),
    ) -> Vec<(S, A)> {
        let rows = rows.iter().filter(|row| row.applies(side, state, input));
        rows.map(|row| (row.to.unwrap_or(state), row.action)).collect()
    }
    for side in SIDES {
        for state in State::ALL {
            for (place, input) in link::Input::all().into_iter().enumerate() {
                assert_eq!(input.number(), place);
                let found = link_step(side, state, input);
                assert_eq!(searched(link::ROWS, (side, state, input)), [found]);
            }
        }
        for state in SessionState::ALL {
            for input in session::Input::all() {
                let found = session_step(side, state, input);
                assert_eq!(searched(session::ROWS, (side, state, input)), [found]);
            }
        }
    }
}
