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
    bucket: String,
    region: String,
}

impl Templates {
    /// Reads `TEMPLATE_BUCKET`.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Result<Self, Error> {
        // Path-style requests need no DNS name for each bucket, which a local endpoint has not.
        let client = Client::from_conf(aws_sdk_s3::config::Builder::from(configuration).force_path_style(true).build());
        let region = configuration.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string);
        Ok(Self { client, bucket: settings::required("TEMPLATE_BUCKET")?, region })
    }

    /// The template itself where it is short enough; else its address, after it was put there. The same template twice
    /// is one object.
    pub async fn source(&self, template: &str) -> Result<TemplateSource, Error> {
        if template.len() <= MAX_INLINE_TEMPLATE_BYTES {
            return Ok(TemplateSource::Body(template.to_owned()));
        }
        let key = format!("templates/{}.yaml", stack::digest_of(template));
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .body(ByteStream::from(template.as_bytes().to_vec()))
            .send()
            .await
            .map_err(from_sdk("s3:PutObject"))?;
        Ok(TemplateSource::Url(format!("https://s3.{}.amazonaws.com/{}/{key}", self.region, self.bucket)))
    }
}
