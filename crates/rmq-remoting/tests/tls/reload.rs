//! Files that change while a client runs.

use rmq_remoting::{TlsConfig, TlsProblem, TlsServerConfig};

use crate::authority::{Authority, Folder};
use crate::world::{NAME, ask, client, refused, serve, serve_as};

#[tokio::test]
async fn a_changed_list_of_authorities_counts_from_the_next_dial() {
    let (old, new, folder) = (Authority::new(), Authority::new(), Folder::new());
    let file = folder.write("ca.pem", &old.pem);
    let client = client(&TlsConfig::new().ca_file(&file));
    let (first, second, third) =
        (serve(&old.sign(&[NAME])).await, serve(&new.sign(&[NAME])).await, serve(&new.sign(&[NAME])).await);
    ask(&client, &first.endpoint).await.unwrap();
    assert_eq!(refused(&client, &second.endpoint).await.0, TlsProblem::Untrusted);
    folder.write("ca.pem", &new.pem);
    ask(&client, &third.endpoint).await.unwrap();
    ask(&client, &first.endpoint).await.expect("the old connection is as good as it was");
}

#[tokio::test]
async fn a_spoiled_file_leaves_the_last_good_one_in_force() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let file = folder.write("ca.pem", &authority.pem);
    let client = client(&TlsConfig::new().ca_file(&file));
    for spoiled in ["", "-----BEGIN CERTIFICATE-----\nhalf"] {
        folder.write("ca.pem", spoiled);
        ask(&client, &serve(&authority.sign(&[NAME])).await.endpoint).await.unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    ask(&client, &serve(&authority.sign(&[NAME])).await.endpoint).await.unwrap();
}

#[tokio::test]
async fn a_renewed_client_certificate_is_shown_at_the_next_dial() {
    let (servers, old, new, folder) = (Authority::new(), Authority::new(), Authority::new(), Folder::new());
    let put = |by: &Authority| {
        let identity = by.sign(&["client"]);
        (folder.write("client.pem", &identity.chain), folder.write("client.key", &identity.key))
    };
    let (chain, key) = put(&old);
    let tls = TlsConfig::new().ca_file(folder.write("ca.pem", &servers.pem)).client_certificate(chain, key);
    let client = client(&tls);
    for authority in [&old, &new] {
        put(authority);
        let identity = servers.sign(&[NAME]);
        let config = TlsServerConfig::mutual(&identity.chain, &identity.key, &authority.pem).unwrap();
        ask(&client, &serve_as(config).await.endpoint).await.unwrap();
    }
}
