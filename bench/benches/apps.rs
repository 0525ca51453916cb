//! Updates of one in-chat app, few and many: adding one, reading the last ones, writing a mail of them.
//!
//! `cargo bench -p volary-bench --bench apps`

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_engine::query::look::look;
use volary_engine::state::{apps, messages};
use volary_engine::testing::{Desk, PROFILE};
use volary_engine::webxdc::apply::{Source, apply};
use volary_engine::webxdc::instance;
use volary_mail::webxdc::update::effects::Arrival;
use volary_mail::webxdc::update::{Update, batch};
use volary_storage::records::{MessageRecord, MessageState, ViewType};

/// Updates that an app has already.
const KNOWN: [u32; 3] = [10, 1_000, 10_000];
/// Updates that are read behind the last one that is known.
const NEW: u32 = 10;

fn update() -> Update {
    let json = format!("{{\"payload\":{{\"move\":\"e2e4\",\"note\":\"{}\"}}}}", "x".repeat(200));
    Update { uid: Some(format!("{:024x}", rand::random::<u64>())), ..Update::from_wire(&json).unwrap() }
}

/// A received app with so many updates.
async fn app(desk: &Desk, known: u32) -> MessageId {
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat: ChatId = desk.chat_with(bob).await;
    let record = MessageRecord {
        chat,
        from: bob,
        state: MessageState::InSeen,
        sort: desk.now(),
        ..Default::default()
    };
    let app = desk.puts(record).await;
    desk.change(move |tx| {
        messages::update(tx, app, |record| record.view_type = ViewType::Webxdc)?;
        for _ in 0..known {
            apps::add_update(tx, app, &update())?;
        }
        Ok(())
    })
    .await;
    app
}

fn updates(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for known in KNOWN {
        let desk = runtime.block_on(Desk::new());
        let app = runtime.block_on(app(&desk, known));
        let read = |after: u32| look(&desk.db, PROFILE, |look| instance::updates(look, app, after)).unwrap();

        let mut group = c.benchmark_group("app, read updates");
        group.throughput(Throughput::Elements(NEW.into()));
        group.bench_function(BenchmarkId::new("the last ten of", known), |b| {
            b.iter(|| black_box(read(known - NEW)))
        });
        group.throughput(Throughput::Elements(known.into()));
        group.sample_size(20);
        group.bench_function(BenchmarkId::new("all of", known), |b| b.iter(|| black_box(read(0))));
        group.finish();

        let mut group = c.benchmark_group("app, a mail of updates");
        group.throughput(Throughput::Elements(100));
        group.bench_function(BenchmarkId::new("a hundred of", known), |b| {
            b.iter(|| {
                let view = desk.db.look(|view| {
                    apps::range(view, PROFILE, app, 1, 100.min(known))?
                        .map(|row| row.map(|(_, json)| json))
                        .collect()
                });
                let updates: Vec<String> = view.unwrap();
                black_box(batch::write(updates))
            });
        });
        group.finish();

        // Last: it adds to the app.
        let mut group = c.benchmark_group("app, apply a received update");
        group.sample_size(20);
        group.bench_function(BenchmarkId::new("behind", known), |b| {
            b.iter(|| {
                let update = update();
                runtime.block_on(desk.change(move |tx| {
                    let source = Source { from: ContactId::FIRST, at: tx.now, arrival: Arrival::Member };
                    apply(tx, app, &update, source)
                }))
            });
        });
        group.finish();
    }
}

criterion_group!(app_benches, updates);
criterion_main!(app_benches);
