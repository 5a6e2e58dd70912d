//! Templates that are too long for a request: they go through S3, under the digest of their content.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use syncline_core::stack::{self, MAX_INLINE_TEMPLATE_BYTES};

use crate::error::from_sdk;
use crate::{Error, settings};

/// How CloudFormation is given a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource {
    /// In the request.
    Body(String),
    /// From this address in S3.
    Url(String),
}

/// The bucket for long templates.
#[derive(Clone, Debug)]
pub struct Templates {
    client: Client,
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
        // Path-style requests need no DNS name for each bucket, which a local endpoint has not.
        let client = Client::from_conf(aws_sdk_s3::config::Builder::from(configuration).force_path_style(true).build());
        let region = configuration.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Self { client, bucket, region }
    }

    /// The template itself where it is short enough; else its address, after it was put there. The same template twice
    /// is one object.
    pub async fn source(&self, template: &str) -> Result<TemplateSource, Error> {
        if template.len() <= MAX_INLINE_TEMPLATE_BYTES {
            return Ok(TemplateSource::Body(template.to_owned()));
        }
        let Some(bucket) = &self.bucket else {
            return Err(Error::Refused {
                action: "cloudformation:CreateStack",
                code: "ValidationError".to_owned(),
                message: format!(
                    "the template has {} bytes; one of more than {MAX_INLINE_TEMPLATE_BYTES} goes through S3, so name a bucket with --s3-bucket",
                    template.len()
                ),
            });
        };
        let key = format!("templates/{}.yaml", stack::digest_of(template));
        self.client
            .put_object()
            .bucket(bucket)
            .key(&key)
            .body(ByteStream::from(template.as_bytes().to_vec()))
            .send()
            .await
            .map_err(from_sdk("s3:PutObject"))?;
        Ok(TemplateSource::Url(format!("https://s3.{}.amazonaws.com/{bucket}/{key}", self.region)))
    }
}
