// Loaded before Takomo: has the AWS SDK for JavaScript 2 call the local AWS, which speaks HTTP.
const Module = require("module")
const load = Module._load
let isSet = false

Module._load = function (name, ...others) {
  const loaded = load.call(this, name, ...others)
  if (name === "aws-sdk" && !isSet) {
    isSet = true
    loaded.config.update({ endpoint: process.env.AWS_ENDPOINT_URL, sslEnabled: false })
    const { handleRequest } = loaded.NodeHttpClient.prototype
    // Takomo brings an agent for HTTPS.
    loaded.NodeHttpClient.prototype.handleRequest = function (request, options, ...more) {
      return handleRequest.call(this, request, { ...options, agent: undefined }, ...more)
    }
  }
  return loaded
}
