//! Images in bodies: how ours are put in, and how large the mock finds those of any caller.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem::Finder;
use serde_json::Value;

use super::prompt::IMAGE_PLACE;

/// Of all images that we send.
pub const MEDIA_TYPE: &str = "image/png";

/// Where a service takes the address of an image: the image itself.
pub fn data_url() -> String {
    format!("data:{MEDIA_TYPE};base64,{IMAGE_PLACE}")
}

/// Width and height of each image in a body of any dialect, in pixels. One that is elsewhere, or in a format that is
/// not known here, is taken to be of [`ASSUMED`] size.
pub fn sizes(body: &[u8]) -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    if MARKS.iter().any(|mark| mark.find(body).is_some())
        && let Ok(body) = serde_json::from_slice(body)
    {
        find(&body, &mut sizes);
    }
    sizes
}

/// Every way in which a part of a prompt says that it is an image has one of these: `image` or `image_url`,
/// `input_image`, and `inlineData` or `inline_data`.
static MARKS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["\"image", "\"input_image\"", "\"inline"].map(Finder::new));

/// For what cannot be measured.
pub const ASSUMED: (u32, u32) = (1024, 1024);

fn find(value: &Value, sizes: &mut Vec<(u32, u32)>) {
    match value {
        Value::Array(parts) => parts.iter().for_each(|part| find(part, sizes)),
        Value::Object(part) => match image(value) {
            Some(data) => sizes.push(size(data).unwrap_or(ASSUMED)),
            None => part.values().for_each(|value| find(value, sizes)),
        },
        _ => {}
    }
}

/// The data of a part that is an image: base64, or the address that stands for it.
fn image(part: &Value) -> Option<&str> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
    let at = |pointer: &str| part.pointer(pointer).and_then(Value::as_str);
    match kind {
        "image" => Some(at("/source/data").unwrap_or_default()),
        "image_url" => Some(at("/image_url/url").unwrap_or_default()),
        "input_image" => Some(at("/image_url").unwrap_or_default()),
        "" => {
            let blob = part.get("inlineData").or_else(|| part.get("inline_data"));
            let media = blob.and_then(|blob| blob.get("mimeType").or_else(|| blob.get("mime_type")));
            let is_image = media.and_then(Value::as_str).is_some_and(|media| media.starts_with("image/"));
            let inline = blob.filter(|_| is_image).map(|blob| blob.get("data"));
            let inline = inline.map(|data| data.and_then(Value::as_str).unwrap_or_default());
            inline.or_else(|| {
                part.get("image")
                    .filter(|image| image.is_object())
                    .map(|_| at("/image/source/bytes").unwrap_or_default())
            })
        }
        _ => None,
    }
}

/// What the head of a PNG or JPEG file says of its size.
fn size(data: &str) -> Option<(u32, u32)> {
    let coded = data.split_once(";base64,").map_or(data, |(_, coded)| coded).as_bytes();
    let coded = &coded[..coded.len().min(HEAD_CODED)];
    let head = BASE64_STANDARD.decode(&coded[..coded.len() / 4 * 4]).ok()?;
    let size = if head.starts_with(b"\x89PNG\r\n\x1a\n") { png(&head) } else { jpeg(&head) };
    size.filter(|(width, height)| *width > 0 && *height > 0)
}

fn png(head: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    Some((number(16)?, number(20)?))
}

/// Segments follow each other, each with its length, up to the one that begins the frame.
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    let number = |at: usize| Some(u32::from(u16::from_be_bytes(head.get(at..at + 2)?.try_into().ok()?)));
    if !head.starts_with(b"\xff\xd8") {
        return None;
    }
    loop {
        let marker = *head.get(at..at + 2)?.strip_prefix(b"\xff")?.first()?;
        // Three of these sixteen markers hold tables and no frame.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((number(at + 7)?, number(at + 5)?));
        }
        at += 2 + number(at + 2)? as usize;
    }
}

/// Base64 of the first 48 kB: what a camera puts before the frame fits in.
const HEAD_CODED: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(bytes: &[u8]) -> String {
        BASE64_STANDARD.encode(bytes)
    }

    fn png_of(width: u32, height: u32) -> String {
        let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
        coded(&[b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice(), &sizes, b"\x08\0\0\0\0"].concat())
    }

    #[test]
    fn images_are_measured_in_every_dialect() {
        let png = png_of(640, 480);
        for part in [
            format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{png}"}}}}"#),
            format!(r#"{{"type":"input_image","image_url":"data:image/png;base64,{png}"}}"#),
            format!(
                r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{png}"}}}}"#
            ),
            format!(r#"{{"image":{{"format":"png","source":{{"bytes":"{png}"}}}}}}"#),
            format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{png}"}}}}"#),
            format!(r#"{{"inline_data":{{"mime_type":"image/png","data":"{png}"}}}}"#),
        ] {
            let body = format!(r#"{{"messages":[{{"content":[{part},{{"text":"a"}},{part}]}}]}}"#);
            assert_eq!(sizes(body.as_bytes()), [(640, 480); 2], "{part}");
        }
    }

    #[test]
    fn what_cannot_be_measured_is_taken_to_be_usual() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc4\0\x02\xff\xc2\0\x0b\x08\0\x20\0\x30\x01";
        assert_eq!(size(&coded(jpeg)), Some((0x30, 0x20)));
        for data in [
            "https://example.com/a.png",
            "",
            "!!!!",
            &coded(b"\xff\xd8\xff"),
            &png_of(0, 4),
            &coded(b"GIF89a"),
        ] {
            assert_eq!(size(data), None, "{data}");
        }
        let body = r#"{"content":[{"type":"image","source":{"type":"url","url":"https://example.com"}}]}"#;
        assert_eq!(sizes(body.as_bytes()), [ASSUMED]);
        for none in [
            r#"{"text":"the \"image\" of"}"#,
            r#"{"a":"inlineData"}"#,
            "\"image\"",
            r#"{"inlineData":{"mimeType":"audio/wav"}}"#,
        ] {
            assert_eq!(sizes(none.as_bytes()), [], "{none}");
        }
    }
}
