//! Templates that go through S3, under the digest of their content: those that are too long for a request, and those of
//! nested stacks.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sdk_s3::primitives::ByteStream;
use futures_util::FutureExt as _;
use syncline_core::stack::{self, MAX_INLINE_TEMPLATE_BYTES, StackRequest};

use crate::error::from_sdk;
use crate::lazy::{Lazy, lazily};
use crate::{Error, settings};

/// How CloudFormation is given a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource {
    /// In the request.
    Body(String),
    /// From this address in S3.
    Url(String),
}

/// What a stack is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Its template.
    pub template: TemplateSource,
    /// The address of the template of the stack that is nested in it, where one is.
    pub addons: Option<String>,
}

/// Where long templates go. CloudFormation fetches them once, and they expire.
const TEMPLATES: &str = "templates";
/// Where templates of nested stacks go. CloudFormation fetches them again when it undoes an update, so they stay.
const ADDONS: &str = "addons";

/// The bucket for templates.
#[derive(Clone, Debug)]
pub struct Templates {
    client: Lazy<Client>,
    bucket: Option<String>,
    region: String,
}

impl Templates {
    /// Reads `TEMPLATE_BUCKET`.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Result<Self, Error> {
        Ok(Self::new(configuration, Some(settings::required("TEMPLATE_BUCKET")?)))
    }

    /// A bucket that was named, or none: then only short templates can be passed.
    pub fn new(configuration: &aws_config::SdkConfig, bucket: Option<String>) -> Self {
        let client = lazily(configuration, client);
        let region = configuration.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Self { client, bucket, region }
    }

    /// What a stack is made from, after what CloudFormation fetches was put there: a template that is too long for a request,
    /// and that of the stack which is nested in it.
    pub async fn sources(&self, request: &StackRequest) -> Result<Sources, Error> {
        let template = if request.template.len() <= MAX_INLINE_TEMPLATE_BYTES {
            TemplateSource::Body(request.template.clone())
        } else {
            TemplateSource::Url(self.put(TEMPLATES, &request.template).await?)
        };
        let addons = match &request.addons {
            Some(addons) => Some(self.put(ADDONS, addons).await?),
            None => None,
        };
        Ok(Sources { template, addons })
    }

    /// Whether a stack can be made at all: what goes through S3 takes a bucket.
    pub fn can_take(&self, request: &StackRequest) -> bool {
        self.bucket.is_some() || (request.template.len() <= MAX_INLINE_TEMPLATE_BYTES && request.addons.is_none())
    }

    /// Where the template of a nested stack lies once it was put there; nothing without a bucket.
    pub fn addons_url(&self, template: &str) -> Result<Option<String>, Error> {
        self.bucket.as_ref().map(|bucket| self.url(bucket, &key(ADDONS, template))).transpose()
    }

    /// Puts a template there, and gives its address. The same template twice is one object.
    async fn put(&self, folder: &str, template: &str) -> Result<String, Error> {
        let Some(bucket) = &self.bucket else {
            return Err(Error::Refused {
                action: "cloudformation:CreateStack",
                code: "ValidationError".to_owned(),
                message: format!(
                    "templates of more than {MAX_INLINE_TEMPLATE_BYTES} bytes, and those of a service's addons, go through S3: name a bucket with --s3-bucket"
                ),
            });
        };
        let key = key(folder, template);
        self.client
            .put_object()
            .bucket(bucket)
            .key(&key)
            .body(ByteStream::from(template.as_bytes().to_vec()))
            .send()
            .await
            .map_err(from_sdk("s3:PutObject"))?;
        self.url(bucket, &key)
    }

    /// The address of an object, as CloudFormation reaches it: S3's own endpoint in the region, whatever whoever asks goes through.
    fn url(&self, bucket: &str, key: &str) -> Result<String, Error> {
        let misconfigured = |problem: String| Error::Misconfigured { variable: "AWS_REGION", problem };
        let parameters = Params::builder().region(&self.region).build();
        let parameters = parameters.map_err(|error| misconfigured(error.to_string()))?;
        let resolver = DefaultResolver::new();
        // The SDK's own table of partitions answers; nothing is waited for.
        match resolver.resolve_endpoint(&parameters).now_or_never() {
            Some(Ok(endpoint)) => Ok(format!("{}/{bucket}/{key}", endpoint.url())),
            Some(Err(error)) => Err(misconfigured(error.to_string())),
            None => Err(misconfigured("has no endpoint of S3".to_owned())),
        }
    }
}

/// A client of S3. Path-style requests need no DNS name for each bucket, which a local endpoint has not.
pub(crate) fn client(configuration: &aws_config::SdkConfig) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(configuration).force_path_style(true).build())
}

fn key(folder: &str, template: &str) -> String {
    format!("{folder}/{}.yaml", stack::digest_of(template))
}

#[cfg(test)]
mod tests {
    use aws_config::{Region, SdkConfig};

    use super::*;

    #[test]
    fn a_templates_address_is_that_of_its_partition() {
        for (region, host) in [
            ("us-east-1", "s3.us-east-1.amazonaws.com"),
            ("us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ] {
            let configuration = SdkConfig::builder().region(Region::new(region)).build();
            let url = Templates::new(&configuration, None).url("bucket", "templates/1.yaml").unwrap();
            assert_eq!(url, format!("https://{host}/bucket/templates/1.yaml"));
        }
    }
}
