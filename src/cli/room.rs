//! Whether a run comes near the end of its sockets: file descriptors, and ports to connect from.

use tollgate::http;

/// How many connections there is room for, and what to do about it.
pub struct Room {
    limit: Option<Limit>,
    /// What was said, once.
    said: Option<String>,
}

struct Limit {
    most: u64,
    /// Of what there are no more.
    what: &'static str,
    remedy: &'static str,
}

impl Room {
    /// What this process has. Where a connection takes up `sockets` of its descriptors: two where the mock is inside.
    pub fn new(sockets: u64) -> Room {
        let descriptors = http::descriptors().map(|most| Limit {
            most: most / sockets.max(1),
            what: "file descriptors",
            remedy: "raise the hard limit (`ulimit -Hn`)",
        });
        let ports = ports().map(|most| Limit {
            most,
            what: "ports to connect from to one address",
            remedy: "widen net.ipv4.ip_local_port_range",
        });
        Room { limit: descriptors.into_iter().chain(ports).min_by_key(|limit| limit.most), said: None }
    }

    /// So many connections are open: a warning when that is near the end for the first time.
    pub fn look(&mut self, open: u64) -> Option<&str> {
        let Limit { most, what, remedy } = self.limit.as_ref()?;
        if self.said.is_some() || open * 5 < most * 4 {
            return None;
        }
        self.said = Some(format!(
            "{open} connections are open, and there are {what} for {most}: beyond these requests break as `connect`; \
             {remedy}, or bound them by --max-in-flight or `connections = {{ max = … }}`"
        ));
        self.said.as_deref()
    }

    /// The warning, where one was given.
    pub fn said(self) -> Option<String> {
        self.said
    }
}

/// Ports that the system gives to connections, where it says so (Linux).
fn ports() -> Option<u64> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = range.split_whitespace().map_while(|end| end.parse::<u64>().ok());
    let (first, last) = (ends.next()?, ends.next()?);
    last.checked_sub(first).map(|span| span + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_warns_once_before_the_end() {
        let limit = Limit { most: 100, what: "ports", remedy: "widen them" };
        let mut room = Room { limit: Some(limit), said: None };
        assert_eq!(room.look(79), None);
        assert!(
            room.look(80)
                .is_some_and(|said| said.starts_with("80 connections are open, and there are ports for 100"))
        );
        assert_eq!(room.look(99), None);
        assert!(room.said().is_some());
        assert!(Room { limit: None, said: None }.look(u64::MAX).is_none());
    }
}
