//! Serves a relay until it is interrupted or its standard input ends: `serve [DOMAIN [ADDRESS]]`.
//!
//! With an address it uses the standard ports, otherwise free ones on the loopback address. Prints one line with the
//! four ports, then the certificate. As relay for realtime channels it names the URL in the environment variable
//! `REALTIME_RELAY`, else one at which nobody listens: without any, chatmail core would ask public servers.

use std::error::Error;

use tokio::io::AsyncReadExt;
use volary_relay::{Relay, RelayConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = RelayConfig::for_domain(arguments.next().unwrap_or_else(|| "_relay.test".to_owned()));
    if let Some(address) = arguments.next() {
        config.bind = address.parse()?;
        config = config.with_standard_ports();
    }
    let realtime = std::env::var("REALTIME_RELAY").unwrap_or_else(|_| "https://127.0.0.1:9".to_owned());
    config.metadata.insert("/shared/vendor/deltachat/irohrelay".to_owned(), realtime);
    let relay = Relay::start(config).await?;
    println!(
        "IMAP {} and {}, SMTP {} and {}",
        relay.imap_tls_port(),
        relay.imap_starttls_port(),
        relay.smtp_tls_port(),
        relay.smtp_starttls_port()
    );
    println!("{}", relay.certificate_pem());
    let mut input = Vec::new();
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        ended = stdin.read_to_end(&mut input) => { ended?; }
    }
    relay.stop().await;
    Ok(())
}
