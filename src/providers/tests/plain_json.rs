//! Nothing that client and mock write is so odd that the quick reader of JSON leaves it to serde_json.

use super::*;
use crate::dialects::REFUSED;

/// Else reading would be slow, and nothing would tell.
#[test]
fn what_client_and_mock_write_is_plain_json_to_the_quick_reader() {
    let usage =
        Usage { input: 90, cache_read: 7, cache_write: 3, output: 4, reasoning: 2, ..Usage::default() };
    let pieces = [Kind::Reasoning, Kind::Text, Kind::Text].map(|kind| tokens(kind, 2));
    for target in rows() {
        for stream in [false, target.dialect.get().is_generating()] {
            let refused = REFUSED.get();
            let (operation, asked) = asked(&target, &Credential::None, &request(stream));
            let pieces = if stream { &pieces[..] } else { &[] };
            let sent = [pieces, &[finish(usage, true)]].concat();
            let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
            let replies = read(&target, stream, &head, [&body[..]]);
            assert!(matches!(replies.last(), Some(Reply::Finished(_))), "{}: {replies:?}", name(&target));
            assert_eq!(REFUSED.get(), refused, "{}, stream: {stream}", name(&target));
        }
    }
    let odd = b"{\"choices\":[{\"message\":{\"content\":[],\"tool_calls\":[[]]}}]}";
    replies(&target("openai", "openai_chat"), false, "application/json", odd);
    assert_eq!(REFUSED.take(), 1, "an array where an object is asked for is left to serde_json");
}
