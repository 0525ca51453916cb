# The common chores; `just` lists them. Each recipe is a line or two that can be typed by hand as well.

set positional-arguments

built := env("CARGO_TARGET_DIR", justfile_directory() / "target")

# List the recipes
default:
    @just --list

# Format everything
fmt:
    cargo fmt --all

# Clippy on all targets, warnings are errors; unused dependencies
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    tests/unused-deps

# All tests on the embedded relay; arguments go to cargo test (just test -p volary-mail)
test *arguments:
    RUST_TEST_THREADS=${RUST_TEST_THREADS:-16} cargo test --locked "${@:---workspace}"

# What to run between two edits: format, lint and tests
quick:
    tests/run --quick

# Everything; asks before it installs mail servers
check *arguments:
    tests/run "$@"

# Scenarios whose names contain NAME, on the embedded relay (just scenario groups::)
scenario name *arguments:
    cargo test --locked -p volary-tests --test scenarios "$@"

# The demo of the README
demo *arguments:
    cargo run --release -- demo "$@"

# Scenarios with released versions of chatmail core, on Dovecot and Postfix (needs `just lab up`)
interop *arguments: programs
    tests/interop/run "{{ built }}/debug/volary-rpc-server" "$@"

# chatmail core's own suite: --required, --all, or -- and arguments of pytest (needs `just lab up`)
peer-suite *arguments: programs
    tests/peer-suite "{{ built }}/debug/volary-rpc-server" "${@:---required}"

# Kill an engine again and again (just crash --rounds 300 --relay lab)
crash *arguments:
    tests/crash "$@"

# Relays of Dovecot and Postfix on loopback: up, down, status, off DOMAIN, on DOMAIN (root)
lab *arguments:
    tests/lab/relay "$@"

# Fuzz TARGET for some seconds (needs a nightly compiler); without a target all of them for a minute
fuzz target="" seconds="60":
    tests/fuzz/run {{ if target == "" { "" } else { "--seconds " + seconds + " " + target } }}

# Volary beside chatmail core, with what is shipped (needs `just lab up`)
bench *arguments:
    cargo build --locked --profile dist --bin volary-rpc-server
    bench/compare "{{ built }}/dist/volary-rpc-server" "$@"

# Many profiles on an embedded relay (just stress --profiles 1000 --rate 30 --seconds 15)
stress *arguments:
    cargo build --locked --profile dist -p volary-cli -p volary-bench
    "{{ built }}/dist/volary-stress" "$@"

# The reference of the library, in a browser
docs:
    cargo doc --locked --workspace --no-deps --open

# Write docs/settings.md from the table of settings
settings:
    VOLARY_WRITE_DOCS=1 cargo test --locked -p volary-engine settings

# Write docs/jsonrpc.md from the table of methods and the schema
jsonrpc:
    VOLARY_WRITE_DOCS=1 cargo test --locked -p volary --features jsonrpc page

# Write docs/protocol.md from the definition of the bus
protocol:
    VOLARY_WRITE_DOCS=1 cargo test --locked -p volary --features grpc --lib grpc::page

# Write docs/cli.md from the commands and their options
cli:
    VOLARY_WRITE_DOCS=1 cargo test --locked -p volary-cli --lib page

# Record what is new in the schema; fails if a number or type that programs know has changed
schema:
    VOLARY_WRITE_DOCS=1 cargo test --locked -p volary-grpc --test compatibility

# What is shipped: optimised, stripped, debug information aside
dist *folder:
    .ci/dist "$@"

[private]
programs:
    cargo build --locked -p volary-cli -p volary-frontends --bins
