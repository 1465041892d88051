use super::*;

#[test]
fn numbers_are_positions() {
    for (number, code) in (0..).zip(Code::ALL) {
        assert_eq!(code.number(), number);
        assert_eq!(Code::from_number(number), code);
    }
    assert_eq!(Code::from_number(Code::ALL.len() as u64), Code::Internal);
    assert_eq!(Code::from_number(u64::MAX), Code::Internal);
}

#[test]
fn display_says_what_where_and_by_which_rule() {
    let error = ProtocolError::new(ErrorKind::NonMinimal, 17, "protocol.md 1.3");
    let text = "an integer is not in its shortest form (at byte 17, see protocol.md 1.3)";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.code().to_string(), "FORMAT_ERROR (0x02)");
    let error = ProtocolError::refused(Code::Glare, "protocol.md 10.3");
    assert!(error.to_string().starts_with("the peer proposed a change first"), "{error}");
    assert_eq!(error.code(), Code::Glare);
}

#[test]
fn shifting_moves_the_offset_only() {
    let error = ProtocolError::new(ErrorKind::Truncated, 3, "protocol.md 4.1");
    assert_eq!(error.shifted(10), ProtocolError { offset: 13, ..error });
    assert_eq!(error.shifted(u64::MAX).offset, u64::MAX);
}
