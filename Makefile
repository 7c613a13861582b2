# `make test` installs missing tools and runs every check. Each step can be run alone. Tests with real clocks, sockets and processes that
# fail are run once more, and what failed first is printed: see scripts/rust-tests, scripts/again and web-demo/test/run.js.
# Cargo must be present. On Debian, Node.js 20 and Chromium are installed if they are missing and make has permission to install them.

SHELL := /bin/bash
WEB := web-demo
export CARGO_TERM_COLOR ?= auto

.PHONY: test tools format lint rust pure docs types unit package feel smooth e2e python pusher pusher-load kafka guide pages newcomer deny bench faults hostile attacks cluster crowd joins sweep crashes determinism hibernation film spectators tap

test: tools format lint rust pure docs types unit package feel e2e python pusher kafka guide pages
	@echo "all checks passed"

tools: $(WEB)/node_modules/.installed
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.93 or newer" >&2; exit 1; }
	@scripts/need-chromium
	@scripts/need-brokers

$(WEB)/node_modules/.installed: $(WEB)/package-lock.json
	@scripts/need-node
	cd $(WEB) && npm ci --no-audit --no-fund
	@touch $@

format:
	cargo fmt --check

lint:
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p tickwire --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --manifest-path benches/peers/Cargo.toml --target-dir target -- -D warnings

rust:
	@scripts/need-brokers
	scripts/rust-tests --all-targets
	TICKWIRE_TEST_ROAD=mounted scripts/rust-tests --test server -- play:: slow:: hostile:: floods:: resume:: breaks:: refusals:: cors:: sweep::full_sockets_change
	cargo test --locked --workspace --doc

# The target `rust` tests the same world at length; here the pure half only has to build and run alone.
pure:
	TICKWIRE_SEEDS=200 TICKWIRE_LISTS=500 cargo test --locked -p tickwire --no-default-features --lib --test clock --test delta --test golden --test placement --test room --test room_inputs --test world

# Also compares the public items of the library with the listed ones.
docs:
	scripts/public-items
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --lib

types: tools
	cd $(WEB) && npm run --silent check

unit: tools
	cd $(WEB) && npm test --silent

# The browser client as a package, installed elsewhere with Vite and ws.
package: tools
	cd $(WEB) && npm run --silent package

# What players see, measured over simulated links in virtual time, and the tables of the guide's page on it.
feel: tools
	cargo build --locked --workspace --example lockstep
	cd $(WEB) && npm run --silent feel

# What the browser client costs a page among a hundred avatars: a minute in Chromium. The end-to-end tests have eight seconds of it.
smooth: tools
	cargo build --locked --release
	cd $(WEB) && npm run --silent smooth

e2e: tools
	cargo build --locked --release
	cargo build --locked --workspace --example brink
	cd $(WEB) && npm run --silent e2e

# The Python client, which was written from PROTOCOL.md alone: the golden vectors, a visit to the arena, and rooms whose counters wrap.
python:
	cargo build --locked --release
	cargo build --locked --workspace --example brink
	scripts/again scripts/python-client

# Public clients and server SDKs of the Pusher protocol, and pages with them in Chromium, against the binary.
pusher: tools
	cargo build --locked --release
	cargo build --locked --workspace --example duel
	scripts/again scripts/pusher-clients

# What an app of the Pusher protocol carries on one core; needs a quiet machine and a minute.
pusher-load:
	cargo build --locked --release
	scripts/pusher-load

# Results of matches by a Kafka broker, each once, while the server and the consumer are killed. Installs packages of PyPI.
kafka: tools
	scripts/again scripts/kafka-results

# The first game of the guide, built and played as the guide shows it, and the projects that `tickwire new` makes.
guide: tools
	cd $(WEB) && npm run --silent guide

# Pages with PixiJS, Phaser, three.js, React and Vue, that of the game of tag, and an app of Nitro, bundled and played in Chromium. Installs npm
# packages.
pages: tools
	cargo build --locked --release
	cd $(WEB) && npm run --silent pages

# A newcomer with the README, without anything downloaded or compiled: seconds to two tabs that see each other move. Takes minutes, and port 8080.
newcomer: tools
	cd $(WEB) && npm run --silent newcomer

# Advisories, licences and sources; needs cargo-deny and its database.
deny:
	@if ! command -v cargo-deny >/dev/null; then echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; fi
	cargo deny check

bench:
	cargo bench --locked

# Kills a server under 500 players a hundred times, for each durability. Takes some fifteen minutes.
crashes:
	for durability in process disk; do \
		TICKWIRE_ROOMS=100 TICKWIRE_CRASHES=100 TICKWIRE_DURABILITY=$$durability \
			cargo test --locked --release --workspace --test crash -- --nocapture || exit 1; \
	done

# Viewers of a film while its server is killed or stopped fifty times, and a thousand viewers behind nginx. Takes some minutes.
film:
	@scripts/need-brokers
	ulimit -n 16384 && TICKWIRE_CRASHES=50 TICKWIRE_VIEWERS=1000 cargo test --locked --release --workspace --test film -- --nocapture

# Thousands of viewers of one room by server-sent events, alone and beside players; see the script for what it prints.
spectators:
	cargo build --locked --release
	scripts/spectators

# What the world is told, while the server is killed fifty times, and with a sink that is stuck for a minute.
tap:
	TICKWIRE_CRASHES=50 cargo test --locked --release --workspace --test outlets -- --nocapture
	TICKWIRE_STUCK=60 cargo test --locked --release --workspace --test server -- --nocapture a_stuck_sink

# A million ticks of an arena with 50 players, twice and from three checkpoints.
determinism:
	TICKWIRE_TICKS=1000000 cargo test --locked --release --workspace --test determinism -- --nocapture

# What ten thousand sleeping rooms cost a server, and how soon one wakes.
hibernation:
	TICKWIRE_SLEEPERS=10000 cargo test --locked --release --workspace --test hibernation -- --nocapture

# Faults of a cluster of real processes and a real Redis, at length: storms of joins; rooms that move, and a deploy of another build;
# very many players and rooms; and a table of faults under 150 players in 30 rooms on 3 nodes, whose histories are checked. Takes about an
# hour; a short part is in `rust`.
cluster:
	@scripts/need-brokers
	ulimit -n 16384 && TICKWIRE_ROUNDS=5 TICKWIRE_JOINS=4000 cargo test --locked --release --workspace --test cluster -- --nocapture \
		--skip table:: --skip handover:: --skip builds:: --skip herd::
	ulimit -n 16384 && TICKWIRE_MOVED=500 TICKWIRE_SPREAD=200 TICKWIRE_DEPLOYED=200 TICKWIRE_HERD=2000 TICKWIRE_COSTLY=1000 TICKWIRE_LEASE=8 \
		cargo test --locked --release --workspace --test cluster -- --nocapture --test-threads 1 handover:: builds:: herd::
	ulimit -n 16384 && TICKWIRE_ROUNDS=5 TICKWIRE_FAILOVERS=20 TICKWIRE_LEASE=8 TICKWIRE_FALLING_ROOMS=30 \
		cargo test --locked --release --workspace --test cluster -- --nocapture --test-threads 1 table::

# Clusters of 100 and of 1,000 nodes with 100 rooms each, in virtual time: what Redis does, and when rooms of nodes that fail go on.
crowd:
	for nodes in 100 1000; do \
		TICKWIRE_CROWD=$$nodes cargo test --locked --release --workspace --test crowd -- --nocapture --test-threads 1 || exit 1; \
	done

# What a join costs among 100, 1,000 and 10,000 rooms: at most half as much again. Needs a quiet machine.
joins:
	TICKWIRE_ROOMS=10000 cargo test --locked --release --workspace --test server -- --nocapture crowd::

# A thousand sessions of one worker, three quarters of which stop reading again and again, without TLS and with it.
sweep:
	for seal in change with_tls; do \
		ulimit -n 16384 && TICKWIRE_SESSIONS=1000 cargo test --locked --release --workspace --test server -- --nocapture full_sockets_$$seal \
			|| exit 1; \
	done

# Runs the tests of each known fault (tests/faults.toml) and prints a row for each; needs a quiet machine and some ten minutes.
faults: tools
	scripts/faults

# Part of `faults`: a million invalid messages against the release binary ...
hostile:
	scripts/hostile

# ... and attacks within the message limits.
attacks:
	scripts/attacks
