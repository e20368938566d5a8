//! The calls that reached the mock: a row for each, as it was admitted or refused.

use std::io::{self, Write};

use crate::collectors::log::seconds;
use crate::time::Instant;
use crate::wire::{AttemptId, Job, Rejection};

/// The columns; docs/metrics.md says what each holds. With the times and lengths among them the file is a trace, too.
const COLUMNS: [&str; 13] = [
    "time_s",
    "endpoint",
    "request",
    "attempt",
    "input_tokens",
    "max_tokens",
    "output_tokens",
    "reasoning_tokens",
    "stream",
    "status",
    "limit",
    "retry_after_s",
    "served_by",
];

/// A call with what became of it when it came.
pub(crate) struct Arrival<'a> {
    pub at: Instant,
    pub endpoint: &'a str,
    pub id: AttemptId,
    pub job: &'a Job,
    pub refusal: Option<&'a Rejection>,
    /// The endpoint that serves it, or has it in its queue.
    pub served_by: &'a str,
}

pub(crate) struct CallLog(csv::Writer<Box<dyn Write + Send>>);

impl CallLog {
    pub fn new(writer: Box<dyn Write + Send>) -> io::Result<CallLog> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(COLUMNS)?;
        Ok(CallLog(writer))
    }

    pub fn write(&mut self, arrival: &Arrival<'_>) -> io::Result<()> {
        let Arrival { at, endpoint, id, job, refusal, served_by } = arrival;
        let request = &job.request;
        let wait = refusal.and_then(|refusal| refusal.retry_after);
        let row = [
            seconds(*at),
            endpoint.to_string(),
            id.request.0.to_string(),
            id.nth.to_string(),
            request.input_tokens.to_string(),
            request.max_tokens.map_or(String::new(), |max| max.to_string()),
            job.answer_tokens.to_string(),
            job.reasoning_tokens.to_string(),
            request.stream.to_string(),
            refusal.map_or(200, |refusal| refusal.status).to_string(),
            refusal.map_or("", |refusal| refusal.limit).to_string(),
            wait.map_or(String::new(), |wait| format!("{:.3}", wait.as_secs_f64())),
            refusal.map_or(*served_by, |_| "").to_string(),
        ];
        Ok(self.0.write_record(row)?)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
