//! The seeds of the fuzz target on routes, replayed; `cargo xtask fuzz` goes further.

#[path = "../../../tests/fuzz/checks/route_json.rs"]
mod route_json;
#[path = "../../../tests/fuzz/checks/seeds.rs"]
mod seeds;

#[test]
fn every_seed_of_a_route_is_read_safely() {
    seeds::replay("route_json", route_json::check);
}
