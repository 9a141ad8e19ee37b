# What a developer runs. `just` lists it.

default:
    @just --list

# A live network, a consumer killed half-way, and the proof
demo *options:
    cargo run --release -- demo {{options}}

# Every test of the workspace
test:
    cargo test --workspace

# Each step of a queue's append and commit fails once
failpoints:
    cargo test -p seismic-sqlite --test failpoints

# Formatting, clippy and documentation, warnings are errors
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, advisories, doubled and foreign dependencies (needs cargo-deny)
deny:
    cargo deny check

# Records/s of each stage, compared with the run before
bench *options:
    cargo bench --bench stages {{options}}

# Instructions per record of each stage, compared with what was accepted last (needs valgrind)
instructions *options:
    cargo bench --bench instructions -- {{options}}

# What must pass before a change goes in
ci: lint test failpoints

# The generated Rust from the .proto files
proto:
    UPDATE_GENERATED=1 cargo test -p seismic-proto
