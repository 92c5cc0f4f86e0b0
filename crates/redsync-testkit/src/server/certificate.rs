//! Makes a certificate authority and a certificate of it, for one test.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use super::ServerError;

/// The file with the authority's certificate.
pub(super) const AUTHORITY: &str = "ca.pem";
/// The file with the server's certificate.
pub(super) const CERTIFICATE: &str = "server.pem";
/// The file with the server's private key.
pub(super) const KEY: &str = "server.key";

/// Writes an authority's certificate, a server's certificate and its key into `dir`.
pub(super) fn make_in(dir: &Path) -> Result<(), ServerError> {
    let (authority, issuer) = authority()?;
    let key = KeyPair::generate()?;
    let certificate = server()?.signed_by(&key, &issuer)?;
    fs::write(dir.join(AUTHORITY), authority.pem())?;
    fs::write(dir.join(CERTIFICATE), certificate.pem())?;
    fs::write(dir.join(KEY), key.serialize_pem())?;
    Ok(())
}

fn authority() -> Result<(Certificate, Issuer<'static, KeyPair>), Error> {
    let mut params = named("Authority of a redsync test", &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

fn server() -> Result<CertificateParams, Error> {
    let mut params = named("Server of a redsync test", &["localhost", "127.0.0.1"])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Two certificates of one name would be taken for a self-signed one.
fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
