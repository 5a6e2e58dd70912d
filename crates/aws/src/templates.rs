//! Templates that go through S3, under the digest of their content: those that are too long for a request, and those of
//! nested stacks.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
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
    pub fn addons_url(&self, template: &str) -> Option<String> {
        self.bucket.as_ref().map(|bucket| self.url(bucket, &key(ADDONS, template)))
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
        Ok(self.url(bucket, &key))
    }

    fn url(&self, bucket: &str, key: &str) -> String {
        format!("https://s3.{}.amazonaws.com/{bucket}/{key}", self.region)
    }
}

/// A client of S3. Path-style requests need no DNS name for each bucket, which a local endpoint has not.
pub(crate) fn client(configuration: &aws_config::SdkConfig) -> Client {
    Client::from_conf(aws_sdk_s3::config::Builder::from(configuration).force_path_style(true).build())
}

fn key(folder: &str, template: &str) -> String {
    format!("{folder}/{}.yaml", stack::digest_of(template))
}
