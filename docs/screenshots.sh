#!/usr/bin/env bash
# Makes the pictures of the page, docs/plots/page-*.png, with a real Chromium: apt-get install chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --test tests -- --ignored --exact browser::screenshots::pictures_of_the_page
