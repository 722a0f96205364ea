//! What the Java classes produce and accept, case by case, and what must hold for any input.

mod any_id;
mod any_name;
mod any_property;
mod any_stored;
mod golden;
mod java_constants;
mod java_ids;
mod java_message;
mod java_properties;
mod java_stored;
mod java_validators;
