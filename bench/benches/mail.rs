//! The mail crate alone: building, encrypting, decrypting and reading messages.
//!
//! `cargo bench -p volary-bench --bench mail`

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use volary_mail::address::Address;
use volary_mail::message::{
    Mailbox, MessageId, OuterHeaders, Outgoing, Payload, ReadOptions, Recipients, parse_effective,
    parse_outer, render_encrypted, render_payload,
};
use volary_mail::openpgp::{Certificate, Layers, SecretKey, decrypt, encrypt};

const NOW: i64 = 1_795_469_034;
/// Characters of the texts: a usual message, and one that is shown shortened.
const TEXTS: [usize; 2] = [80, 20_000];
/// Recipients of groups.
const GROUPS: [usize; 3] = [1, 10, 50];

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

/// Somebody with a key.
struct Person {
    mailbox: Mailbox,
    key: SecretKey,
    certificate: Certificate,
}

fn person(number: usize) -> Person {
    let text = format!("person{number:04}@example.org");
    let address = Address::parse(&text).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(number as u64);
    let key = SecretKey::generate(&address, NOW, &mut rng).unwrap();
    let certificate = key.certificate(&address, std::slice::from_ref(&address), NOW, &mut rng).unwrap();
    Person { mailbox: Mailbox::new(format!("Person {number}"), text), key, certificate }
}

fn outgoing(from: &Person, to: &[Person], length: usize) -> Outgoing {
    let text =
        "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(length).collect::<String>();
    let recipients = Recipients::Listed(to.iter().map(|person| person.mailbox.clone()).collect());
    let id = MessageId::parse("0d3c8f0e-4c5e-4d66-9a39-4f5c3ad8c0b1@localhost").unwrap();
    Outgoing::text(from.mailbox.clone(), recipients, id, NOW, text)
}

fn payload(outgoing: &Outgoing) -> Vec<u8> {
    let mut rng = rng();
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    render_payload(outgoing, &outer, &mut rng)
}

fn certificates(people: &[Person]) -> Vec<Certificate> {
    people.iter().map(|person| person.certificate.clone()).collect()
}

/// A mail as it comes from the relay.
fn mail(outgoing: &Outgoing, from: &Person, to: &[Person]) -> Vec<u8> {
    let mut rng = rng();
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    let payload = render_payload(outgoing, &outer, &mut rng);
    let armored = encrypt(payload, &from.key, &certificates(to), Layers::MESSAGE, NOW, &mut rng).unwrap();
    render_encrypted(&outer, &armored, &mut rng)
}

fn build(c: &mut Criterion) {
    let (alice, bob) = (person(1), [person(2)]);
    let mut group = c.benchmark_group("build");
    for length in TEXTS {
        let outgoing = outgoing(&alice, &bob, length);
        group.bench_with_input(BenchmarkId::new("payload", length), &outgoing, |b, outgoing| {
            b.iter(|| payload(black_box(outgoing)));
        });
    }
    group.finish();
}

fn encryption(c: &mut Criterion) {
    let alice = person(1);
    let mut group = c.benchmark_group("encrypt and sign");
    for size in GROUPS {
        let others: Vec<Person> = (2..2 + size).map(person).collect();
        let payload = payload(&outgoing(&alice, &others, TEXTS[0]));
        let recipients = certificates(&others);
        let mut rng = rng();
        group.bench_function(BenchmarkId::new("recipients", size), |b| {
            b.iter_batched(
                || payload.clone(),
                |payload| encrypt(payload, &alice.key, &recipients, Layers::MESSAGE, NOW, &mut rng).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn decryption(c: &mut Criterion) {
    let alice = person(1);
    let mut group = c.benchmark_group("decrypt and verify");
    for size in GROUPS {
        let others: Vec<Person> = (2..2 + size).map(person).collect();
        let mail = mail(&outgoing(&alice, &others, TEXTS[0]), &alice, &others);
        let outer = parse_outer(&mail).unwrap();
        let ciphertext = outer.ciphertext().unwrap();
        // The last one tries the session keys of all others first.
        let reader = &others[size - 1];
        let own = reader.key.fingerprint();
        group.bench_function(BenchmarkId::new("recipients", size), |b| {
            b.iter(|| {
                let opened = decrypt(black_box(ciphertext), std::slice::from_ref(&reader.key), []).unwrap();
                opened.authenticate(&[own], [&alice.certificate]).unwrap().unwrap()
            });
        });
    }
    group.finish();
}

fn parse(c: &mut Criterion) {
    let (alice, bob) = (person(1), [person(2)]);
    let mut group = c.benchmark_group("parse");
    for length in TEXTS {
        let mail = mail(&outgoing(&alice, &bob, length), &alice, &bob);
        let outer = parse_outer(&mail).unwrap();
        let ciphertext = outer.ciphertext().unwrap();
        let opened = decrypt(ciphertext, std::slice::from_ref(&bob[0].key), []).unwrap();
        group.throughput(Throughput::Bytes(mail.len() as u64));
        group.bench_with_input(BenchmarkId::new("outside", length), &mail, |b, mail| {
            b.iter(|| parse_outer(black_box(mail)).unwrap());
        });
        group.throughput(Throughput::Bytes(opened.payload.len() as u64));
        group.bench_function(BenchmarkId::new("inside", length), |b| {
            let payload = Payload { bytes: &opened.payload, signed: true };
            b.iter(|| parse_effective(&outer, Some(black_box(&payload)), ReadOptions::default()).unwrap());
        });
    }
    group.finish();
}

fn keys(c: &mut Criterion) {
    let address = Address::parse("alice@example.org").unwrap();
    let mut rng = rng();
    let mut group = c.benchmark_group("keys");
    group.bench_function("generate", |b| b.iter(|| SecretKey::generate(&address, NOW, &mut rng).unwrap()));
    let bytes = person(1).certificate.as_bytes().to_vec();
    group
        .bench_function("check a certificate", |b| b.iter(|| Certificate::parse(black_box(&bytes)).unwrap()));
    group.bench_function("load a certificate", |b| {
        b.iter(|| Certificate::from_store(black_box(&bytes)).unwrap());
    });
    group.finish();
}

criterion_group!(mail_benches, build, encryption, decryption, parse, keys);
criterion_main!(mail_benches);
