//! Asks a mail domain for its servers.

use std::{future::Future, time::Duration};

use futures::{StreamExt as _, stream::FuturesOrdered};
use volary_mail::{
    address::Address,
    autoconfig::{self, Answer, FoundServers, MAX_ANSWER, MAX_ANSWERS, Source},
    proxy::ProxyUrl,
};

use crate::{
    connect::{Manner, Network},
    http::{Method, Request, fetch},
};

/// Longest time for one document.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came out of asking.
#[derive(Debug, Default)]
pub struct Search {
    /// The servers; none if they have to be guessed.
    pub servers: FoundServers,
    /// The address that had the answer.
    pub source: Option<String>,
    /// The addresses that had none, and why.
    pub failures: Vec<(String, String)>,
}

/// Asks all places where the servers of `address` may be described. `progress` is called with 300, 310, 320 and 330 as
/// they fail. Only `https` is used.
///
/// The domain's own places are asked at the same time, and the first in their order that has an answer wins: a host that
/// does not answer costs its time once. The directory of others learns of the domain only when it has no answer.
pub async fn find_servers(
    network: &Network,
    address: &Address,
    how: &Manner,
    progress: impl FnMut(u32),
) -> Search {
    let proxy: Option<&ProxyUrl> = how.proxy.as_deref();
    let get = async |url: String| {
        let request = Request {
            method: Method::Get,
            url: &url,
            strict: how.strict,
            https_only: true,
            max_body: MAX_ANSWER,
            deadline: DEADLINE,
        };
        let response = fetch(network, proxy, &request).await.and_then(|response| response.success());
        response.map(|response| response.body.to_vec()).map_err(|error| error.to_string())
    };
    search(address, get, progress).await
}

async fn search<F>(address: &Address, get: impl Fn(String) -> F, mut progress: impl FnMut(u32)) -> Search
where
    F: Future<Output = Result<Vec<u8>, String>>,
{
    let (own, others): (Vec<Source>, Vec<Source>) =
        autoconfig::sources(address).into_iter().partition(|source| source.is_of_domain);
    let mut search = Search::default();
    for sources in [own, others] {
        let mut answers: FuturesOrdered<_> = sources
            .into_iter()
            .map(|source| {
                let get = &get;
                async move { (answer(&source, address, get).await, source) }
            })
            .collect();
        while let Some((answer, source)) = answers.next().await {
            match answer {
                Ok(servers) => {
                    search.servers = servers;
                    search.source = Some(source.url);
                    return search;
                }
                Err(reason) => {
                    search.failures.push((source.url, reason));
                    source.progress.into_iter().for_each(&mut progress);
                }
            }
        }
    }
    search
}

/// The answer of one place, with all redirects that it leads to.
async fn answer<F>(
    source: &Source,
    address: &Address,
    get: impl Fn(String) -> F,
) -> Result<FoundServers, String>
where
    F: Future<Output = Result<Vec<u8>, String>>,
{
    let mut url = source.url.clone();
    for _ in 0..MAX_ANSWERS {
        let document = get(url).await?;
        match autoconfig::read(source.format, &document, address).map_err(|error| error.to_string())? {
            Answer::Servers(servers) => return Ok(servers),
            Answer::Redirect(next) => url = next,
        }
    }
    Err(format!("{MAX_ANSWERS} documents lead to further ones"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const MOZILLA: &str = "<clientConfig><incomingServer type='imap'><hostname>imap.x.test</hostname><port>993</port>\
                           <username>%EMAILADDRESS%</username></incomingServer></clientConfig>";

    /// Asks with these documents by address. Gives the host found, the addresses asked and the progress.
    async fn asked(documents: &[(&str, String)]) -> (Search, Vec<String>, Vec<u32>) {
        let asked = RefCell::new(Vec::new());
        let mut steps = Vec::new();
        let get = async |url: String| {
            asked.borrow_mut().push(url.clone());
            // A later place may well answer first.
            if url.contains("autoconfig.x.test") {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            let found = documents.iter().find(|(known, _)| url == *known);
            found.map(|(_, document)| document.clone().into_bytes()).ok_or_else(|| "404 Not Found".to_owned())
        };
        let address = Address::parse_exact("a@x.test").unwrap();
        let search = search(&address, get, |step| steps.push(step)).await;
        (search, asked.into_inner(), steps)
    }

    #[tokio::test(start_paused = true)]
    async fn when_nothing_answers_all_places_were_asked_in_order() {
        let (search, asked, steps) = asked(&[]).await;
        assert_eq!((search.servers, search.source), (FoundServers::default(), None));
        let failed: Vec<_> = search.failures.iter().map(|(url, _)| url.clone()).collect();
        assert_eq!((failed.len(), &failed), (5, &asked));
        assert_eq!(steps, [300, 310, 320, 330]);
        assert_eq!(search.failures[0].1, "404 Not Found");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_in_order_wins_though_a_later_one_is_faster() {
        let other = MOZILLA.replace("imap.x.test", "other.x.test");
        let (first, asked_first, steps) = asked(&[
            ("https://autoconfig.x.test/mail/config-v1.1.xml?emailaddress=a%40x.test", MOZILLA.to_owned()),
            ("https://x.test/.well-known/autoconfig/mail/config-v1.1.xml", other.clone()),
        ])
        .await;
        assert_eq!((first.servers.imap[0].host.as_str(), steps.len()), ("imap.x.test", 0));
        assert!(
            !asked_first.iter().any(|url| url.contains("thunderbird")),
            "others do not learn of the domain"
        );
        let (second, _, steps) = asked(&[
            ("https://x.test/.well-known/autoconfig/mail/config-v1.1.xml", other),
            ("https://autoconfig.thunderbird.net/v1.1/x.test", MOZILLA.to_owned()),
        ])
        .await;
        assert_eq!((second.servers.imap[0].host.as_str(), steps), ("other.x.test", vec![300]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_web_page_is_no_answer_and_an_empty_document_is_one() {
        let page = "<html><body>Not here</body></html>".to_owned();
        let (search, _, steps) = asked(&[
            ("https://x.test/.well-known/autoconfig/mail/config-v1.1.xml", page),
            ("https://x.test/autodiscover/autodiscover.xml", "<Autodiscover/>".to_owned()),
        ])
        .await;
        assert_eq!(search.source.as_deref(), Some("https://x.test/autodiscover/autodiscover.xml"));
        assert_eq!((search.servers, steps), (FoundServers::default(), vec![300, 310]));
    }

    #[tokio::test(start_paused = true)]
    async fn redirects_of_documents_end() {
        let redirect = |url: &str| format!("<Autodiscover><RedirectUrl>{url}</RedirectUrl></Autodiscover>");
        let servers =
            "<Autodiscover><Protocol><Type>IMAP</Type><Server>i.x.test</Server></Protocol></Autodiscover>";
        let (search, _, _) = asked(&[
            ("https://x.test/autodiscover/autodiscover.xml", redirect("https://y.test/a")),
            ("https://y.test/a", servers.to_owned()),
        ])
        .await;
        assert_eq!(search.servers.imap[0].host, "i.x.test");
        let (search, asked, _) = asked(&[
            ("https://x.test/autodiscover/autodiscover.xml", redirect("https://y.test/a")),
            ("https://y.test/a", redirect("https://y.test/a")),
        ])
        .await;
        assert!(search.source.is_none() && search.failures[2].1.starts_with("10 documents"));
        assert_eq!(asked.iter().filter(|url| url.contains("y.test")).count(), MAX_ANSWERS - 1);
    }
}
