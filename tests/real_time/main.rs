//! What goes over sockets or takes its time. Apart from what is simulated, which would keep the processors from it.

mod admission;
mod beginnings;
mod calibrate;
mod cli;
mod connections;
mod contents;
mod crash;
mod exchanges;
mod faults;
mod keeping_up;
mod loopback;
mod mock_transport;
mod otlp;
mod outcomes;
mod poisson;
mod run;
mod spillover;
mod support;
mod timely;
mod transport;
mod watch;
