//! The seeds of the fuzz targets on properties and stored messages, replayed; `cargo xtask fuzz` goes further.

#[path = "../../../tests/fuzz/checks/properties.rs"]
mod properties;
#[path = "../../../tests/fuzz/checks/seeds.rs"]
mod seeds;
#[path = "../../../tests/fuzz/checks/stored.rs"]
mod stored;

#[test]
fn every_seed_of_properties_is_read_safely() {
    seeds::replay("properties", properties::check);
}

#[test]
fn every_seed_of_stored_messages_is_read_safely() {
    seeds::replay("stored", stored::check);
}
