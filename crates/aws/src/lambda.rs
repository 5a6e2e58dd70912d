//! What a function on Lambda needs of a configuration, and no more: everything comes from its environment, so nothing is read
//! from files, no other source of credentials is built in, and nobody but Amazon is trusted to vouch for AWS.
//!
//! Reading the operating system's certificates alone would take two thirds of a function's start.

use std::env;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::sdk_config::SharedTimeSource;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::{Error, retries, settings, timeouts};

/// The roots of Amazon Trust Services, one of which vouches for every endpoint of AWS
/// (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The configuration that every client of a function shares. Lambda gives region and credentials.
///
/// Partitions other than `aws` and `aws-us-gov` may have roots of their own, and whoever sets `SSL_CERT_FILE` or `SSL_CERT_DIR` has
/// too: there the operating system's are trusted, or what is set. A function speaks to AWS without a proxy.
///
/// # Errors
/// [`Error::Misconfigured`] where there is no region.
pub fn configuration() -> Result<SdkConfig, Error> {
    let region = settings::required("AWS_REGION")?;
    let roots = match env::var_os("SSL_CERT_FILE").or_else(|| env::var_os("SSL_CERT_DIR")) {
        None if trusts_amazon_alone(&region) => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        _ => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(roots).build().expect("it checks nothing");
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls).build_https();
    let is_set = |variable| settings::optional(variable).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(http)
        .use_fips(is_set("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_set("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Environment)
        // Clients find the time by themselves; who assumes a role does not.
        .time_source(SharedTimeSource::default())
        .retry_config(retries())
        .timeout_config(timeouts())
        .build())
}

/// Whether a region's endpoints are vouched for by Amazon's public roots.
fn trusts_amazon_alone(region: &str) -> bool {
    !["cn-", "us-iso", "eu-iso", "eusc-"].iter().any(|others| region.starts_with(others))
}

/// Settings of one service, such as `AWS_ENDPOINT_URL_CODECOMMIT`.
#[derive(Debug)]
struct Environment;

impl LoadServiceConfig for Environment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        settings::optional(&format!("{}_{service}", key.env())).or_else(|| settings::optional(key.env()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root that is withdrawn, or added, is noticed when the list that browsers trust is next updated here.
    #[test]
    fn the_roots_are_those_that_everybody_trusts_of_amazon() {
        use rustls_pki_types::CertificateDer;
        use rustls_pki_types::pem::PemObject;

        let mut ours: Vec<_> =
            CertificateDer::pem_slice_iter(AMAZON_ROOTS).map(|root| root.expect("a certificate")).collect();
        let of_amazon = |root: &&CertificateDer<'_>| {
            ["Amazon Root CA", "Starfield Services Root Certificate Authority"]
                .iter()
                .any(|name| root.windows(name.len()).any(|bytes| bytes == name.as_bytes()))
        };
        let mut everybodys: Vec<_> =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(of_amazon).cloned().collect();
        everybodys.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
        ours.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
        assert_eq!(ours, everybodys);
    }

    #[test]
    fn other_partitions_have_roots_of_their_own() {
        let trusted = ["eu-central-1", "us-gov-west-1"].map(trusts_amazon_alone);
        let others = ["cn-north-1", "us-iso-east-1", "eu-isoe-west-1", "eusc-de-east-1"].map(trusts_amazon_alone);
        assert_eq!((trusted, others), ([true; 2], [false; 4]));
    }
}
