//! Tests of the event stream's frames against AWS's own codec.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::DateTime;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use proptest::prelude::*;

use super::*;

/// Every field of a frame, in order.
type Owned = [Vec<u8>; 7];

fn owned(frame: Frame<'_>) -> Owned {
    [
        frame.content_type,
        frame.error_code,
        frame.error_message,
        frame.event_type,
        frame.exception_type,
        frame.message_type,
        frame.payload,
    ]
    .map(<[u8]>::to_vec)
}

/// Every frame of the pieces in order, how the stream was given up, and whether it ends amid a frame.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Owned>, Option<FrameError>, bool) {
    let mut reader = Frames::default();
    let mut frames = Vec::new();
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(owned(frame)),
                Ok(None) => break,
                Err(error) => return (frames, Some(error), true),
            }
        }
    }
    (frames, None, reader.is_amid_frame())
}

fn written(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    put_frame(&mut out, headers, |out| out.put_slice(payload));
    out[6..].to_vec()
}

fn delta() -> Vec<u8> {
    let headers = [
        (":event-type", "contentBlockDelta"),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    written(&headers, br#"{"contentBlockIndex":0,"delta":{"text":" a"}}"#)
}

/// With both checksums made right again.
fn mended(mut frame: Vec<u8>) -> Vec<u8> {
    let checksum = crc32fast::hash(&frame[..8]).to_be_bytes();
    frame[8..12].copy_from_slice(&checksum);
    let end = frame.len() - 4;
    let checksum = crc32fast::hash(&frame[..end]).to_be_bytes();
    frame[end..].copy_from_slice(&checksum);
    frame
}

#[test]
fn a_frame_says_what_it_is() {
    let stream = delta();
    let mut reader = Frames::default();
    reader.push(&stream);
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!(frame.message_type, b"event");
    assert_eq!(frame.event_type, b"contentBlockDelta");
    assert_eq!(frame.content_type, b"application/json");
    assert_eq!(frame.exception_type, b"");
    assert_eq!(frame.payload, br#"{"contentBlockIndex":0,"delta":{"text":" a"}}"#);
    assert_eq!(reader.next_frame(), Ok(None));
    assert!(!reader.is_amid_frame());
}

/// Of the frame format's published test vectors: an empty message, and one with a header and a payload.
#[test]
fn published_frames_are_written_byte_for_byte() {
    let empty = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
    assert_eq!(written(&[], b""), empty);
    let with_payload = b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36";
    assert_eq!(written(&[], b"{'foo':'bar'}"), with_payload);
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let frame = delta();
    for byte in 0..frame.len() {
        for bit in 0..8 {
            let mut flipped = frame.clone();
            flipped[byte] ^= 1 << bit;
            let expected = if byte < 12 { FrameError::PreludeChecksum } else { FrameError::Checksum };
            assert_eq!(frames([&flipped[..]]), (vec![], Some(expected), true));
        }
    }
}

#[test]
fn impossible_lengths_are_refused_at_the_prelude() {
    let prelude = |frame: u32, headers: u32| {
        let bytes = [frame.to_be_bytes(), headers.to_be_bytes()].concat();
        let checksum = crc32fast::hash(&bytes).to_be_bytes();
        [bytes, checksum.to_vec()].concat()
    };
    let most = FRAME_BYTES_MAX as u32;
    for (frame, headers, error) in [
        (0, 0, Some(FrameError::Length { frame: 0, headers: 0 })),
        (15, 0, Some(FrameError::Length { frame: 15, headers: 0 })),
        (16, 0, None),
        (16, 1, Some(FrameError::Length { frame: 16, headers: 1 })),
        (17, 1, None),
        (20, u32::MAX, Some(FrameError::Length { frame: 20, headers: u32::MAX })),
        (most, 0, None),
        (most + 1, 0, Some(FrameError::TooLarge(most + 1))),
        (u32::MAX, 0, Some(FrameError::TooLarge(u32::MAX))),
    ] {
        assert_eq!(frames([&prelude(frame, headers)[..]]), (vec![], error, true), "{frame} {headers}");
    }
}

#[test]
fn malformed_headers_are_refused() {
    let frame = |headers: &[u8]| {
        let mut frame = vec![0; BARE_BYTES];
        frame.splice(12..12, headers.iter().copied());
        let length = (frame.len() as u32).to_be_bytes();
        frame[..4].copy_from_slice(&length);
        frame[4..8].copy_from_slice(&(headers.len() as u32).to_be_bytes());
        mended(frame)
    };
    for headers in
        [&b"\x05abc"[..], b"\x01a", b"\x01a\x0a", b"\x01a\x07\x00", b"\x01a\x07\x00\x02x", b"\x01a\x09short"]
    {
        assert_eq!(frames([&frame(headers)[..]]).1, Some(FrameError::Headers), "{headers:?}");
    }
    assert_eq!(frames([&frame(b"\x01a\x07\x00\x01x")[..]]).0.len(), 1);
}

#[test]
fn a_read_frame_takes_no_memory_any_more() {
    let frame = delta();
    let mut reader = Frames::default();
    for _ in 0..1000 {
        reader.push(&frame);
        assert!(reader.next_frame().unwrap().is_some());
    }
    assert!(reader.buffer.capacity() < 4 * frame.len());
}

fn value() -> impl Strategy<Value = HeaderValue> {
    prop_oneof![
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i8>().prop_map(HeaderValue::Byte),
        any::<i16>().prop_map(HeaderValue::Int16),
        any::<i32>().prop_map(HeaderValue::Int32),
        any::<i64>().prop_map(HeaderValue::Int64),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| HeaderValue::ByteArray(bytes.into())),
        "[a-zé]{0,9}".prop_map(|text| HeaderValue::String(text.into())),
        any::<i32>().prop_map(|secs| HeaderValue::Timestamp(DateTime::from_secs(secs.into()))),
        any::<u128>().prop_map(HeaderValue::Uuid),
    ]
}

const NAMES: [&str; 6] =
    [":content-type", ":error-code", ":error-message", ":event-type", ":exception-type", ":message-type"];

fn message() -> impl Strategy<Value = Message> {
    let name = prop_oneof![prop::sample::select(&NAMES[..]).prop_map(String::from), "[a-z:]{1,12}"];
    let header = (name, value()).prop_map(|(name, value)| Header::new(name, value));
    let payload = prop::collection::vec(any::<u8>(), 0..60);
    (prop::collection::vec(header, 0..6), payload)
        .prop_map(|(headers, payload)| Message::new_from_parts(headers, payload))
}

/// The message's fields as we name them.
fn expected(message: &Message) -> Owned {
    let texts = NAMES.map(|name| {
        let values = message.headers().iter().filter(|header| header.name().as_str() == name);
        let text = values.filter_map(|header| header.value().as_string().ok()).next_back();
        text.map_or_else(Vec::new, |text| text.as_str().as_bytes().to_vec())
    });
    let [content_type, error_code, error_message, event_type, exception_type, message_type] = texts;
    let payload = message.payload().to_vec();
    [content_type, error_code, error_message, event_type, exception_type, message_type, payload]
}

proptest! {
    #[test]
    fn what_aws_writes_is_read_at_every_split(messages in prop::collection::vec(message(), 0..4)) {
        let mut stream = Vec::new();
        for message in &messages {
            write_message_to(message, &mut stream).unwrap();
        }
        let whole = (messages.iter().map(expected).collect(), None, false);
        prop_assert_eq!(&frames([&stream[..]]), &whole);
        prop_assert_eq!(&frames(stream.chunks(1)), &whole);
        for split in 0..=stream.len() {
            let (left, right) = stream.split_at(split);
            prop_assert_eq!(&frames([left, right]), &whole);
        }
    }

    #[test]
    fn what_we_write_is_read_by_aws(
        headers in prop::collection::vec(("[a-z:-]{1,20}", "\\PC{0,40}"), 0..5),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let read = read_message_from(&mut &written(&headers, &payload)[..]).unwrap();
        prop_assert_eq!(&read.payload()[..], &payload[..]);
        let read: Vec<_> = read
            .headers()
            .iter()
            .map(|header| (header.name().as_str(), header.value().as_string().unwrap().as_str()))
            .collect();
        prop_assert_eq!(read, headers);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), size in 1..50usize) {
        prop_assert_eq!(frames([&bytes[..]]), frames(bytes.chunks(size)));
    }

    /// Random headers behind right checksums: taken or refused as AWS does, text that is not UTF-8 apart.
    #[test]
    fn random_headers_are_judged_as_aws_judges_them(
        headers in prop::collection::vec(prop_oneof![0..12u8, any::<u8>()], 0..40),
        payload in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut frame = [&[0; 12][..], &headers, &payload, &[0; 4]].concat();
        let length = (frame.len() as u32).to_be_bytes();
        frame[..4].copy_from_slice(&length);
        frame[4..8].copy_from_slice(&(headers.len() as u32).to_be_bytes());
        let frame = mended(frame);
        let theirs = read_message_from(&mut &frame[..]);
        let (ours, error, _) = frames([&frame[..]]);
        if let Ok(message) = theirs {
            prop_assert_eq!(ours, [expected(&message)]);
        } else {
            prop_assert!(error.is_some() || ours.len() == 1);
        }
    }
}
