# The verbs of this project: `just` lists them.

# The servers that the tests of faults and engines need; empty for SQLite alone.
require := env("LUCARNE_TEST_REQUIRE", "")

_default:
    @just --list --unsorted

# Format, lints and the tests of the machine at hand.
check: lint test

# Format and lints alone.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# All tests, or those whose name holds FILTER.
test *FILTER:
    LUCARNE_TEST_REQUIRE={{require}} cargo test --locked {{FILTER}}

# The sample database, served, with a token printed.
dev:
    cargo run -- demo

# Statements, answers and schemas as files: look at the difference, then take it.
bless:
    INSTA_UPDATE=always UPDATE_SCHEMAS=1 cargo test --locked --test queries --test docs
    git diff --stat

# Real clients of MCP from their registries, into the tables of docs/mcp.md: all, or NAMES.
clients *NAMES:
    cargo build
    python3 tests/clients/mcp/run.py --write {{NAMES}}

# What the service costs against the floors of this machine.
bench *ARGS:
    cargo bench --bench gateway -- {{ARGS}}

# The worst that clients can do, in figures for docs/internals/reliability.md.
figures:
    LUCARNE_TEST_REQUIRE={{require}} LUCARNE_DEAF=1024 cargo test --locked --test it --test ops -- \
        --nocapture --test-threads 1 heavy:: worst:: memory:: memory_is_bounded withdraw::

# What the page weighs, and what its first view takes.
page-figures:
    cargo build
    npm run --silent --prefix tests/page figures

# What continuous integration runs.
ci:
    bash .ci/run

# Licences, duplicates, sources, known advisories.
deny:
    cargo deny --locked check

# What is misspelt (pip install typos), and which dependencies nothing uses (cargo-machete).
tidy:
    typos
    cargo machete

# The share of lines that tests run (cargo-llvm-cov).
coverage:
    LUCARNE_TEST_REQUIRE={{require}} cargo llvm-cov --locked --summary-only

# Version, changelog, tag, static binaries and the list of parts.
release VERSION:
    .ci/release {{VERSION}}
