//! The Lambda function `on-execution-end`: wiring. What it does is in `lib.rs`.

use lambda_runtime::{LambdaEvent, run, service_fn};
use on_execution_end::OnExecutionEnd;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let handler = OnExecutionEnd::from_environment()?;
    let handler = &handler;
    // On the heap: with the runtime around it, the future would be deeper than the compiler goes.
    run(service_fn(move |event: LambdaEvent<Value>| Box::pin(handler.handle(event.payload)))).await
}
