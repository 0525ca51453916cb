//! Serves a relay until it is interrupted: `serve [DOMAIN [ADDRESS]]`, on the standard ports if an address is given.

use std::error::Error;

use volary_relay::{Relay, RelayConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = RelayConfig::for_domain(arguments.next().unwrap_or_else(|| "_relay.test".to_owned()));
    if let Some(address) = arguments.next() {
        config.bind = address.parse()?;
        config = config.with_standard_ports();
    }
    let relay = Relay::start(config).await?;
    println!(
        "IMAP {} and {}, SMTP {} and {}",
        relay.imap_tls_port(),
        relay.imap_starttls_port(),
        relay.smtp_tls_port(),
        relay.smtp_starttls_port()
    );
    tokio::signal::ctrl_c().await?;
    relay.stop().await;
    Ok(())
}
